import { isMosError, MosError } from '../errors/index.ts';
import type { FileStat, Host } from '../host/index.ts';
import { verifiedBody } from '../oci/index.ts';
import { hashedAtOnce } from './check.ts';
import { type LayerFrame, readFrame } from './frame.ts';
import type { Integrity, LayerUse, MoleculeLayer, MoleculeRequest } from './molecule.ts';
import { planLayer } from './plan.ts';
import { openVerity } from './verity-device.ts';

/** A layer that was looked at: what it is, how it will be checked, and the file as it was then. */
export type PreparedLayer = MoleculeLayer & {
  readonly frame: LayerFrame;
  readonly check: Integrity;
  readonly stat: FileStat;
};

/** Reads and checks all layers; changes nothing. What is hashed whole is hashed one by one: a core does one at a time. */
export async function prepareLayers(
  host: Host,
  layers: readonly MoleculeLayer[],
  request: MoleculeRequest,
): Promise<PreparedLayer[]> {
  const prepared = await Promise.all(layers.map((layer) => prepareLayer(host, layer, request)));
  for (const layer of prepared)
    if (layer.check === 'digest')
      for await (const _ of verifiedBody(
        layer.descriptor,
        host.files.stream(layer.file, { reuse: hashedAtOnce }),
      )) {
        // Only the digest counts.
      }
  return prepared;
}

async function prepareLayer(
  host: Host,
  layer: MoleculeLayer,
  request: MoleculeRequest,
): Promise<PreparedLayer> {
  const { descriptor, file } = layer;
  const stat = await host.files.stat(file);
  if (stat?.type !== 'file')
    throw new MosError('not-found', `cannot mount the layer ${descriptor.digest}: ${file} is not there`);
  const frame = await readFrame(host, file, descriptor);
  const check = checkOf(frame, layer, request);
  return { ...layer, frame, check, stat };
}

function checkOf(frame: LayerFrame, layer: MoleculeLayer, request: MoleculeRequest): Integrity {
  if (request.integrity === 'digest' || (frame.verity === undefined && request.allowMissingVerity))
    return 'digest';
  if (frame.verity !== undefined) return 'verity';
  throw new MosError(
    'untrusted',
    `cannot mount the layer ${layer.descriptor.digest}: it is missing verity data`,
    {
      hint: 'convert the image with `mosb image convert`; `atomfs mount --allow-missing-verity` hashes such a layer whole before the mount',
    },
  );
}

/**
 * Mounts one layer read-only. Its device is held until then and by the mount afterwards. A mount reads the superblock, so
 * the status of dm-verity is worth something now: a wrong tree opens without an error and fails at the first read.
 */
export async function mountLayer(
  host: Host,
  layer: PreparedLayer,
  request: MoleculeRequest,
  folder: string,
  known: ReadonlySet<string>,
): Promise<LayerUse> {
  const { descriptor, file, frame, check } = layer;
  const use = { digest: descriptor.digest, file, check };
  if (check === 'digest' || frame.verity === undefined) {
    await mountHashed(host, layer, folder);
    return use;
  }
  const options = { panicOnCorruption: request.panicOnCorruption === true };
  await using held = await openVerity(host, layer, frame.verity, options, known);
  try {
    await host.mounts.mount(planLayer({ format: frame.format, source: held.device }, folder));
  } catch (error) {
    await checkVerityStatus(host, held.name, layer);
    throw cannotMount(layer, error);
  }
  await checkVerityStatus(host, held.name, layer);
  return { ...use, verity: { name: held.name, root: frame.verity.root } };
}

async function checkVerityStatus(host: Host, name: string, layer: PreparedLayer): Promise<void> {
  const status = (await host.devices.dmTable(name, { status: true }))?.[0]?.parameters;
  if (status === 'V') return;
  throw new MosError(
    'corrupt',
    `cannot mount the layer ${layer.descriptor.digest}: dm-verity found damaged blocks in ${layer.file}`,
    { hint: 'fetch the image again' },
  );
}

/**
 * The file that was hashed: the same inode, not written since. erofs can be mounted from a file (Linux 6.12, where the
 * kernel was built so); the file is then looked at again after the mount has opened it.
 */
async function mountHashed(host: Host, layer: PreparedLayer, folder: string): Promise<void> {
  if (layer.frame.format === 'erofs' && (await mountFile(host, layer, folder))) return;
  if (layer.stat.size % sectorSize !== 0)
    throw new MosError(
      'invalid',
      `cannot mount the layer ${layer.descriptor.digest}: its size is no multiple of ${sectorSize} bytes`,
    );
  const options = { readOnly: true, autoclear: true, expected: layer.stat };
  await using loop = await host.devices.loopAttach(layer.file, options);
  try {
    await host.mounts.mount(planLayer({ format: layer.frame.format, source: loop.device }, folder));
  } catch (error) {
    throw cannotMount(layer, error);
  }
}

/** False where this kernel mounts block devices only. */
async function mountFile(host: Host, layer: PreparedLayer, folder: string): Promise<boolean> {
  try {
    await host.mounts.mount(planLayer({ format: 'erofs', source: layer.file }, folder));
  } catch (error) {
    if (isMosError(error, 'unsupported')) return false;
    throw cannotMount(layer, error);
  }
  const now = await host.files.stat(layer.file);
  const { inode, device, ctimeMs, size } = layer.stat;
  if (now?.inode === inode && now.device === device && now.ctimeMs === ctimeMs && now.size === size)
    return true;
  throw new MosError('corrupt', `cannot use ${layer.file}: it was changed while it was checked`);
}

const cannotMount = (layer: PreparedLayer, cause: unknown): unknown =>
  cause instanceof MosError
    ? new MosError(cause.code, `cannot mount the layer ${layer.descriptor.digest}`, { cause })
    : cause;

const sectorSize = 512;
