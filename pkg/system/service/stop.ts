import { unmountMolecule } from '../../atomfs/index.ts';
import { isMosError, MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { leaveNetwork, stopContainer } from '../../lxc/index.ts';
import { parseServiceName } from '../../manifest/index.ts';
import { openMachine } from '../machine.ts';
import type { MachinePaths } from '../paths.ts';
import { closeVolumes } from '../volume/index.ts';
import { bothFolders, findService, listInstances, lockServices, type ServiceFolder } from './record.ts';

export type StopOptions = {
  readonly root: string;
  readonly target: string;
  /** Seconds from the stop signal to SIGKILL. */
  readonly timeout?: number | undefined;
};

export type StopResult = { readonly name: string; readonly wasRunning: boolean };

const usualTimeout = 10;
const owner = 'mosctl stop';

/** Stops a service: its container, then its root file system; what it wrote there is gone. */
export async function stop(host: Host, options: StopOptions): Promise<StopResult> {
  const name = parseServiceName(options.target);
  const { paths } = await openMachine(host, options.root);
  await using _lock = await lockServices(host, paths, owner);
  const found = await findService(host, paths, name);
  for (const folder of bothFolders(paths, name))
    await clear(host, paths, folder, options.timeout ?? usualTimeout);
  return { name, wasRunning: found !== undefined };
}

/** Ends and removes whatever there is of a service, in whatever state a stop or a crash left it. */
export async function clear(
  host: Host,
  paths: MachinePaths,
  folder: ServiceFolder,
  seconds: number,
): Promise<void> {
  if ((await host.files.stat(folder.path)) === undefined) return;
  // First of all the record goes: nobody is to start it again.
  await host.files.remove(folder.record);
  if ((await host.files.stat(folder.config)) !== undefined) await stopContainer(host, folder, seconds);
  await leaveNetwork(host, { machine: paths.run, container: folder.name });
  await unmountRoot(host, paths, folder);
  await unmountOwn(host, folder);
  await closeVolumes(host, paths, await volumesInUse(host, paths));
  await host.files.removeTree(folder.path);
}

/** Of the services that still have a record; the one that goes has none any more. */
async function volumesInUse(host: Host, paths: MachinePaths): Promise<Set<string>> {
  const instances = await listInstances(host, paths);
  return new Set(instances.flatMap(({ record }) => record.volumes));
}

async function unmountOwn(host: Host, { log, devices }: ServiceFolder): Promise<void> {
  const mounted = (await host.mounts.table()).filter(({ target }) => target === log || target === devices);
  for (const { target } of mounted) await host.mounts.unmount(target, { detach: true });
}

async function unmountRoot(
  host: Host,
  { run }: MachinePaths,
  { rootfs, name }: ServiceFolder,
): Promise<void> {
  try {
    await unmountMolecule(host, rootfs, { runtime: run, owner });
  } catch (error) {
    if (isMosError(error, 'not-found') || isMosError(error, 'state')) return;
    throw new MosError('busy', `cannot clear the root file system of ${name}`, { cause: error });
  }
}
