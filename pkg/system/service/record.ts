import { createHash } from 'node:crypto';
import { MosError } from '../../errors/index.ts';
import { type Host, listIfThere, readRuntime, writeRuntime } from '../../host/index.ts';
import type { ContainerEnd, Place, Process } from '../../lxc/index.ts';
import type { Health, InstallTarget } from '../../manifest/index.ts';
import { Undo } from '../../undo/index.ts';
import type { MachinePaths } from '../paths.ts';

export type RestartPolicy = 'always' | 'on-failure' | 'no';

/** A service that was started and not stopped since: `<run>/services/<name>/record.json`. It is gone after a reboot. */
export type ServiceRecord = {
  readonly version: 1;
  readonly name: string;
  readonly image: string;
  readonly imageVersion: string;
  readonly generation: number;
  /** Hash of all that the manifest says of the service: another one needs a new start. */
  readonly definition: string;
  readonly process: Process;
  /** The host's id of the container's 0; undefined with the host's ids. */
  readonly firstId?: number;
  readonly volumes: readonly string[];
  readonly restart: RestartPolicy;
  readonly started: string;
  /** How often it was started again, and how it ended before that. */
  readonly restarts: number;
  readonly lastEnd?: ContainerEnd;
  readonly health?: Health;
  /** Where http and tcp probes go, where the service has a network that they can reach. */
  readonly address?: string;
  readonly network: 'host' | 'none' | 'simple';
  /** Services that it depends on: they are stopped after it. */
  readonly needs?: readonly string[];
  /** It is to take the place of the other one, and is not well yet: nobody but its starter looks after it. */
  readonly isCandidate?: boolean;
};

/**
 * What a service has while it runs, all below one folder:
 *
 *     <run>/services/<name>/ or <name>~/   one of them takes the other's place in an update:
 *                              record.json · config, seccomp, lxc.log (LXC's) · rootfs (its root file system)
 *                              starter (where its user is in more than one group)
 *                              log/output (a tmpfs: what it says can fill nothing else)
 *                              devices (a tmpfs, where the manifest gives it some)
 */
export type ServiceFolder = Place & {
  readonly service: string;
  readonly path: string;
  readonly record: string;
  readonly config: string;
  readonly seccomp: string;
  readonly starter: string;
  readonly rootfs: string;
  readonly log: string;
  readonly output: string;
  readonly devices: string;
  readonly lxcLog: string;
};

export const servicesFolder = ({ run }: MachinePaths): string => `${run}/services`;

/** No name of a service has it. */
const secondMark = '~';

/** `container` is the name of the service, or that with the mark of the second one. */
export function serviceFolder(paths: MachinePaths, container: string): ServiceFolder {
  const folder = servicesFolder(paths);
  const name = container;
  const path = `${folder}/${name}`;
  return {
    folder,
    name,
    service: name.endsWith(secondMark) ? name.slice(0, -1) : name,
    path,
    record: `${path}/record.json`,
    config: `${path}/config`,
    seccomp: `${path}/seccomp`,
    starter: `${path}/starter`,
    rootfs: `${path}/rootfs`,
    log: `${path}/log`,
    output: `${path}/log/output`,
    devices: `${path}/devices`,
    lxcLog: `${path}/lxc.log`,
  };
}

export const definitionOf = (target: InstallTarget, firstId: number | undefined): string =>
  createHash('sha256')
    .update(JSON.stringify([target, firstId ?? null]))
    .digest('hex');

/** Whoever watches the folder of services learns of it: what changes below is not seen there. */
export async function writeRecord(host: Host, folder: ServiceFolder, record: ServiceRecord): Promise<void> {
  await writeRuntime(host, folder.record, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  await writeRuntime(host, `${folder.folder}/.changed`, `${record.name}\n`);
}

export async function readRecord(host: Host, folder: ServiceFolder): Promise<ServiceRecord | undefined> {
  const text = await readRuntime(host, folder.record);
  if (text === undefined) return undefined;
  const record: unknown = JSON.parse(text); // only root writes there
  if (typeof record === 'object' && record !== null && 'version' in record && record.version === 1)
    return record as ServiceRecord;
  throw new MosError('unsupported', `cannot read ${folder.record}: another version of mos wrote it`);
}

/** The containers of all services that left something in the folder of services. */
export async function listServices(host: Host, paths: MachinePaths): Promise<string[]> {
  const names = await listIfThere(host, servicesFolder(paths));
  return names.filter((name) => !name.startsWith('.'));
}

/** The root of a container must be able to pass all folders above its root file system; it can list none of them. */
export async function makeServicesFolder(host: Host, paths: MachinePaths): Promise<void> {
  await host.files.makeFolder(paths.run, { parents: true });
  await host.files.makeFolder(servicesFolder(paths), { parents: true, mode: 0o711 });
}

/** A running container with its record. */
export type Instance = { readonly folder: ServiceFolder; readonly record: ServiceRecord };

/** The two folders that a service may have. */
export const bothFolders = (
  paths: MachinePaths,
  service: string,
): readonly [ServiceFolder, ServiceFolder] => [
  serviceFolder(paths, service),
  serviceFolder(paths, `${service}${secondMark}`),
];

/** All that was started, candidates too. */
export async function listInstances(host: Host, paths: MachinePaths): Promise<Instance[]> {
  const folders = (await listServices(host, paths)).map((name) => serviceFolder(paths, name));
  const records = await Promise.all(folders.map((folder) => readRecord(host, folder)));
  return folders.flatMap((folder, at) => {
    const record = records[at];
    return record === undefined ? [] : [{ folder, record }];
  });
}

/** The container that is the service now: where a kill left two, the one that was started last. */
export async function findService(
  host: Host,
  paths: MachinePaths,
  service: string,
): Promise<Instance | undefined> {
  const found: Instance[] = [];
  for (const folder of bothFolders(paths, service)) {
    const record = await readRecord(host, folder);
    if (record !== undefined && !record.isCandidate) found.push({ folder, record });
  }
  return found.sort((a, b) => (a.record.started < b.record.started ? 1 : -1))[0];
}

/** Nobody else starts or stops anything. */
export async function lockServices(host: Host, paths: MachinePaths, owner: string): Promise<AsyncDisposable> {
  await makeServicesFolder(host, paths);
  return host.files.lock(`${servicesFolder(paths)}/.lock`, { owner, wait: lockWait });
}

/** Nobody else starts or stops this service; others go on. For what opens or closes no volumes. */
export async function lockService(
  host: Host,
  paths: MachinePaths,
  service: string,
  owner: string,
): Promise<AsyncDisposable> {
  await makeServicesFolder(host, paths);
  const locks = new Undo();
  try {
    for (const [name, shared] of [
      ['.lock', true],
      [`.lock-${service}`, false],
    ] as const) {
      const held = await host.files.lock(`${servicesFolder(paths)}/${name}`, {
        owner,
        wait: lockWait,
        shared,
      });
      locks.add(() => Promise.resolve(held[Symbol.asyncDispose]()));
    }
  } catch (error) {
    await locks[Symbol.asyncDispose]();
    throw error;
  }
  return locks;
}

/** Others may start many services meanwhile, on a slow machine; what each of them waits for has limits of its own. Milliseconds. */
const lockWait = 600_000;
