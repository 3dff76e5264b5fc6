import type { Host } from '../../host/index.ts';
import { isRunning, repairNetwork } from '../../lxc/index.ts';
import { Undo } from '../../undo/index.ts';
import type { MachinePaths } from '../paths.ts';
import { requireHealthy } from './health.ts';
import { forgetHold } from './hold.ts';
import { leadTo, prepareNew, run, type StartRequest } from './new-container.ts';
import { idsOf } from './prepare.ts';
import {
  bothFolders,
  definitionOf,
  findService,
  lockService,
  lockServices,
  type ServiceFolder,
  type ServiceRecord,
  writeRecord,
} from './record.ts';
import { replace } from './replace.ts';
import { clear } from './stop.ts';

export type Started = {
  /** Where its root file system is, on the host. */
  readonly at: string;
  /** False where it ran already, just so. */
  readonly isNew: boolean;
};

const owner = 'mosctl activate';

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
  const { folder, record } = running;
  if (record.network === 'simple')
    await repairNetwork(host, { machine: paths.run, service: entry.name, container: folder.name });
  if (record.definition === definition && !again) return { at: folder.rootfs, isNew: false };
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
