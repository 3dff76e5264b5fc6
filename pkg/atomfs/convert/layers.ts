import type { Host } from '../../host/index.ts';
import {
  annotationKeys,
  type ContentSource,
  type ContentStore,
  type Descriptor,
  type Digest,
} from '../../oci/index.ts';
import type { Report } from '../../steps/index.ts';
import type { Inspection } from '../inspection/index.ts';
import { isAtomfsLayer, type LayerFormat, renderLayerType } from '../layer.ts';
import { buildFileSystem, compressionOf } from './build.ts';
import type { ConversionCache } from './cache.ts';
import { copyLayer } from './copy.ts';
import { Lower } from './lower.ts';
import { type Folder, newFolder, plainAttributes } from './node.ts';
import { streamParts } from './parts.ts';
import { type LayerPlan, NeedsLower, planLayer } from './plan.ts';
import { type SealedLayer, sealParts } from './seal.ts';
import { inLayer, spoolLayer } from './spool.ts';
import type { TarEntry } from './tar/entry.ts';

export type LayersContext = {
  readonly host: Host;
  readonly source: ContentSource;
  readonly target: ContentStore;
  readonly format: LayerFormat;
  readonly cache: ConversionCache;
  readonly remember: boolean;
  /** A folder of our own that goes when everything is done. */
  readonly scratch: string;
  readonly limit: number;
  readonly inspection: Inspection;
  readonly report: Report;
  readonly layers: readonly Descriptor[];
  readonly diffIds: readonly Digest[] | undefined;
};

/** Converts the layers of one image. What a layer must know of those below it is found out only when it asks. */
export class LayerConverter {
  readonly #context: LayersContext;
  readonly #plans: (Promise<LayerPlan> | undefined)[] = [];

  constructor(context: LayersContext) {
    this.#context = context;
  }

  /** Puts the layer into the target; its descriptor there. */
  async convert(index: number, signal: AbortSignal): Promise<Descriptor> {
    const { cache, format, source, target, layers, diffIds, inspection } = this.#context;
    const layer = this.#layer(index);
    if (isAtomfsLayer(layer.mediaType)) {
      await copyLayer(source, target, layer, inspection, signal);
      return layer;
    }
    const chain = layers.slice(0, index + 1).map(({ digest }, at) => [digest, diffIds?.[at]] as const);
    const known = await cache.find(format, chain, target);
    if (known !== undefined) return known;
    const made = await this.#make(index, signal);
    if (this.#context.remember) await cache.remember(format, chain, made);
    return made;
  }

  async #make(index: number, signal: AbortSignal): Promise<Descriptor> {
    const { host, format, target, report, scratch } = this.#context;
    const archive = `${scratch}/${index}.tar`;
    const planned = this.#spoolAndPlan(index, archive, signal);
    this.#plans[index] ??= planned;
    const { root, notes, borrows } = await planned;
    for (const text of notes) report({ kind: 'note', text: `layer ${index + 1}: ${text}` });
    const what = this.#nameOf('convert', index);
    const borrowed = await this.#fetchAgain(index, borrows, signal);
    const parts = await buildFileSystem(host, {
      format,
      archive,
      borrowed,
      root,
      signal,
      report: (done, total) => report({ kind: 'bytes', what, done, total }),
    });
    for (const file of [archive, ...borrowed.values()]) await host.files.remove(file);
    const sealed = await sealParts(host, parts);
    const layer = toDescriptor(format, sealed);
    if (!(await target.has(layer))) await target.put(layer, streamParts(host, sealed.parts));
    for (const part of parts) if (!(part instanceof Uint8Array)) await host.files.remove(part.file);
    return layer;
  }

  /** Tars of layers below, for files that hard links of this one name: they may be gone from scratch, and it is seldom. */
  async #fetchAgain(
    index: number,
    layers: readonly number[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, string>> {
    const files = new Map<number, string>();
    for (const below of layers) {
      const file = `${this.#context.scratch}/${index}.below-${below}.tar`;
      await this.#spool(below, file, signal);
      files.set(below, file);
    }
    return files;
  }

  async #spoolAndPlan(index: number, archive: string, signal: AbortSignal): Promise<LayerPlan> {
    const entries = await this.#spool(index, archive, signal);
    if (entries === undefined) return this.#unknown(index);
    try {
      const plan = tryPlan(entries, index === 0 ? new Lower([]) : undefined, index);
      return plan ?? planLayer(entries, await this.#below(index, signal), index);
    } catch (error) {
      throw inLayer(this.#layer(index), error);
    }
  }

  /** The entries of a tar layer, unpacked to a file; undefined where it isn't a tar. */
  async #spool(index: number, file: string, signal: AbortSignal): Promise<TarEntry[] | undefined> {
    const { host, source, limit, report, diffIds } = this.#context;
    const layer = this.#layer(index);
    if (isAtomfsLayer(layer.mediaType)) return undefined;
    const what = this.#nameOf('fetch', index);
    return spoolLayer(host, source, layer, file, {
      diffId: diffIds?.[index],
      limit,
      signal,
      report: (done) => report({ kind: 'bytes', what, done, total: layer.size }),
    });
  }

  /** The layers below, for one that has a folder without an entry, or a path through somebody else's link. */
  async #below(index: number, signal: AbortSignal): Promise<Lower> {
    const roots: Folder[] = [];
    for (let below = index - 1; below >= 0; below--) {
      this.#plans[below] ??= this.#look(below, signal);
      const plan = await this.#plans[below];
      if (plan) roots.push(plan.root);
    }
    const isWhole = this.#context.layers.slice(0, index).every(({ mediaType }) => !isAtomfsLayer(mediaType));
    return new Lower(roots, isWhole);
  }

  /** Only looks at a layer whose conversion is known. */
  async #look(index: number, signal: AbortSignal): Promise<LayerPlan> {
    const { host, scratch } = this.#context;
    const archive = `${scratch}/${index}.seen.tar`;
    const plan = await this.#spoolAndPlan(index, archive, signal);
    await host.files.remove(archive);
    return plan;
  }

  /** A layer that isn't a tar is not opened: folders that lie in it are taken for plain ones. */
  #unknown(index: number): LayerPlan {
    const text = `layer ${index + 1} is no tar: folders of tar layers above without an entry get mode 0755`;
    this.#context.report({ kind: 'note', text });
    return { root: newFolder(plainAttributes, 0), notes: [], borrows: [] };
  }

  #layer(index: number): Descriptor {
    const layer = this.#context.layers[index];
    if (layer === undefined) throw new Error(`there is no layer ${index}`);
    return layer;
  }

  #nameOf(verb: string, index: number): string {
    return `${verb} layer ${index + 1} of ${this.#context.layers.length}`;
  }
}

/** undefined where the layers below must be known. */
function tryPlan(
  entries: readonly TarEntry[],
  lower: Lower | undefined,
  layer: number,
): LayerPlan | undefined {
  try {
    return planLayer(entries, lower, layer);
  } catch (error) {
    if (error instanceof NeedsLower) return undefined;
    throw error;
  }
}

/** FORMATS 7: the old annotation for squashfs, which every reader knows, the new one for erofs. */
function toDescriptor(format: LayerFormat, { digest, size, root }: SealedLayer): Descriptor {
  const key = format === 'squashfs' ? annotationKeys.verityRootSquashfs : annotationKeys.verityRoot;
  return {
    mediaType: renderLayerType(format, compressionOf(format)),
    digest,
    size,
    annotations: { [key]: root },
  };
}
