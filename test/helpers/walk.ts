import { spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs';

/** What a file system says about one name. Times in whole seconds; a folder's size and links are its own affair. */
export type Seen = {
  readonly mode: string;
  readonly owner: string;
  readonly mtime: number;
  readonly size?: number;
  readonly links?: number;
  readonly device?: string;
  readonly content?: string;
  /** Whether it needs less room than its size says. */
  readonly isSparse?: boolean;
};

const options = { encoding: 'buffer' } as const;

/** Everything below a folder (names as latin1, so that any bytes are fine), the folder itself as ".". */
export function walk(folder: string): Map<string, Seen> {
  const found = new Map<string, Seen>([['.', see(Buffer.from(folder))]]);
  const visit = (path: Buffer, name: string): void => {
    for (const entry of readdirSync(path, options).map((bytes) => bytes as Buffer)) {
      const below = Buffer.concat([path, Buffer.from('/'), entry]);
      const shown = `${name}${entry.toString('latin1')}`;
      found.set(shown, see(below));
      if (lstatSync(below).isDirectory()) visit(below, `${shown}/`);
    }
  };
  visit(Buffer.from(folder), '');
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function see(path: Buffer): Seen {
  const stat = lstatSync(path);
  return {
    mode: stat.mode.toString(8),
    owner: `${stat.uid}:${stat.gid}`,
    mtime: Math.floor(stat.mtimeMs / 1000),
    ...(stat.isDirectory() ? {} : { links: stat.nlink }),
    ...contentOf(path, stat),
  };
}

function contentOf(path: Buffer, stat: Stats): Partial<Seen> {
  if (stat.isSymbolicLink()) return { content: readlinkSync(path, options).toString('latin1') };
  if (stat.isCharacterDevice() || stat.isBlockDevice())
    return { device: `${(stat.rdev >> 8) & 0xfff}:${(stat.rdev & 0xff) | ((stat.rdev >> 12) & 0xfff00)}` };
  if (!stat.isFile()) return {};
  const isSparse = stat.blocks * 512 < stat.size / 2 && stat.size > 1_000_000;
  return { size: stat.size, isSparse, content: hash('sha256', readFileSync(path)) };
}

/** Every extended attribute below a folder, as getfattr writes them, one text a name. */
export function xattrsOf(folder: string): string[] {
  const command = ['-R', '-h', '-P', '-d', '-m', '-', '-e', 'hex', '--absolute-names', '.'];
  // Its exit code is 1 where a layer has no attributes at all: squashfs then answers that it knows no such thing.
  const { stdout } = spawnSync('getfattr', command, { cwd: folder, encoding: 'latin1', maxBuffer: 1e8 });
  return stdout
    .split('\n\n')
    .filter((block) => block.trim() !== '')
    .sort();
}
