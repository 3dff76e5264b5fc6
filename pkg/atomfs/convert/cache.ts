import { createHash } from 'node:crypto';
import { isMosError } from '../../errors/index.ts';
import { type Host, readTextIfThere, writeAtomic } from '../../host/index.ts';
import { type ContentStore, type Descriptor, type Digest, isDescriptor } from '../../oci/index.ts';
import { type LayerFormat, parseLayerType, rootHashOf } from '../layer.ts';

/** Layers from the lowest up, each with what its config says of it unpacked: that was compared, and is not again. */
export type Chain = readonly (readonly [layer: Digest, diffId: Digest | undefined])[];

/** Another number when a change of the converter must not give back what an older one made. */
const converterVersion = 3;

/**
 * Remembers which layer came out of which, in a folder of the person who converts. It is never taken from the target:
 * a registry could name any layer there, and publish would sign it.
 *
 *     <folder>/<key>.json   a descriptor; the key hashes converter, format, the builder's version, and digests and
 *                           diff ids of the layer and those below
 */
export class ConversionCache {
  readonly #host: Host;
  readonly #folder: string | undefined;
  readonly #note: (text: string) => void;
  #isOurs: Promise<boolean> | undefined;
  #builder: Promise<string> | undefined;

  constructor(host: Host, folder: string | undefined, note: (text: string) => void) {
    this.#host = host;
    this.#folder = folder;
    this.#note = note;
  }

  /** The converted layer where it is known and the target has it. */
  async find(format: LayerFormat, chain: Chain, target: ContentStore): Promise<Descriptor | undefined> {
    if (this.#folder === undefined || !(await this.#isTrusted(this.#folder))) return undefined;
    const text = await readTextIfThere(this.#host, await this.#pathOf(this.#folder, format, chain));
    const known = text === undefined ? undefined : parseKnown(text, format);
    return known !== undefined && (await target.has(known)) ? known : undefined;
  }

  async remember(format: LayerFormat, chain: Chain, layer: Descriptor): Promise<void> {
    if (this.#folder === undefined || !(await this.#isTrusted(this.#folder))) return;
    await this.#host.files.makeFolder(this.#folder, { mode: 0o700, parents: true });
    const path = await this.#pathOf(this.#folder, format, chain);
    await writeAtomic(this.#host, path, `${JSON.stringify(layer)}\n`);
  }

  async #pathOf(folder: string, format: LayerFormat, chain: Chain): Promise<string> {
    this.#builder ??= builderOf(this.#host, format);
    const parts = [converterVersion, format, await this.#builder, ...chain];
    return `${folder}/${createHash('sha256').update(JSON.stringify(parts)).digest('hex')}.json`;
  }

  /** What others can write to would let them choose what is signed. */
  #isTrusted(folder: string): Promise<boolean> {
    this.#isOurs ??= this.#look(folder);
    return this.#isOurs;
  }

  async #look(folder: string): Promise<boolean> {
    const found = await this.#host.files.stat(folder);
    if (found === undefined) return true;
    const writable = 0o022;
    const isOurs =
      found.type === 'directory' && found.uid === this.#host.machine.uid && (found.mode & writable) === 0;
    if (!isOurs) this.#note(`warning: ${folder} is not used: others could have written to it`);
    return isOurs;
  }
}

/** What the builder says of itself: another version may make other bytes. Empty where it isn't installed. */
async function builderOf(host: Host, format: LayerFormat): Promise<string> {
  const argv = versionCommands[format];
  try {
    const { stdout, stderr } = await host.processes.query(argv, { accept: [1] });
    return `${Buffer.from(stdout)}${stderr}`.split('\n')[0] ?? '';
  } catch (error) {
    if (isMosError(error, 'not-found')) return '';
    throw error;
  }
}

const versionCommands = { squashfs: ['sqfstar', '-version'], erofs: ['mkfs.erofs', '-V'] } as const;

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
