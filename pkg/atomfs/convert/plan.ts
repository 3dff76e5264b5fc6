import type { Lower, LowerNode } from './lower.ts';
import { checkedLink, meaningOf, partsOf, refused, shown } from './names.ts';
import { type Folder, type Inode, type Node, newFolder, plainAttributes } from './node.ts';
import { attributesOf, Notes } from './notes.ts';
import type { Attributes, ByteText, TarEntry } from './tar/entry.ts';
import { type Step, type Way, walk } from './way.ts';

/** The tree of one layer; what could not be kept, as sentences; layers below in whose tars bytes of its files are. */
export type LayerPlan = {
  readonly root: Folder;
  readonly notes: readonly string[];
  readonly borrows: readonly number[];
};

/** Thrown by `planLayer` where it has to know the layers below and was not told: the caller gets them and calls again. */
export class NeedsLower extends Error {}

/**
 * Puts the entries of a tar layer into the tree that overlayfs needs, as if they were unpacked one after the other
 * over the layers below: the last entry of a name wins, a path through a link goes where the link leads, and a folder
 * without an entry has the attributes it has below. A file below that a hard link names is copied up with its name, as
 * link(2) on an overlay does. Whiteouts count for the layers below only, wherever they stand in the archive
 * (image-spec 1.1 layer.md). `layer` is the number of this one, from the lowest up. Pure.
 */
export function planLayer(entries: readonly TarEntry[], lower: Lower | undefined, layer: number): LayerPlan {
  const plan = new Planner(lower, layer);
  const marks: Mark[] = [];
  for (const [order, entry] of entries.entries()) {
    const parts = partsOf(entry.name);
    const meaning = meaningOf(entry.name, parts);
    if (meaning.kind === 'plain') plan.place(entry, parts, order);
    if (meaning.kind === 'whiteout') marks.push({ folder: parts.slice(0, -1), hides: meaning.hides, order });
    if (meaning.kind === 'opaque') marks.push({ folder: parts.slice(0, -1), hides: undefined, order });
  }
  for (const mark of marks) plan.mark(mark);
  return plan.finish();
}

/** A whiteout of a name in a folder; without a name: of all that the folder has below. */
type Mark = { readonly folder: ByteText[]; readonly hides: ByteText | undefined; readonly order: number };

class Planner {
  readonly #lower: Lower | undefined;
  readonly #layer: number;
  /** Copies of what lies below, each by what it is a copy of. */
  readonly #copies = new Map<LowerNode, Inode>();
  readonly #copiedNames = new Map<Folder, Map<ByteText, Node>>();
  readonly #root: Folder = newFolder(plainAttributes, -1);
  #hasRootEntry = false;
  readonly #notes = new Notes();

  constructor(lower: Lower | undefined, layer: number) {
    this.#lower = lower;
    this.#layer = layer;
  }

  place(entry: TarEntry, parts: readonly ByteText[], order: number): void {
    const last = parts.at(-1);
    if (last === undefined) this.#placeRoot(entry);
    else this.#placeIn(this.#wayTo(entry.name, parts.slice(0, -1), order).folder, last, entry, order);
  }

  #placeIn(parent: Folder, name: ByteText, entry: TarEntry, order: number): void {
    const existing = parent.children.get(name);
    if (entry.type !== 'directory') parent.children.set(name, this.#nodeOf(entry, order));
    else if (existing?.type === 'directory') existing.attributes = attributesOf(entry, this.#notes);
    else parent.children.set(name, newFolder(attributesOf(entry, this.#notes), order));
  }

  /** A mark counts where the folder that it names lies in the layers below; what this layer has there hides all anyway. */
  mark({ folder, hides, order }: Mark): void {
    const parent = this.#markedFolder(folder, order);
    if (parent === undefined) return;
    if (hides === undefined) {
      parent.isOpaque = true;
      return;
    }
    const own = parent.children.get(hides);
    if (own === undefined || own === this.#copiedNames.get(parent)?.get(hides))
      parent.children.set(hides, { type: 'whiteout', order });
    else if (own.type === 'directory') own.isOpaque = true;
  }

  finish(): LayerPlan {
    if (!this.#hasRootEntry) this.#root.attributes = this.#attributesBelow([]);
    if (this.#root.isOpaque) this.#hideRoot();
    for (const child of this.#root.children.values()) dropIdle(child, false);
    const borrowed = [...this.#copies.values()].filter(({ type, size }) => type === 'file' && size > 0);
    const borrows = [...new Set(borrowed.map(({ layer }) => layer))];
    return { root: this.#root, notes: this.#notes.list(), borrows };
  }

  /** overlayfs does not look at the root's own xattr, so each name below it is hidden by itself. */
  #hideRoot(): void {
    for (const name of this.#below().rootNames())
      this.mark({ folder: [], hides: name, order: Number.MAX_SAFE_INTEGER });
  }

  #below(): Lower {
    if (this.#lower === undefined) throw new NeedsLower();
    return this.#lower;
  }

  #attributesBelow(parts: readonly ByteText[]): Attributes {
    const found = this.#below().find(parts);
    return found?.type === 'directory' ? (found.folders[0]?.attributes ?? plainAttributes) : plainAttributes;
  }

  #placeRoot(entry: TarEntry): void {
    if (entry.type !== 'directory') throw refused(entry.name, 'stands for the root but is no folder');
    this.#root.attributes = attributesOf(entry, this.#notes);
    this.#hasRootEntry = true;
  }

  #nodeOf(entry: TarEntry, order: number): Node {
    if (entry.type === 'hardlink') return this.#linked(entry, order);
    if (entry.type === 'directory') throw new Error('a folder is no inode');
    if (entry.type === 'character' && entry.major === 0 && entry.minor === 0) {
      this.#notes.add('took a device 0:0 for a whiteout, as overlayfs does');
      return { type: 'whiteout', order };
    }
    if (entry.major < 0 || entry.major > 0xfff || entry.minor < 0 || entry.minor > 0x7_ffff)
      throw refused(entry.name, `has the device number ${entry.major}:${entry.minor}`);
    return {
      ...attributesOf(entry, this.#notes),
      type: entry.type,
      order,
      layer: this.#layer,
      size: entry.size,
      start: entry.start,
      pieces: entry.pieces,
      link: entry.type === 'symlink' ? checkedLink(entry.name, entry.link) : '',
      major: entry.major,
      minor: entry.minor,
    };
  }

  #linked(entry: TarEntry, order: number): Inode {
    const parts = partsOf(entry.link);
    const last = parts.at(-1);
    const way = this.#wayTo(entry.name, parts.slice(0, -1), order);
    const found =
      last === undefined ? undefined : (way.folder.children.get(last) ?? this.#copyUp(way, last, order));
    if (found === undefined || found.type === 'directory' || found.type === 'whiteout')
      throw refused(
        entry.name,
        `is a hard link to ${shown(entry.link)}, which is no file of this layer or one below`,
      );
    return found;
  }

  /** What lies below under this name, under this name here too. */
  #copyUp(way: Way, name: ByteText, order: number): Inode | undefined {
    const below = way.isMerged ? this.#below().find([...way.path, name]) : undefined;
    if (below === undefined || below.type === 'directory') return undefined;
    const copy = this.#copies.get(below) ?? { ...below, order };
    this.#copies.set(below, copy);
    way.folder.children.set(name, copy);
    const names = this.#copiedNames.get(way.folder) ?? new Map();
    this.#copiedNames.set(way.folder, names.set(name, copy));
    return copy;
  }

  /** Where a path leads, with what is missing made. */
  #wayTo(name: ByteText, path: readonly ByteText[], order: number): Way {
    const found = walk(this.#root, path, (at, part): Step => {
      const own = at.folder.children.get(part);
      if (own?.type === 'directory' || own?.type === 'symlink') return own;
      if (own !== undefined && own.type !== 'whiteout')
        throw refused(name, `lies below ${shown([...at.path, part].join('/'))}, which is no folder`);
      if (own === undefined && at.isMerged) {
        const below = this.#below().find([...at.path, part]);
        if (below?.type === 'symlink') return below;
      }
      return this.#implied(at, part, order, own !== undefined);
    });
    if (found === undefined) throw refused(name, 'lies below too many links');
    return found;
  }

  /** Where a mark belongs, through links of the layers below; undefined where it hides nothing. */
  #markedFolder(path: readonly ByteText[], order: number): Folder | undefined {
    return walk(this.#root, path, (at, part): Step => {
      const own = at.folder.children.get(part);
      if (own?.type === 'directory') return own;
      if (!at.isMerged) return undefined;
      const below = this.#below().find([...at.path, part]);
      if (below?.type === 'symlink') return below;
      return own === undefined && below?.type === 'directory'
        ? this.#implied(at, part, order, false)
        : undefined;
    })?.folder;
  }

  /** A folder without an entry: with the attributes that it has below. */
  #implied(at: Way, part: ByteText, order: number, isHidden: boolean): Folder {
    const isNew = isHidden || !at.isMerged;
    const folder = newFolder(isNew ? plainAttributes : this.#attributesBelow([...at.path, part]), order);
    folder.isOpaque = isHidden;
    at.folder.children.set(part, folder);
    return folder;
  }
}

/** Where nothing of the layers below is seen, overlayfs would list a whiteout as a broken name. */
function dropIdle(node: Node, isHidden: boolean): void {
  if (node.type !== 'directory') return;
  const hides = isHidden || node.isOpaque;
  for (const [name, child] of node.children)
    if (child.type === 'whiteout' && hides) node.children.delete(name);
    else dropIdle(child, hides);
}
