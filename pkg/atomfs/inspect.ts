import { isMosError, MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { type Descriptor, type Digest, verifiedBody } from '../oci/index.ts';
import type { Integrity, LayerUse, Molecule } from './molecule.ts';
import { idOf, mountAt, readRecord, readRecords, toMolecule } from './record.ts';

/** What is mounted, as the kernel says; a mount that was moved has its present target. In the order of the mounts. */
export async function listMolecules(host: Host, options: { readonly runtime: string }): Promise<Molecule[]> {
  const records = new Map((await readRecords(host, options.runtime)).map((record) => [record.id, record]));
  if (records.size === 0) return [];
  const seen = new Map<string, Molecule>();
  for (const entry of await host.mounts.table()) {
    const record = records.get(idOf(entry) ?? '');
    if (record && (!seen.has(record.id) || entry.target === record.target))
      seen.set(record.id, { ...toMolecule(record), target: entry.target });
  }
  return [...seen.values()];
}

/** The molecule whose mount is what one sees at the path. */
export async function findMolecule(
  host: Host,
  path: string,
  options: { readonly runtime: string },
): Promise<Molecule | undefined> {
  const target = await host.files.realPath(path);
  const entry = mountAt(await host.mounts.table(), target);
  const id = entry && idOf(entry);
  const record = id === undefined ? undefined : await readRecord(host, options.runtime, id);
  return record && { ...toMolecule(record), target };
}

/** What a look at one layer of a mounted molecule found. */
export type LayerState = {
  readonly digest: Digest;
  readonly file: string;
  readonly check: Integrity;
  /** The dm device, where there is one. */
  readonly device?: string;
  readonly state: 'ok' | 'corrupt';
  readonly problem?: string;
};

/**
 * Looks at each layer of a mounted molecule: verity by the device's table and status, which tells of damage that was
 * met so far; digest by hashing the file again.
 */
export async function verifyMolecule(
  host: Host,
  path: string,
  options: { readonly runtime: string },
): Promise<LayerState[]> {
  const molecule = await findMolecule(host, path, options);
  if (molecule === undefined)
    throw new MosError('state', `cannot verify ${path}: no image of ours is mounted there`);
  const states: LayerState[] = [];
  for (const layer of molecule.layers) states.push(await verifyLayer(host, layer));
  return states;
}

async function verifyLayer(host: Host, layer: LayerUse): Promise<LayerState> {
  const { digest, file, check, verity } = layer;
  const problem = verity ? await verityProblem(host, verity) : await digestProblem(host, layer);
  return {
    digest,
    file,
    check,
    ...(verity === undefined ? {} : { device: verity.name }),
    state: problem === undefined ? 'ok' : 'corrupt',
    ...(problem === undefined ? {} : { problem }),
  };
}

/** Place of the root hash in a verity table. */
const rootField = 8;

async function verityProblem(
  host: Host,
  { name, root }: { readonly name: string; readonly root: string },
): Promise<string | undefined> {
  const [target, ...more] = (await host.devices.dmTable(name)) ?? [];
  if (target?.type !== 'verity' || more.length > 0) return 'its dm-verity device is gone';
  if (target.parameters.split(' ')[rootField] !== root) return 'its dm-verity device has another root hash';
  const status = (await host.devices.dmTable(name, { status: true }))?.[0]?.parameters;
  return status === 'V' ? undefined : 'dm-verity found damaged blocks';
}

async function digestProblem(host: Host, { digest, file }: LayerUse): Promise<string | undefined> {
  const stat = await host.files.stat(file);
  if (stat === undefined) return `${file} is gone`;
  const descriptor: Descriptor = { mediaType: '', digest, size: stat.size };
  try {
    for await (const _ of verifiedBody(descriptor, host.files.stream(file))) {
      // Only the digest counts.
    }
    return undefined;
  } catch (error) {
    if (isMosError(error, 'corrupt')) return `${file} was changed`;
    throw error;
  }
}
