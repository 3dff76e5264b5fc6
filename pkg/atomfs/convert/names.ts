import { MosError } from '../../errors/index.ts';
import type { ByteText } from './tar/entry.ts';

/** Linux NAME_MAX and PATH_MAX less the NUL. */
const longestName = 255;
const longestLink = 4095;

/** A name of the archive for a message: what isn't printable ASCII is escaped. */
export const shown = (name: ByteText): string =>
  JSON.stringify(Buffer.from(name.slice(0, 300), 'latin1').toString('utf8'));

/**
 * The parts of a path below the image's root; none for the root itself. "/" in front and "." are dropped, as all tar
 * readers do; ".." is refused: it has no business in an image and readers differ about it.
 */
export function partsOf(name: ByteText): ByteText[] {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  for (const part of parts) {
    if (part === '..') throw refused(name, 'leads out of its folder');
    if (part.length > longestName) throw refused(name, `has a part of more than ${longestName} bytes`);
    if (part.includes('\0')) throw refused(name, 'contains a NUL');
  }
  return parts;
}

/** The target of a symbolic link is kept as it is, whatever it points to: it is resolved in the running system. */
export function checkedLink(name: ByteText, link: ByteText): ByteText {
  if (link === '' || link.length > longestLink || link.includes('\0'))
    throw refused(name, 'is a symbolic link without a usable target');
  return link;
}

export const refused = (name: ByteText, why: string): MosError =>
  new MosError('invalid', `cannot place ${shown(name)}: it ${why}`);

/** image-spec 1.1 layer.md, "Whiteouts". */
const whiteoutPrefix = '.wh.';
const opaqueName = '.wh..wh..opq';
/** Names of aufs itself, which docker leaves out: /.wh..wh.plnk, /.wh..wh.aufs and such. */
const metaPrefix = '.wh..wh.';

/** What the last part of a path means. `hides`: NAME of the layers below. */
export type Meaning =
  | { readonly kind: 'plain' }
  | { readonly kind: 'opaque' }
  | { readonly kind: 'ignored' }
  | { readonly kind: 'whiteout'; readonly hides: ByteText };

export function meaningOf(name: ByteText, parts: readonly ByteText[]): Meaning {
  const last = parts.at(-1) ?? '';
  if (parts[0]?.startsWith(metaPrefix) && !(parts.length === 1 && last === opaqueName))
    return { kind: 'ignored' };
  if (parts.slice(0, -1).some((part) => part.startsWith(whiteoutPrefix)))
    throw refused(name, 'lies below a whiteout');
  if (last === opaqueName) return { kind: 'opaque' };
  if (!last.startsWith(whiteoutPrefix)) return { kind: 'plain' };
  const hides = last.slice(whiteoutPrefix.length);
  if (hides === '' || hides === '.' || hides === '..' || hides.startsWith(whiteoutPrefix))
    throw refused(name, 'is a whiteout of nothing that can exist');
  return { kind: 'whiteout', hides };
}
