import type { Folder } from './node.ts';
import type { ByteText } from './tar/entry.ts';

/** As many links as Linux follows (MAXSYMLINKS). */
const mostLinks = 40;

/** A folder of the layer and how it was reached. */
export class Way {
  readonly folder: Folder;
  readonly path: readonly ByteText[];
  readonly parent: Way | undefined;
  /** Whether the layers below show through here. */
  readonly isMerged: boolean;

  constructor(folder: Folder, path: readonly ByteText[] = [], parent?: Way) {
    this.folder = folder;
    this.path = path;
    this.parent = parent;
    this.isMerged = (parent?.isMerged ?? true) && !folder.isOpaque;
  }

  to(part: ByteText, folder: Folder): Way {
    return new Way(folder, [...this.path, part], this);
  }
}

/** What the next part of a path is: a folder, a link to go on from, or nothing that leads on. */
export type Step = Folder | { readonly link: ByteText } | undefined;

/** Follows a path, and links inside the image as if its root were the root; undefined where it leads nowhere. */
export function walk(
  root: Folder,
  path: readonly ByteText[],
  step: (at: Way, part: ByteText) => Step,
): Way | undefined {
  let at = new Way(root);
  const todo = path.toReversed();
  for (let links = 0; links <= mostLinks; ) {
    const part = todo.pop();
    if (part === undefined) return at;
    if (part === '..') {
      at = at.parent ?? at;
      continue;
    }
    const next = step(at, part);
    if (next === undefined) return undefined;
    if ('link' in next) {
      links++;
      if (next.link.startsWith('/')) at = new Way(root);
      todo.push(...next.link.split('/').filter(isName).reverse());
    } else at = at.to(part, next);
  }
  return undefined;
}

const isName = (part: ByteText): boolean => part !== '' && part !== '.';
