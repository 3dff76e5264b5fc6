import type { Lower, LowerNode } from './lower.ts';
import { checkedLink, meaningOf, partsOf, refused, shown } from './names.ts';
import { type Folder, type Inode, type Node, newFolder, plainAttributes, type Whiteout } from './node.ts';
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
 * link(2) on an overlay does. Whiteouts hide what lies below only, wherever they stand in the archive (image-spec 1.1
 * layer.md); which way a path takes is decided where it stands, as umoci, docker and containerd do. `layer` is the
 * number of this one, from the lowest up. Pure.
 */
export function planLayer(entries: readonly TarEntry[], lower: Lower | undefined, layer: number): LayerPlan {
  const plan = new Planner(lower, layer);
  for (const [order, entry] of entries.entries()) {
    const parts = partsOf(entry.name);
    const meaning = meaningOf(entry.name, parts);
    if (meaning.kind === 'plain') plan.place(entry, parts, order);
    if (meaning.kind === 'whiteout') plan.hide(parts.slice(0, -1), meaning.hides, order);
    if (meaning.kind === 'opaque') plan.hideAll(parts.slice(0, -1), order);
  }
  return plan.finish();
}

class Planner {
  readonly #lower: Lower | undefined;
  readonly #layer: number;
  /** Copies of what lies below, each by what it is a copy of. */
  readonly #copies = new Map<LowerNode, Inode>();
  /** Names that no entry made, nor one below them: folders on the way to whiteouts, and what was copied up. */
  readonly #borrowed = new Map<Folder, Set<ByteText>>();
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
    else this.#placeIn(this.#wayTo(entry.name, parts.slice(0, -1), order), last, entry, order);
  }

  #placeIn(way: Way, name: ByteText, entry: TarEntry, order: number): void {
    const { children } = way.folder;
    const existing = children.get(name);
    if (entry.type !== 'directory') children.set(name, this.#nodeOf(entry, order));
    else if (existing?.type === 'directory') existing.attributes = attributesOf(entry, this.#notes);
    else {
      const folder = newFolder(attributesOf(entry, this.#notes), order);
      // What was there hid all that lies below.
      folder.isOpaque = existing !== undefined && this.#layer > 0;
      children.set(name, folder);
    }
    this.#own(way, name);
  }

  /** A whiteout of a name counts where the folder that it names is there; what this layer has there hides all anyway. */
  hide(path: readonly ByteText[], name: ByteText, order: number): void {
    const folder = this.#markedFolder(path, order);
    if (folder !== undefined) this.#hideIn(folder, name, order);
  }

  /** An opaque mark. */
  hideAll(path: readonly ByteText[], order: number): void {
    const folder = this.#markedFolder(path, order);
    if (folder !== undefined) this.#hideBelow(folder);
  }

  #hideIn(folder: Folder, name: ByteText, order: number): void {
    const isBorrowed = this.#borrowed.get(folder)?.delete(name);
    const own = isBorrowed ? undefined : folder.children.get(name);
    if (own === undefined) folder.children.set(name, { type: 'whiteout', order });
    else if (own.type === 'directory') this.#hideBelow(own);
  }

  #hideBelow(folder: Folder): void {
    folder.isOpaque = true;
    this.#dropBorrowed(folder);
  }

  #dropBorrowed(folder: Folder): void {
    if (this.#borrowed.size === 0) return;
    for (const name of this.#borrowed.get(folder) ?? []) folder.children.delete(name);
    this.#borrowed.delete(folder);
    for (const child of folder.children.values()) if (child.type === 'directory') this.#dropBorrowed(child);
  }

  /** The name, and the folders that it lies in, are the layer's own from now on. */
  #own(way: Way, name: ByteText): void {
    if (this.#borrowed.size === 0) return;
    this.#borrowed.get(way.folder)?.delete(name);
    if (way.parent !== undefined) this.#own(way.parent, way.path.at(-1) ?? '');
  }

  #borrow(folder: Folder, name: ByteText): void {
    this.#borrowed.set(folder, (this.#borrowed.get(folder) ?? new Set()).add(name));
  }

  finish(): LayerPlan {
    if (!this.#hasRootEntry) this.#root.attributes = this.#attributesBelow([]);
    if (this.#root.isOpaque) this.#hideRoot();
    for (const [name, child] of this.#root.children) this.#dropIdle(child, [name], false);
    const borrowed = [...this.#copies.values()].filter(({ type, size }) => type === 'file' && size > 0);
    const borrows = [...new Set(borrowed.map(({ layer }) => layer))];
    return { root: this.#root, notes: this.#notes.list(), borrows };
  }

  /** overlayfs does not look at the root's own xattr, so each name below it is hidden by itself. */
  #hideRoot(): void {
    for (const name of this.#below().rootNames()) this.#hideIn(this.#root, name, Number.MAX_SAFE_INTEGER);
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
    this.#borrow(way.folder, name);
    return copy;
  }

  /** Where a path leads, with what is missing made. */
  #wayTo(name: ByteText, path: readonly ByteText[], order: number): Way {
    const found = walk(this.#root, path, (at, part): Step => {
      const there = this.#look(at, part);
      if (there === undefined || 'folders' in there) return this.#implied(at, part, order);
      if (there.type === 'directory' || there.type === 'symlink') return there;
      throw refused(name, `lies below ${shown([...at.path, part].join('/'))}, which is no folder`);
    });
    if (found === undefined) throw refused(name, 'lies below too many links');
    return found;
  }

  /** The folder of a mark; undefined where there is none, so that the mark hides nothing. */
  #markedFolder(path: readonly ByteText[], order: number): Folder | undefined {
    return walk(this.#root, path, (at, part): Step => {
      const there = this.#look(at, part);
      if (there !== undefined && !('folders' in there))
        return there.type === 'directory' || there.type === 'symlink' ? there : undefined;
      const isBelow = at.isMerged && !at.folder.children.has(part);
      return isBelow && this.#below().mayHaveFolder([...at.path, part])
        ? this.#implied(at, part, order)
        : undefined;
    })?.folder;
  }

  /** What a name is by now, in this layer or one below. */
  #look(at: Way, part: ByteText): Exclude<Node, Whiteout> | LowerNode | undefined {
    const own = at.folder.children.get(part);
    if (own === undefined) return at.isMerged ? this.#below().find([...at.path, part]) : undefined;
    return own.type === 'whiteout' ? undefined : own;
  }

  /** A folder without an entry: with the attributes that it has below, where no whiteout stands in its place. */
  #implied(at: Way, part: ByteText, order: number): Folder {
    const isHidden = at.folder.children.has(part);
    const isNew = isHidden || !at.isMerged;
    const folder = newFolder(isNew ? plainAttributes : this.#attributesBelow([...at.path, part]), order);
    folder.isOpaque = isHidden;
    at.folder.children.set(part, folder);
    this.#borrow(at.folder, part);
    return folder;
  }

  /** Where a folder has none below that is seen, overlayfs would list a whiteout in it as a broken name. */
  #dropIdle(node: Node, path: readonly ByteText[], isHidden: boolean): void {
    if (node.type !== 'directory') return;
    const hides = isHidden || node.isOpaque;
    const children = [...node.children];
    const isIdle =
      children.some(([, { type }]) => type === 'whiteout') && (hides || !this.#below().mayHaveFolder(path));
    for (const [name, child] of children)
      if (child.type === 'whiteout' && isIdle) node.children.delete(name);
      else this.#dropIdle(child, [...path, name], hides);
  }
}
