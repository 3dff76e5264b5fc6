import type { Integrity } from '../../atomfs/index.ts';
import { codeOf, MosError, messageOf } from '../../errors/index.ts';
import { type Host, readTextIfThere } from '../../host/index.ts';
import type { Layout } from '../../layout/index.ts';
import {
  type Attachment,
  addressOf,
  isRunning,
  joinNetwork,
  parseStartFailure,
  pauseNetwork,
  repairNetwork,
  startContainer,
  stopContainer,
  switchNetwork,
} from '../../lxc/index.ts';
import type { MachineTarget, MachineVolume } from '../../manifest/index.ts';
import { Undo } from '../../undo/index.ts';
import type { Machine } from '../machine.ts';
import type { MachinePaths } from '../paths.ts';
import { startWords } from './groups.ts';
import { untilHealthy } from './health.ts';
import { forgetHold, hold } from './hold.ts';
import { idsOf, mountRoot, prepare, withoutMask } from './prepare.ts';
import {
  bothFolders,
  definitionOf,
  findService,
  type Instance,
  lockService,
  lockServices,
  type ServiceFolder,
  type ServiceRecord,
  writeRecord,
} from './record.ts';
import { clear } from './stop.ts';

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

export type Started = {
  /** Where its root file system is, on the host. */
  readonly at: string;
  /** False where it ran already, just so. */
  readonly isNew: boolean;
};

const owner = 'mosctl activate';
/** Seconds for the one before to end. */
const stopSeconds = 10;

/**
 * Starts a service, unless it runs already as its manifest says. One that runs otherwise is replaced: beside it where two of it
 * may run at once, else after its end; where the new one does not become well, the one before is (again) the service.
 */
export async function startService(host: Host, request: StartRequest): Promise<Started> {
  const { machine, entry, again } = request;
  const { paths } = machine;
  const locking = entry.target.storage.length === 0 ? lockService : lockAll;
  await using _lock = await locking(host, paths, entry.name, owner);
  const definition = definitionOf(entry.target, idsOf(entry)?.start);
  const found = await findService(host, paths, entry.name);
  const running = found !== undefined && (await isRunning(host, found.folder)) ? found : undefined;
  const [first, second] = bothFolders(paths, entry.name);
  const free = running?.folder.name === first.name ? second : first;
  await clear(host, paths, free, 0);
  if (running === undefined) {
    await clear(host, paths, second, 0);
    const record = await startFirst(host, request, first, definition);
    await requireHealthy(host, first, record);
    await forgetHold(host, paths, entry.name);
    return { at: first.rootfs, isNew: true };
  }
  if (running.record.definition === definition && !again) {
    if (entry.network !== undefined) await repairNetwork(host);
    return { at: running.folder.rootfs, isNew: false };
  }
  await replace(host, request, running, free, definition);
  return { at: free.rootfs, isNew: true };
}

const lockAll = (host: Host, paths: MachinePaths, _service: string, who: string): Promise<AsyncDisposable> =>
  lockServices(host, paths, who);

async function startFirst(
  host: Host,
  request: StartRequest,
  folder: ServiceFolder,
  definition: string,
): Promise<ServiceRecord> {
  const { paths } = request.machine;
  await using undo = new Undo();
  undo.add(() => clear(host, paths, folder, 0));
  const record = await prepareNew(host, request, folder, definition);
  await run(host, folder, record);
  await leadTo(host, paths, folder, record);
  await writeRecord(host, folder, record);
  undo.keep();
  return record;
}

/** All of the new one is prepared before the old one is asked to end. */
async function replace(
  host: Host,
  request: StartRequest,
  before: Instance,
  folder: ServiceFolder,
  definition: string,
): Promise<void> {
  const { machine, entry } = request;
  const { paths } = machine;
  const isBeside = !request.again && mayRunTwice(entry, before.record);
  await using undo = new Undo();
  if (!isBeside) undo.add(() => putBack(host, paths, before));
  try {
    undo.add(() => clear(host, paths, folder, 0));
    // One with the network of the host may have ports there that the new one needs.
    const isInTheWay = before.record.network === 'host';
    if (isInTheWay) await endBefore(host, paths, before);
    const record = { ...(await prepareNew(host, request, folder, definition)), isCandidate: true };
    if (!isBeside && !isInTheWay) await endBefore(host, paths, before);
    await run(host, folder, record);
    if (!isBeside) await leadTo(host, paths, folder, record);
    await writeRecord(host, folder, record);
    await requireHealthy(host, folder, record);
    if (isBeside) await leadTo(host, paths, folder, record);
    await writeRecord(host, folder, confirmed(record));
  } catch (cause) {
    await hold(host, machine.paths, entry, definition, messageOf(cause));
    throw new MosError(codeOf(cause), `cannot replace ${entry.name}: the one before goes on`, { cause });
  }
  undo.keep();
  await forgetHold(host, paths, entry.name);
  await clear(host, paths, before.folder, stopSeconds);
}

async function endBefore(host: Host, paths: MachinePaths, { folder, record }: Instance): Promise<void> {
  if (record.network === 'simple') await pauseNetwork(host, { machine: paths.run, container: folder.name });
  await stopContainer(host, folder, stopSeconds);
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

/** Two of a service at once need two networks, and must not write to one volume. */
const mayRunTwice = ({ target }: MachineTarget, before: ServiceRecord): boolean =>
  target.storage.length === 0 &&
  before.volumes.length === 0 &&
  target.network.type !== 'host' &&
  before.network === target.network.type;

async function putBack(host: Host, paths: MachinePaths, { folder, record }: Instance): Promise<void> {
  if (!(await isRunning(host, folder))) await run(host, folder, record);
  await leadTo(host, paths, folder, record);
}

const confirmed = ({ isCandidate: _, ...record }: ServiceRecord): ServiceRecord => record;

async function requireHealthy(host: Host, folder: ServiceFolder, record: ServiceRecord): Promise<void> {
  const isFirst = !record.isCandidate;
  if (isFirst && record.health === undefined) return;
  const problem = await untilHealthy(host, folder, record);
  if (problem !== undefined)
    throw new MosError('state', `cannot call ${record.name} well: ${problem}`, {
      ...(isFirst ? { hint: `see what it says: mosctl logs ${record.name}` } : {}),
    });
}

/** All that a container of the service needs; nothing leads to it yet. */
async function prepareNew(
  host: Host,
  { machine, store, entry, volumes, generation, integrity }: StartRequest,
  folder: ServiceFolder,
  definition: string,
): Promise<ServiceRecord> {
  const { target } = entry;
  // The first of all: what has a folder is cleared by the next start or stop, whatever ends this one.
  await host.files.makeFolder(folder.path, { parents: true, mode: 0o711 });
  const parts = { machine, store, entry, integrity, folder, volumes };
  const [attachment] = await both(attach(host, machine, entry, folder), mountRoot(host, parts));
  const process = await prepare(host, { ...parts, attachment });
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

/** Fails when both have ended: what one of them does is not to be cleared away while it goes on. */
async function both<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([a, b]);
  return Promise.all([a, b]);
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
