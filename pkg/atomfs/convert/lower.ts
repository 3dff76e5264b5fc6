import type { Folder, Node } from './node.ts';
import type { ByteText } from './tar/entry.ts';

/** One name as all layers below show it together, as overlayfs merges them. */
export type LowerNode =
  | { readonly type: 'directory'; readonly folders: readonly Folder[] }
  | Exclude<Node, { type: 'directory' | 'whiteout' }>;

/** What lies below a layer: the folders at the root of each layer, the topmost first. */
export class Lower {
  readonly #roots: readonly Folder[];
  readonly #isWhole: boolean;

  /** `isWhole`: none of them is a layer that nobody looked into. */
  constructor(roots: readonly Folder[], isWhole = true) {
    this.#roots = roots;
    this.#isWhole = isWhole;
  }

  /** undefined where there is nothing, or where a link stands in between. */
  find(parts: readonly ByteText[]): LowerNode | undefined {
    let folders = visible(this.#roots);
    for (const [i, part] of parts.entries()) {
      const found = merge(folders, part);
      if (i === parts.length - 1) return found;
      if (found?.type !== 'directory') return undefined;
      folders = found.folders;
    }
    return folders.length === 0 ? undefined : { type: 'directory', folders };
  }

  /** Where nothing is found, a layer that nobody looked into may have a folder. */
  mayHaveFolder(parts: readonly ByteText[]): boolean {
    const found = this.find(parts);
    return found === undefined ? !this.#isWhole : found.type === 'directory';
  }

  /** The names at the root. */
  rootNames(): ByteText[] {
    const names = new Set(visible(this.#roots).flatMap((folder) => [...folder.children.keys()]));
    return [...names].filter((name) => this.find([name]) !== undefined).sort();
  }
}

/** Folders down to the first one that hides those below it. */
function visible(folders: readonly Folder[]): readonly Folder[] {
  const end = folders.findIndex((folder) => folder.isOpaque);
  return end < 0 ? folders : folders.slice(0, end + 1);
}

function merge(folders: readonly Folder[], name: ByteText): LowerNode | undefined {
  const found: Folder[] = [];
  for (const folder of folders) {
    const child = folder.children.get(name);
    if (child === undefined) continue;
    if (child.type === 'directory') {
      found.push(child);
      continue;
    }
    if (found.length === 0 && child.type !== 'whiteout') return child;
    break;
  }
  return found.length === 0 ? undefined : { type: 'directory', folders: visible(found) };
}
