import type { Attributes, ByteText, Piece } from './tar/entry.ts';

/**
 * What a name stands for. Hard links are names that share one. `order`: of the entry that made it. `layer`: in whose tar
 * the bytes are, counted from the lowest; one below where a hard link names a file of that.
 */
export type Inode = Attributes & {
  readonly order: number;
  readonly layer: number;
  readonly size: number;
  readonly start: number;
  readonly pieces: readonly Piece[] | undefined;
  readonly link: ByteText;
  readonly major: number;
  readonly minor: number;
} & { readonly type: 'file' | 'symlink' | 'character' | 'block' | 'fifo' };

/** A folder of one layer. */
export type Folder = {
  readonly type: 'directory';
  attributes: Attributes;
  /** Of the entry, or of the first one below it where the archive has none. */
  readonly order: number;
  readonly children: Map<ByteText, Node>;
  /** Hides the folder of the same name in the layers below. */
  isOpaque: boolean;
};

/** Hides the name in the layers below. */
export type Whiteout = { readonly type: 'whiteout'; readonly order: number };

export type Node = Inode | Folder | Whiteout;

/** A folder without an entry anywhere. */
export const plainAttributes: Attributes = { mode: 0o755, uid: 0, gid: 0, mtime: 0, xattrs: new Map() };

export const newFolder = (attributes: Attributes, order: number): Folder => ({
  type: 'directory',
  attributes,
  order,
  children: new Map(),
  isOpaque: false,
});
