import { promises as fs, type Stats } from 'node:fs';
import type { IdRange } from '../mounts.ts';
import { copyAttributes } from './attributes.ts';
import { checked, errnoError, translated } from './errors.ts';
import { type Libc, libc } from './libc/index.ts';
import { syscalls } from './syscalls.ts';

/** Entries of one folder that are copied at the same time. */
const atOnce = 16;
const atCurrentFolder = -100;
/** The kernel's overflow id: who is nobody anywhere. */
const nobody = 65_534;

type Copying = {
  readonly calls: Libc;
  readonly ids: IdRange;
  /** The first copy of what has several names, by inode. */
  readonly links: Map<number, Promise<Buffer>>;
};

/** Names are bytes, which need not be UTF-8. */
export const copyTree = (from: string, to: string, ids: IdRange): Promise<void> =>
  translated('copy', `${from} to ${to}`, async () => {
    const copying: Copying = { calls: await libc(), ids, links: new Map() };
    await copyFolder(copying, Buffer.from(from), Buffer.from(to), await fs.lstat(from));
  });

async function copyFolder(copying: Copying, from: Buffer, to: Buffer, stat: Stats): Promise<void> {
  await fs.mkdir(to, 0o700);
  const names = await fs.readdir(from, { encoding: 'buffer' });
  for (let done = 0; done < names.length; done += atOnce)
    await Promise.all(
      names.slice(done, done + atOnce).map((name) => copyEntry(copying, below(from, name), below(to, name))),
    );
  await finish(copying, from, to, stat);
}

const below = (folder: Buffer, name: Buffer): Buffer => Buffer.concat([folder, Buffer.from('/'), name]);

async function copyEntry(copying: Copying, from: Buffer, to: Buffer): Promise<void> {
  const stat = await fs.lstat(from);
  if (stat.isDirectory()) return copyFolder(copying, from, to, stat);
  if (stat.nlink < 2) return copyOther(copying, from, to, stat);
  const known = copying.links.get(stat.ino);
  if (known !== undefined) return fs.link(await known, to);
  const first = copyOther(copying, from, to, stat).then(() => to);
  copying.links.set(stat.ino, first);
  await first;
}

async function copyOther(copying: Copying, from: Buffer, to: Buffer, stat: Stats): Promise<void> {
  if (stat.isFile()) await copyContent(from, to, stat.size);
  else if (stat.isSymbolicLink()) await fs.symlink(await fs.readlink(from, { encoding: 'buffer' }), to);
  else makeNode(copying, to, stat);
  await finish(copying, from, to, stat);
}

const piece = 1024 * 1024;

/** Not copyFile: where a read fails, libuv goes on with other bytes of the file and tells nothing. */
async function copyContent(from: Buffer, to: Buffer, size: number): Promise<void> {
  await using source = await fs.open(from, 'r');
  await using target = await fs.open(to, 'wx', 0o600);
  const buffer = Buffer.allocUnsafe(Math.min(size, piece));
  for (let position = 0; position < size; ) {
    const { bytesRead } = await source.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) throw errnoError('read', from.toString(), 'EIO');
    await target.writeFile(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
}

/** A device, pipe or socket; whiteouts of overlay are devices. */
function makeNode({ calls }: Copying, to: Buffer, { mode, rdev }: Stats): void {
  const path = Buffer.concat([to, Buffer.from([0])]);
  checked(calls.call(syscalls.mknodat, atCurrentFolder, path, mode, rdev), 'make the node', to.toString());
}

/** The owner first: its change takes mode bits and capabilities away. */
async function finish({ calls, ids }: Copying, from: Buffer, to: Buffer, stat: Stats): Promise<void> {
  const [uid, gid] = [stat.uid, stat.gid].map((id) => (id < ids.count ? ids.start + id : nobody));
  await fs.lchown(to, uid ?? nobody, gid ?? nobody);
  if (!stat.isSymbolicLink()) await fs.chmod(to, stat.mode & 0o7777);
  copyAttributes(calls, from, to);
  await fs.lutimes(to, stat.atimeMs / 1000, stat.mtimeMs / 1000);
}
