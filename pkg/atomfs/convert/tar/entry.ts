/** Bytes as text: each character is one byte. Names in a tar need not be UTF-8. */
export type ByteText = string;

/** What belongs to a name besides its content. mode without the type bits; mtime in whole seconds. */
export type Attributes = {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly xattrs: ReadonlyMap<ByteText, ByteText>;
};

/** Bytes of a file that are stored; between the pieces there are zeros. */
export type Piece = { readonly offset: number; readonly size: number };

export type EntryType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'character' | 'block' | 'fifo';

/** One entry as the archive has it: names are not cleaned yet. */
export type TarEntry = Attributes & {
  readonly type: EntryType;
  readonly name: ByteText;
  /** Target of a symbolic or hard link. */
  readonly link: ByteText;
  readonly major: number;
  readonly minor: number;
  /** Of the file when it is unpacked. */
  readonly size: number;
  /** Where its bytes begin in the archive. */
  readonly start: number;
  /** undefined: all of it is stored. */
  readonly pieces: readonly Piece[] | undefined;
};

export const blockBytes = 512;

/** Rounded up to blocks of a tar. */
export const padded = (size: number): number => Math.ceil(size / blockBytes) * blockBytes;
