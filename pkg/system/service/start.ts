import type { Integrity } from '../../atomfs/index.ts';
import { MosError } from '../../errors/index.ts';
import { type Host, readTextIfThere } from '../../host/index.ts';
import type { Layout } from '../../layout/index.ts';
import { type Attachment, isRunning, joinNetwork, startContainer } from '../../lxc/index.ts';
import type { MachineTarget, MachineVolume } from '../../manifest/index.ts';
import { Undo } from '../../undo/index.ts';
import type { Machine } from '../machine.ts';
import { idsOf, prepare, withoutMask } from './prepare.ts';
import {
  definitionOf,
  lockServices,
  readRecord,
  type ServiceFolder,
  type ServiceRecord,
  serviceFolder,
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
 * Starts a service, unless it runs already as its manifest says. What is left of an earlier start goes first, running or
 * not. Returns when its first process runs.
 */
export async function startService(host: Host, request: StartRequest): Promise<Started> {
  const { machine, entry } = request;
  const folder = serviceFolder(machine.paths, entry.name);
  await using _lock = await lockServices(host, machine.paths, owner);
  const definition = definitionOf(entry.target, idsOf(entry)?.start);
  const record = await readRecord(host, folder);
  if (record?.definition === definition && (await isRunning(host, folder)))
    return { at: folder.rootfs, isNew: false };
  await clear(host, machine.paths, folder, stopSeconds);
  await startNew(host, request, folder, definition);
  return { at: folder.rootfs, isNew: true };
}

async function startNew(
  host: Host,
  { machine, store, entry, volumes, generation, integrity }: StartRequest,
  folder: ServiceFolder,
  definition: string,
): Promise<void> {
  const { target } = entry;
  await using undo = new Undo();
  undo.add(() => clear(host, machine.paths, folder, 0));
  const attachment = await attach(host, machine, entry);
  const process = await prepare(host, {
    ...{ machine, store, entry, integrity, folder },
    ...{ volumes, attachment },
  });
  const ids = idsOf(entry);
  const record: ServiceRecord = {
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
  };
  await run(host, folder, record);
  await writeRecord(host, folder, record);
  undo.keep();
}

/** A service with a simple network comes to the bridge. */
async function attach(
  host: Host,
  { paths }: Machine,
  { name, network, target }: MachineTarget,
): Promise<Attachment | undefined> {
  if (network === undefined) return undefined;
  const ports = target.network.ports.map((port) => ({
    ...port,
    protocol: port.protocol ?? ('tcp' as const),
  }));
  const [ipv4, ipv6] = [withoutMask(network.ipv4), withoutMask(network.ipv6)];
  return joinNetwork(host, { machine: paths.run, service: name, ipv4, ipv6, ports }, true);
}

/** Starts the container of a record; what LXC logs is of this run alone. */
export async function run(
  host: Host,
  folder: ServiceFolder,
  { name, process }: ServiceRecord,
): Promise<void> {
  await host.files.remove(folder.lxcLog);
  try {
    await startContainer(host, folder, process.argv, folder.output);
  } catch (cause) {
    throw new MosError('state', `cannot start ${name}`, { cause });
  }
  const log = (await readTextIfThere(host, folder.lxcLog)) ?? '';
  const why = parseStartFailure(log, process.argv[0]);
  if (why !== undefined) throw new MosError('state', `cannot start ${name}: ${why}`);
}

const startedLine = /NOTICE +start - .* - Started "/;
const errorLine = / ERROR +\S+ - [^:]+:[^:]+:\d+ - (.*)$/;

/** The first error in LXC's log is the one that the others follow from; undefined where the program was started. */
export function parseStartFailure(log: string, program: string): string | undefined {
  const errors = log.split('\n').flatMap((line) => errorLine.exec(line)?.[1] ?? []);
  const failed = errors.find((text) => text.includes(`Failed to exec "${program}"`));
  if (failed !== undefined)
    return `its image has no program ${program} that can be run (${failed.split(' - ')[0]})`;
  return startedLine.test(log) ? undefined : (errors[0] ?? 'LXC does not say why');
}
