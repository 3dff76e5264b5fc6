import { MosError } from '../errors/index.ts';
import type { Host, MountEntry } from '../host/index.ts';
import { Undo } from '../undo/index.ts';
import { mountLayer, type PreparedLayer, prepareLayers } from './layers.ts';
import { mapLayers } from './mapped.ts';
import { chooseMarks, isOurs, type LayerMarks, readMarks } from './marks.ts';
import type { LayerUse, Molecule, MoleculeRequest, Mounted } from './molecule.ts';
import { besideFolder, layerFolder, type Marks, planStack } from './plan.ts';
import {
  currentPlace,
  idOf,
  type MoleculeRecord,
  mountAt,
  newId,
  readRecord,
  removeRecord,
  toMolecule,
  writeRecord,
} from './record.ts';
import { clearedTable, lockMolecules, openStage } from './stage.ts';
import { clearStale, forget } from './sweep.ts';
import { makeUpper, openUpper, requireUnused } from './upper.ts';

/**
 * Mounts the layers of an image, stacked, at the target. Afterwards only the overlay at the target is to be seen: the
 * layers' mounts are detached, their devices vanish with the overlay, however it ends. The same molecule at the same
 * target is left as it is; another one there is `exists`.
 */
export async function mountMolecule(host: Host, request: MoleculeRequest): Promise<Mounted> {
  const target = await host.files.realPath(request.target);
  const [layers] = await Promise.all([
    prepareLayers(host, onceEach(request.layers), request),
    request.ids && host.mounts.prepareIds(request.ids),
  ]);
  await requireDeviceMapper(host, layers);
  await using _lock = await lockMolecules(host, request.runtime, request.owner);
  const table = await clearedTable(host, request.runtime);
  const old = await findOld(host, request, target, table);
  if (old && isSame(old, request)) return { ...toMolecule(old), target, isNew: false };
  if (old && !request.replace)
    throw new MosError('exists', `cannot mount at ${target}: another image is mounted there`, {
      hint: `unmount it first: \`mosctl umount ${target}\``,
    });
  await requireUnused(host, request.upper, table);
  await clearStale(host, request.runtime, table);
  const molecule = await mountNew(host, { request, target, layers, old });
  return { ...molecule, isNew: true };
}

/** A layer that is there twice adds nothing below itself; overlay refuses one folder twice. The upper one stays. */
const onceEach = (layers: MoleculeRequest['layers']): MoleculeRequest['layers'] =>
  layers.filter(
    ({ descriptor }, index) =>
      !layers.slice(index + 1).some((above) => above.descriptor.digest === descriptor.digest),
  );

async function requireDeviceMapper(host: Host, layers: readonly PreparedLayer[]): Promise<void> {
  if (!layers.some(({ check }) => check === 'verity') || (await host.devices.hasDeviceMapper())) return;
  throw new MosError('unsupported', 'cannot mount with dm-verity: this kernel has no device-mapper', {
    hint: 'load the modules dm-mod and dm-verity; on a development machine without them use --integrity digest',
  });
}

/** The molecule at the target; one whose record is lost is not known to be any. */
async function findOld(
  host: Host,
  { runtime }: MoleculeRequest,
  target: string,
  table: readonly MountEntry[],
): Promise<MoleculeRecord | undefined> {
  const entry = mountAt(table, target);
  const id = entry && idOf(entry);
  if (id === undefined) return undefined;
  const unknown = {
    version: 1,
    id,
    target,
    layers: [],
    isWritable: false,
    bootId: '',
    namespace: '',
  } as const;
  return (await readRecord(host, runtime, id)) ?? unknown;
}

function isSame(record: MoleculeRecord, request: MoleculeRequest): boolean {
  const wanted = onceEach(request.layers).map(({ descriptor }) => descriptor.digest);
  const isChecked = record.layers.every(
    ({ check }) => check === request.integrity || request.allowMissingVerity,
  );
  return (
    isChecked &&
    record.isWritable === (request.upper !== undefined) &&
    JSON.stringify(record.ids) === JSON.stringify(request.ids) &&
    JSON.stringify(record.layers.map(({ digest }) => digest)) === JSON.stringify(wanted)
  );
}

type Work = {
  readonly request: MoleculeRequest;
  readonly target: string;
  /** The first is the bottom. */
  readonly layers: readonly PreparedLayer[];
  /** What is to be replaced. */
  readonly old: MoleculeRecord | undefined;
};

async function mountNew(host: Host, work: Work): Promise<Molecule> {
  const { request, target, layers, old } = work;
  const { runtime, healthy = async () => {} } = request;
  const id = newId();
  const place = await currentPlace(host);
  await using undo = new Undo();
  await using stage = await openStage(host, runtime);
  const uses = await mountLayers(host, work, stage.folder);
  const upper = openUpper(request.upper, id, place.bootId);
  const record: MoleculeRecord = {
    version: 1,
    id,
    target,
    layers: uses,
    isWritable: upper !== undefined,
    ...(request.ids === undefined ? {} : { ids: request.ids }),
    ...(upper?.path === undefined ? {} : { upper: upper.path }),
    ...(upper?.ephemeral === undefined ? {} : { ephemeral: upper.ephemeral }),
    ...place,
  };
  await writeRecord(host, runtime, record);
  undo.add(() => forget(host, runtime, record));
  const marks = await marksOf(host, runtime, layers, stage.folder);
  const plan = planStack({
    id,
    stage: stage.folder,
    target: old ? besideFolder(stage.folder) : target,
    flags: request.flags ?? [],
    count: layers.length,
    marks,
    upper: upper?.plan,
  });
  const room = upper && (await makeUpper(host, upper, { id, stage: stage.folder, runtime }));
  const made: MoleculeRecord = room === undefined ? record : { ...record, room };
  if (room !== undefined) await writeRecord(host, runtime, made);
  if (old) await host.files.makeFolder(besideFolder(stage.folder));
  for (const folder of plan.folders) await host.files.makeFolder(folder);
  for (const call of plan.calls) await host.mounts.mount(call);
  if (old) {
    await healthy(besideFolder(stage.folder));
    await replace(host, runtime, old, besideFolder(stage.folder), target);
  }
  undo.keep();
  return toMolecule(made);
}

/** The old one may have users for as long as they like, and its upper folder with them. */
async function replace(
  host: Host,
  runtime: string,
  old: MoleculeRecord,
  from: string,
  to: string,
): Promise<void> {
  if (old.ephemeral !== undefined) await writeRecord(host, runtime, { ...old, isDetached: true });
  await host.mounts.replace(from, to);
  if (old.ephemeral === undefined) await removeRecord(host, runtime, old.id);
}

/** Mounts each layer in the staging folder, top first; what each is mounted from is held by its mount afterwards. */
async function mountLayers(host: Host, work: Work, stage: string): Promise<LayerUse[]> {
  const hasVerity = work.layers.some(({ check }) => check === 'verity');
  const known = new Set(hasVerity ? (await host.devices.dmList()).map(({ name }) => name) : []);
  const uses: LayerUse[] = [];
  for (const [index, layer] of work.layers.toReversed().entries()) {
    const folder = layerFolder(stage, index);
    await host.files.makeFolder(folder);
    uses.unshift(await mountLayer(host, layer, work.request, folder, known));
  }
  const { ids } = work.request;
  return ids ? mapLayers(host, work.request, stage, uses, ids) : uses;
}

/** The bottom layer's marks don't count: nothing lies below it. */
async function marksOf(
  host: Host,
  runtime: string,
  layers: readonly PreparedLayer[],
  stage: string,
): Promise<Marks> {
  const found: { digest: PreparedLayer['descriptor']['digest']; marks: LayerMarks }[] = [];
  for (const [index, { descriptor, frame }] of layers.toReversed().slice(0, -1).entries())
    if (!isOurs(frame))
      found.push({
        digest: descriptor.digest,
        marks: await readMarks(host, runtime, descriptor.digest, layerFolder(stage, index)),
      });
  return chooseMarks(found);
}
