import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What lies below a folder, to be compared before and after: path to mode and hash. Locks and the times of files are
 * left aside. A folder that isn't there is an empty tree.
 */
export function treeOf(folder: string, except: RegExp = /(^|[/.])lock$/): Record<string, string> {
  const found: Record<string, string> = {};
  let names: string[];
  try {
    names = readdirSync(folder, { recursive: true }) as string[];
  } catch {
    return found;
  }
  for (const name of names.sort()) {
    if (except.test(name)) continue;
    const stat = lstatSync(join(folder, name));
    const mode = (stat.mode & 0o7777).toString(8);
    if (stat.isFile())
      found[name] = `${mode} ${createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex')}`;
    else found[name] = stat.isSymbolicLink() ? `link ${readlinkSync(join(folder, name))}` : mode;
  }
  return found;
}
