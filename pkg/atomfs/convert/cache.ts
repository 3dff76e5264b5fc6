import { createHash } from 'node:crypto';
import { type Host, readTextIfThere, writeAtomic } from '../../host/index.ts';
import { type ContentStore, type Descriptor, type Digest, isDescriptor } from '../../oci/index.ts';
import { type LayerFormat, parseLayerType, rootHashOf } from '../layer.ts';

/** Another number when a change of the converter must not give back what an older one made. */
const converterVersion = 2;

/**
 * Remembers which layer came out of which, in a folder of the person who converts. It is never taken from the target:
 * a registry could name any layer there, and publish would sign it.
 *
 *     <folder>/<key>.json   a descriptor; the key hashes converter, format and the digests of the layer and those below
 */
export class ConversionCache {
  readonly #host: Host;
  readonly #folder: string | undefined;

  constructor(host: Host, folder: string | undefined) {
    this.#host = host;
    this.#folder = folder;
  }

  /** The converted layer where it is known and the target has it. */
  async find(
    format: LayerFormat,
    chain: readonly Digest[],
    target: ContentStore,
  ): Promise<Descriptor | undefined> {
    if (this.#folder === undefined) return undefined;
    const text = await readTextIfThere(this.#host, this.#pathOf(this.#folder, format, chain));
    const known = text === undefined ? undefined : parseKnown(text, format);
    return known !== undefined && (await target.has(known)) ? known : undefined;
  }

  async remember(format: LayerFormat, chain: readonly Digest[], layer: Descriptor): Promise<void> {
    if (this.#folder === undefined) return;
    await this.#host.files.makeFolder(this.#folder, { mode: 0o700, parents: true });
    await writeAtomic(this.#host, this.#pathOf(this.#folder, format, chain), `${JSON.stringify(layer)}\n`);
  }

  #pathOf(folder: string, format: LayerFormat, chain: readonly Digest[]): string {
    const key = createHash('sha256').update(JSON.stringify([converterVersion, format, ...chain]));
    return `${folder}/${key.digest('hex')}.json`;
  }
}

/** A file that a crash or a hand damaged is no reason to stop: the layer is made again. */
function parseKnown(text: string, format: LayerFormat): Descriptor | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isDescriptor(value) || rootHashOf(value) === undefined) return undefined;
    const type = parseLayerType(value.mediaType);
    return type.kind === 'atomfs' && type.format === format ? value : undefined;
  } catch {
    return undefined;
  }
}
