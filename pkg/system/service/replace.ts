import { codeOf, MosError, messageOf } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { drainContainer, isRunning, pauseNetwork, stopContainer } from '../../lxc/index.ts';
import type { MachineTarget } from '../../manifest/index.ts';
import { Undo } from '../../undo/index.ts';
import type { MachinePaths } from '../paths.ts';
import { requireHealthy } from './health.ts';
import { forgetHold, hold } from './hold.ts';
import { leadTo, prepareNew, run, type StartRequest } from './new-container.ts';
import { type Instance, type ServiceFolder, type ServiceRecord, writeRecord } from './record.ts';
import { clear } from './stop.ts';

/** Seconds for the one before to end. */
const stopSeconds = 10;

/** All of the new one is prepared before the old one is asked to end. */
export async function replace(
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
    // Before it runs: who starts the one before again after a kill must know of it.
    await writeRecord(host, folder, record);
    if (!isBeside && !isInTheWay) await endBefore(host, paths, before);
    await run(host, folder, record);
    if (!isBeside) await leadTo(host, paths, folder, record);
    await requireHealthy(host, folder, record);
    if (isBeside) await leadTo(host, paths, folder, record);
    await writeRecord(host, folder, confirmed(record));
  } catch (cause) {
    await hold(host, machine.paths, entry, definition, messageOf(cause));
    throw new MosError(codeOf(cause), `cannot replace ${entry.name}: the one before goes on`, { cause });
  }
  undo.keep();
  await forgetHold(host, paths, entry.name);
  // Who asked it is answered, whatever its stop signal does.
  if (isBeside && before.record.network === 'simple') await drainContainer(host, before.folder);
  await clear(host, paths, before.folder, stopSeconds);
}

/** Two of a service at once need two networks, and must not write to one volume. */
const mayRunTwice = ({ target }: MachineTarget, before: ServiceRecord): boolean =>
  target.storage.length === 0 &&
  before.volumes.length === 0 &&
  target.network.type !== 'host' &&
  before.network === target.network.type;

async function endBefore(host: Host, paths: MachinePaths, { folder, record }: Instance): Promise<void> {
  if (record.network === 'simple') await pauseNetwork(host, { machine: paths.run, container: folder.name });
  await stopContainer(host, folder, stopSeconds);
}

async function putBack(host: Host, paths: MachinePaths, { folder, record }: Instance): Promise<void> {
  if (!(await isRunning(host, folder))) await run(host, folder, record);
  await leadTo(host, paths, folder, record);
  // Whoever watched it may have left it when it ended.
  await writeRecord(host, folder, record);
}

const confirmed = ({ isCandidate: _, ...record }: ServiceRecord): ServiceRecord => record;
