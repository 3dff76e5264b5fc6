import { MosError } from '../pkg/errors/index.ts';

/** One entry of an initrd. Owners are root, times are 0: the same files give the same bytes. */
export type CpioEntry =
  | { readonly kind: 'folder'; readonly path: string; readonly mode: number }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly content: Uint8Array }
  | { readonly kind: 'link'; readonly path: string; readonly target: string };

const typeBits = { folder: 0o040000, file: 0o100000, link: 0o120000 } as const;
const none = new Uint8Array(0);

/**
 * A cpio archive of the "newc" format as the kernel reads it (Documentation/driver-api/early-userspace/buffer-format),
 * in pieces, so that nothing big is copied. Entries stand in the order of their paths, so a folder comes before what
 * is in it; folders that are not named are made.
 */
export function renderCpio(entries: readonly CpioEntry[]): Uint8Array[] {
  const all = withFolders(entries);
  return [
    ...all.flatMap((entry, index) => renderEntry(entry, index + 1)),
    ...record({ name: 'TRAILER!!!', inode: 0, mode: 0, content: none }),
  ];
}

function withFolders(entries: readonly CpioEntry[]): CpioEntry[] {
  const byPath = new Map<string, CpioEntry>();
  for (const entry of entries) {
    const refuse = (why: string) =>
      new MosError('invalid', `cannot pack ${JSON.stringify(entry.path)}: ${why}`);
    if (!isBelowRoot(entry.path)) throw refuse('not a path below the root');
    if (byPath.has(entry.path)) throw refuse('it is there twice');
    byPath.set(entry.path, entry);
  }
  for (const { path } of entries)
    for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
      const folder = path.slice(0, at);
      if (!byPath.has(folder)) byPath.set(folder, { kind: 'folder', path: folder, mode: 0o755 });
    }
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

const isBelowRoot = (path: string): boolean =>
  !path.includes('\0') && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');

function renderEntry(entry: CpioEntry, inode: number): Uint8Array[] {
  const mode = typeBits[entry.kind] | (entry.kind === 'link' ? 0o777 : entry.mode);
  const content =
    entry.kind === 'file' ? entry.content : entry.kind === 'link' ? Buffer.from(entry.target) : none;
  return record({ name: entry.path, inode, mode, content });
}

type CpioRecord = {
  readonly name: string;
  readonly inode: number;
  readonly mode: number;
  readonly content: Uint8Array;
};

function record({ name, inode, mode, content }: CpioRecord): Uint8Array[] {
  const bytes = Buffer.from(`${name}\0`);
  const links = (mode & typeBits.folder) !== 0 && (mode & typeBits.file) === 0 ? 2 : 1;
  // inode mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [inode, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, bytes.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return [padded(Buffer.concat([Buffer.from(header), bytes])), content, padding(content.length)];
}

const padding = (length: number): Uint8Array => new Uint8Array(-length & 3);
const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, padding(bytes.length)]);
