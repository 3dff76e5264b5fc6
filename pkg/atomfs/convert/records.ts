import type { Folder, Inode, Node } from './node.ts';
import type { Attributes, ByteText } from './tar/entry.ts';

/** One entry of the tar that is made for the file system builder. */
export type TarRecord = {
  readonly path: ByteText;
  readonly type: 'file' | 'hardlink' | 'symlink' | 'character' | 'block' | 'directory' | 'fifo';
  readonly attributes: Attributes;
  /** Of a link of either kind. */
  readonly link: ByteText;
  readonly major: number;
  readonly minor: number;
  /** Of the first name of a file: where its bytes are. */
  readonly content: Inode | undefined;
};

/** How overlayfs marks them (Linux filesystems/overlayfs.rst, "whiteouts and opaque directories"): each mount honours one of the two. */
const opaqueXattrs = [
  ['trusted.overlay.opaque', 'y'],
  ['user.overlay.opaque', 'y'],
] as const;
const whiteoutAttributes: Attributes = { mode: 0, uid: 0, gid: 0, mtime: 0, xattrs: new Map() };

type Name = { readonly path: ByteText; readonly node: Node; readonly parent: Name | undefined };

/**
 * The tree of a layer as entries of a tar: folders before what is in them, hard links after their file, and files in
 * the order in which their bytes lie in the archive, so that it can be read from front to end once. The root has no
 * entry of its own.
 */
export function listRecords(root: Folder): TarRecord[] {
  const names = [...namesIn(root, undefined)];
  names.sort((a, b) => a.node.order - b.node.order || (a.path < b.path ? -1 : 1));
  const done = new Set<Name>();
  const first = new Map<Node, Name>();
  const records: TarRecord[] = [];
  const add = (name: Name): void => {
    if (done.has(name)) return;
    done.add(name);
    if (name.parent) add(name.parent);
    const target = first.get(name.node);
    if (target === undefined) first.set(name.node, name);
    records.push(toRecord(name, target));
  };
  for (const name of names) add(name);
  return records;
}

/** The root itself, for a builder that takes an entry for it. */
export const rootRecord = (root: Folder): TarRecord => ({
  path: '.',
  type: 'directory',
  attributes: root.attributes,
  link: '',
  major: 0,
  minor: 0,
  content: undefined,
});

function* namesIn(folder: Folder, parent: Name | undefined): Generator<Name> {
  for (const [part, node] of folder.children) {
    const name = { path: parent === undefined ? part : `${parent.path}/${part}`, node, parent };
    yield name;
    if (node.type === 'directory') yield* namesIn(node, name);
  }
}

function toRecord({ path, node }: Name, target: Name | undefined): TarRecord {
  const plain = { path, link: '', major: 0, minor: 0, content: undefined };
  if (node.type === 'whiteout') return { ...plain, type: 'character', attributes: whiteoutAttributes };
  if (node.type === 'directory') return { ...plain, type: 'directory', attributes: markedAttributes(node) };
  if (target !== undefined) return { ...plain, type: 'hardlink', attributes: node, link: target.path };
  const { type, link, major, minor } = node;
  return {
    ...plain,
    type,
    attributes: node,
    link,
    major,
    minor,
    content: type === 'file' ? node : undefined,
  };
}

const markedAttributes = ({ attributes, isOpaque }: Folder): Attributes =>
  isOpaque ? { ...attributes, xattrs: new Map([...attributes.xattrs, ...opaqueXattrs]) } : attributes;
