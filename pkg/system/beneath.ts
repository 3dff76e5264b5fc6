import { isMosError, MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';

/**
 * `names` below a root as the machine itself will see them: a link on the way stays below the root, because with --root
 * it is somebody else's file system, and an absolute link of it means a folder of that one. What isn't there yet is
 * taken as it is named.
 */
export async function beneath(host: Host, root: string, names: readonly string[]): Promise<string> {
  let at = root === '/' ? '' : root;
  for (const [index, name] of names.entries()) {
    at = `${at}/${name}`;
    if (root !== '/' && (await host.files.stat(at))?.type === 'symlink')
      at = await followed(host, root, names.slice(0, index + 1).join('/'), at);
  }
  return at;
}

/** What is at `path` below the root, `shown` with the root: it is there, so only a link can lead away from it. */
export async function followed(host: Host, root: string, path: string, shown: string): Promise<string> {
  try {
    return await host.files.pathBelow(root, path);
  } catch (cause) {
    if (!isMosError(cause, 'not-found')) throw cause;
    throw new MosError('invalid', `cannot use ${shown}: it is a link that leads to nothing below ${root}`, {
      hint: 'links are followed below the root only; make it a folder, or mount one there',
    });
  }
}
