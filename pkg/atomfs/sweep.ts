import { isMosError } from '../errors/index.ts';
import { type Host, type MountEntry, sweepTemporary } from '../host/index.ts';
import type { Digest } from '../oci/index.ts';
import { digestFromHex } from '../oci/index.ts';
import type { Runtime } from './molecule.ts';
import {
  currentPlace,
  idOf,
  type MoleculeRecord,
  readRecords,
  recordFolder,
  removeRecord,
} from './record.ts';
import { clearedTable, lockMolecules } from './stage.ts';

/** A dm-verity device of ours, and the blob below a loop device. */
const deviceName = /^([0-9a-f]{64})-verity(?:-[0-9a-f]{8})?$/;
const blobPath = /\/blobs\/sha256\/([0-9a-f]{64})(?: \(deleted\))?$/;

/** Takes away what a mount that is gone left in the file system. */
export async function forget(host: Host, runtime: string, record: MoleculeRecord): Promise<void> {
  if (record.ephemeral?.endsWith(`/${record.bootId}/${record.id}`))
    await host.files.removeTree(record.ephemeral);
  await removeRecord(host, runtime, record.id);
}

/** Records of earlier boots, and of mounts that aren't there any more: a process died, or somebody used umount(8). Needs the lock. */
export async function clearStale(
  host: Host,
  runtime: string,
  table: readonly MountEntry[],
): Promise<MoleculeRecord[]> {
  await sweepTemporary(host, recordFolder(runtime));
  // What is mounted is not stale, and need not be read.
  const records = await readRecords(host, runtime, new Set(table.map(idOf)));
  if (records.length === 0) return [];
  const here = await currentPlace(host);
  const stale = records.filter(
    (record) => record.bootId !== here.bootId || (record.namespace === here.namespace && !record.isDetached),
  );
  for (const record of stale) await forget(host, runtime, record);
  return stale;
}

export type Swept = {
  /** Targets of mounts that were not there any more. */
  readonly targets: readonly string[];
  /** dm-verity devices that nobody used. */
  readonly devices: readonly string[];
  /** Upper folders of earlier boots, and copies that nobody uses. */
  readonly folders: readonly string[];
};

/**
 * Cleans up after processes that died and after earlier boots: the staging mount, records, devices nobody uses, in
 * `uppers` (see `Upper`, kind `folder`) what isn't of this boot, and in `copies` what no mount uses.
 */
export async function sweepMolecules(
  host: Host,
  options: Runtime & { readonly uppers?: readonly string[]; readonly copies?: string },
): Promise<Swept> {
  const { runtime, owner } = options;
  await using _lock = await lockMolecules(host, runtime, owner);
  const table = await clearedTable(host, runtime);
  const stale = await clearStale(host, runtime, table);
  return {
    targets: stale.map(({ target }) => target),
    devices: await removeIdleDevices(host),
    folders: [
      ...(await Promise.all((options.uppers ?? []).map((folder) => removeOldBoots(host, folder)))).flat(),
      ...(options.copies === undefined ? [] : await removeCopies(host, runtime, options.copies)),
    ],
  };
}

/** Also those that were not finished. */
async function removeCopies(host: Host, runtime: string, folder: string): Promise<string[]> {
  const ofBoot = `${folder}/${await host.machine.bootId()}`;
  const old = await removeOldBoots(host, folder);
  if ((await host.files.stat(ofBoot))?.type !== 'directory') return old;
  const used = new Set(
    (await readRecords(host, runtime)).flatMap(({ layers }) => layers.map(({ copy }) => copy)),
  );
  const idle = (await host.files.list(ofBoot))
    .map((name) => `${ofBoot}/${name}`)
    .filter((path) => !used.has(path));
  for (const path of idle) await host.files.removeTree(path);
  return [...old, ...idle];
}

/** Only a kill between two calls of the kernel leaves one: otherwise they go with their last user. */
async function removeIdleDevices(host: Host): Promise<string[]> {
  if (!(await host.devices.hasDeviceMapper())) return [];
  const removed: string[] = [];
  for (const { name } of await host.devices.dmList())
    if (deviceName.test(name) && (await isRemoved(host, name))) removed.push(name);
  return removed;
}

/** A device in use stays. */
async function isRemoved(host: Host, name: string): Promise<boolean> {
  try {
    return await host.devices.dmRemove(name);
  } catch (error) {
    if (isMosError(error, 'busy')) return false;
    throw error;
  }
}

async function removeOldBoots(host: Host, folder: string): Promise<string[]> {
  if ((await host.files.stat(folder))?.type !== 'directory') return [];
  const bootId = await host.machine.bootId();
  const old = (await host.files.list(folder)).filter((name) => name !== bootId && bootIdPattern.test(name));
  for (const name of old) await host.files.removeTree(`${folder}/${name}`);
  return old.map((name) => `${folder}/${name}`);
}

const bootIdPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The blobs below loop and verity devices that are in use now, by whomever: the kernel's own word, for gc. */
export async function layersInUse(host: Host): Promise<ReadonlySet<Digest>> {
  const names = (await host.devices.hasDeviceMapper()) ? await host.devices.dmList() : [];
  const found = [
    ...names.map(({ name }) => deviceName.exec(name)?.[1]),
    ...(await host.devices.loops()).map(({ file }) => blobPath.exec(file)?.[1]),
  ];
  return new Set(found.filter((hex) => hex !== undefined).map(digestFromHex));
}
