import type { Integrity } from '../../atomfs/index.ts';
import { MosError } from '../../errors/index.ts';
import { type Host, readTextIfThere } from '../../host/index.ts';
import type { Layout } from '../../layout/index.ts';
import {
  type Attachment,
  addressOf,
  joinNetwork,
  parseStartFailure,
  startContainer,
  switchNetwork,
} from '../../lxc/index.ts';
import type { MachineTarget, MachineVolume } from '../../manifest/index.ts';
import type { Machine } from '../machine.ts';
import type { MachinePaths } from '../paths.ts';
import { startWords } from './groups.ts';
import { idsOf, mountRoot, prepare, readProcess, withoutMask } from './prepare.ts';
import type { ServiceFolder, ServiceRecord } from './record.ts';

export type StartRequest = {
  readonly machine: Machine;
  readonly store: Layout;
  readonly entry: MachineTarget;
  /** Those of the machine. */
  readonly volumes: readonly MachineVolume[];
  readonly generation: number;
  readonly integrity: Integrity;
  /** Started anew also where it runs just so. */
  readonly again?: boolean | undefined;
};

/** All that a container of the service needs; nothing leads to it yet. */
export async function prepareNew(
  host: Host,
  { machine, store, entry, volumes, generation, integrity }: StartRequest,
  folder: ServiceFolder,
  definition: string,
): Promise<ServiceRecord> {
  const { target } = entry;
  // The first of all: what has a folder is cleared by the next start or stop, whatever ends this one.
  await host.files.makeFolder(folder.path, { parents: true, mode: 0o711 });
  const parts = { machine, store, entry, integrity, folder, volumes };
  const [attachment, image] = await allOf(
    attach(host, machine, entry, folder),
    readProcess(target, store),
    mountRoot(host, parts),
  );
  const process = await prepare(host, { ...parts, attachment, image });
  const ids = idsOf(entry);
  const address =
    target.network.type === 'host' ? '127.0.0.1' : attachment && addressOf(attachment.slot).ipv4;
  return {
    version: 1,
    name: entry.name,
    image: target.digest,
    imageVersion: target.version,
    generation,
    definition,
    process,
    ...(ids === undefined ? {} : { firstId: ids.start }),
    volumes: target.storage.map(({ label }) => label),
    restart: target.restart ?? 'always',
    started: host.clock.now().toISOString(),
    restarts: 0,
    ...(target.health === undefined ? {} : { health: target.health }),
    ...(address === undefined ? {} : { address }),
    network: target.network.type,
    ...(target.depends_on === undefined ? {} : { needs: target.depends_on }),
  };
}

/** Fails when all have ended: what one of them does is not to be cleared away while it goes on. */
async function allOf<const P extends readonly Promise<unknown>[]>(
  ...all: P
): Promise<{ -readonly [K in keyof P]: Awaited<P[K]> }> {
  await Promise.allSettled(all);
  return Promise.all(all);
}

/** A service with a simple network comes to the bridge. */
async function attach(
  host: Host,
  { paths }: Machine,
  { name, network, target }: MachineTarget,
  folder: ServiceFolder,
): Promise<Attachment | undefined> {
  if (network === undefined) return undefined;
  const ports = target.network.ports.map((port) => ({
    ...port,
    protocol: port.protocol ?? ('tcp' as const),
  }));
  const [ipv4, ipv6] = [withoutMask(network.ipv4), withoutMask(network.ipv6)];
  const who = { machine: paths.run, service: name, container: folder.name, folder: folder.path };
  const claim = { ...who, ipv4, ipv6, ports };
  return joinNetwork(host, claim);
}

/** Starts the container of a record; what LXC logs is of this run alone. */
export async function run(
  host: Host,
  folder: ServiceFolder,
  { name, process }: ServiceRecord,
): Promise<void> {
  await host.files.remove(folder.lxcLog);
  try {
    const argv = await startWords(host, folder, process);
    await startContainer(host, folder, { argv, output: folder.output, log: folder.lxcLog });
  } catch (cause) {
    throw new MosError('state', `cannot start ${name}`, { cause });
  }
  const log = (await readTextIfThere(host, folder.lxcLog)) ?? '';
  const why = parseStartFailure(log, process.argv[0]);
  if (why !== undefined) throw new MosError('state', `cannot start ${name}: ${why}`);
}

/** The addresses and the ports of the service lead to this container. */
export async function leadTo(
  host: Host,
  paths: MachinePaths,
  folder: ServiceFolder,
  { network }: ServiceRecord,
): Promise<void> {
  if (network === 'simple')
    await switchNetwork(host, { machine: paths.run, service: folder.service, container: folder.name });
}
