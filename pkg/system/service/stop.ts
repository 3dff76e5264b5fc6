import { unmountMolecule } from '../../atomfs/index.ts';
import { isMosError, MosError, messageOf } from '../../errors/index.ts';
import { type Host, readTextIfThere } from '../../host/index.ts';
import { leaveNetwork, stopContainer } from '../../lxc/index.ts';
import { parseServiceName } from '../../manifest/index.ts';
import { openMachine } from '../machine.ts';
import type { MachinePaths } from '../paths.ts';
import { closeVolumes, volumesIn } from '../volume/index.ts';
import {
  bothFolders,
  findService,
  type Instance,
  listInstances,
  listServices,
  lockServices,
  type ServiceFolder,
  serviceFolder,
} from './record.ts';

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

/** What is no service any more ends, where it was started as one. */
export async function stopFormer(host: Host, paths: MachinePaths, service: string): Promise<void> {
  for (const { path } of bothFolders(paths, service))
    if ((await host.files.stat(path)) !== undefined) await stop(host, { root: paths.root, target: service });
}

export type StopAllOptions = { readonly root: string; readonly timeout?: number | undefined };
export type StopAllResult = {
  readonly stopped: readonly string[];
  readonly failed: readonly { readonly name: string; readonly problem: string }[];
};

/** Stops all services, those first that no other one needs. */
export async function stopAll(host: Host, options: StopAllOptions): Promise<StopAllResult> {
  const { paths } = await openMachine(host, options.root);
  await using _lock = await lockServices(host, paths, owner);
  const instances = await listInstances(host, paths);
  const folders = (await listServices(host, paths)).map((name) => serviceFolder(paths, name));
  // Nobody is to start any of them again while the others end.
  for (const folder of folders) await host.files.remove(folder.record);
  const problems = new Map<string, string>();
  const tried = (folder: ServiceFolder, done: Promise<void>) =>
    done.catch((error: unknown) => void problems.set(folder.service, messageOf(error)));
  const seconds = options.timeout ?? usualTimeout;
  for (const round of roundsOf(folders, instances))
    await Promise.all(round.map((folder) => tried(folder, endContainer(host, folder, seconds))));
  for (const folder of folders) await tried(folder, clear(host, paths, folder, 0));
  return {
    stopped: [...new Set(folders.map(({ service }) => service))].filter((name) => !problems.has(name)),
    failed: [...problems].map(([name, problem]) => ({ name, problem })),
  };
}

/** Each round is needed by none of the later ones. Between versions there may be circles: these end together. */
function roundsOf(folders: readonly ServiceFolder[], instances: readonly Instance[]): ServiceFolder[][] {
  const needs = new Map(instances.map(({ folder, record }) => [folder.name, record.needs ?? []]));
  const rounds: ServiceFolder[][] = [];
  for (let left = folders; left.length > 0; ) {
    const needed = new Set(left.flatMap(({ name }) => needs.get(name) ?? []));
    const free = left.filter(({ service }) => !needed.has(service));
    const round = free.length > 0 ? free : left;
    rounds.push([...round]);
    left = left.filter((folder) => !round.includes(folder));
  }
  return rounds;
}

async function endContainer(host: Host, folder: ServiceFolder, seconds: number): Promise<void> {
  if ((await host.files.stat(folder.config)) !== undefined) await stopContainer(host, folder, seconds);
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
  await endContainer(host, folder, seconds);
  await leaveNetwork(host, { machine: paths.run, container: folder.name });
  await unmountRoot(host, paths, folder);
  await unmountOwn(host, folder);
  await closeVolumes(host, paths, await volumesOfOthers(host, paths, folder));
  await host.files.removeTree(folder.path);
}

/** By what their containers are given: one whose stop or start was killed has no record, and may run. */
async function volumesOfOthers(
  host: Host,
  paths: MachinePaths,
  { name }: ServiceFolder,
): Promise<Set<string>> {
  const others = (await listServices(host, paths)).filter((other) => other !== name);
  const configs = others.map((other) => readTextIfThere(host, serviceFolder(paths, other).config));
  return new Set((await Promise.all(configs)).flatMap((text) => volumesIn(paths, text ?? '')));
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
