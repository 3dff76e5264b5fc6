import { isMosError, MosError } from '../errors/index.ts';
import type { Host, MountEntry } from '../host/index.ts';
import type { Digest } from '../oci/index.ts';
import type { LayerUse, Runtime } from './molecule.ts';
import { idOf, mountAt, readRecord, writeRecord } from './record.ts';
import { clearedTable, lockMolecules } from './stage.ts';
import { clearStale, forget } from './sweep.ts';

export type Unmounted = {
  readonly target: string;
  /** Layers that nothing uses any more, and those that something still does. */
  readonly freed: readonly Digest[];
  readonly inUse: readonly Digest[];
};

/**
 * Unmounts a molecule: first the overlay, which holds its layers; they, their dm and loop devices go with it unless
 * another molecule has them. With `detach` that happens when the last process has left.
 */
export async function unmountMolecule(
  host: Host,
  path: string,
  options: Runtime & { readonly detach?: boolean },
): Promise<Unmounted> {
  const { runtime, owner, detach = false } = options;
  const target = await host.files.realPath(path);
  await using _lock = await lockMolecules(host, runtime, owner);
  const table = await clearedTable(host, runtime);
  const stale = await clearStale(host, runtime, table);
  const entry = mountAt(table, target);
  const id = entry && idOf(entry);
  if (id === undefined) {
    // An interrupted unmount is finished by the next one.
    const ended = stale.find((record) => record.target === target);
    if (ended === undefined) throw noMolecule(target, entry);
    return { target, ...(await release(host, ended.layers)) };
  }
  const record = await readRecord(host, runtime, id);
  if (detach && record) await writeRecord(host, runtime, { ...record, isDetached: true });
  await unmount(host, target, detach);
  if (record && !detach && !(await isMounted(host, id))) await forget(host, runtime, record);
  return { target, ...(await release(host, record?.layers ?? [])) };
}

/** A molecule may be bound to further places. */
const isMounted = async (host: Host, id: string): Promise<boolean> =>
  (await host.mounts.table()).some((entry) => idOf(entry) === id);

const noMolecule = (target: string, entry: MountEntry | undefined): MosError =>
  new MosError(
    'state',
    entry === undefined
      ? `cannot unmount ${target}: nothing is mounted there`
      : `cannot unmount ${target}: what is mounted there (${entry.fstype}, ${entry.source}) is no image of ours`,
    { hint: '`mosctl status` lists what is mounted' },
  );

async function unmount(host: Host, target: string, detach: boolean): Promise<void> {
  try {
    await host.mounts.unmount(target, { detach });
  } catch (cause) {
    if (!isMosError(cause, 'busy')) throw cause;
    throw new MosError('busy', `cannot unmount ${target}: processes use it`, {
      cause,
      hint: `\`fuser -vm ${target}\` names them`,
    });
  }
}

/** The kernel removes a device soon after its last user; asking makes it now, and tells who is left. */
async function release(
  host: Host,
  layers: readonly LayerUse[],
): Promise<{ freed: Digest[]; inUse: Digest[] }> {
  const freed: Digest[] = [];
  const inUse: Digest[] = [];
  for (const { digest, verity } of layers) {
    const isBusy = verity !== undefined && (await isInUse(host, verity.name));
    (isBusy ? inUse : freed).push(digest);
  }
  return { freed, inUse };
}

async function isInUse(host: Host, name: string): Promise<boolean> {
  try {
    await host.devices.dmRemove(name);
    return false;
  } catch (error) {
    if (isMosError(error, 'busy')) return true;
    throw error;
  }
}
