import { isMosError, messageOf } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import {
  type ContainerEnd,
  isRunning,
  stopContainer,
  unitCommand,
  usualHealth,
  waitUntilStopped,
} from '../../lxc/index.ts';
import type { Report } from '../../steps/index.ts';
import { openMachine } from '../machine.ts';
import type { MachinePaths } from '../paths.ts';
import { askService } from './health.ts';
import { endOf, isOver } from './list.ts';
import { leadTo, run } from './new-container.ts';
import { Patience } from './patience.ts';
import { logBytes } from './prepare.ts';
import {
  bothFolders,
  findService,
  type Instance,
  listInstances,
  lockService,
  lockServices,
  makeServicesFolder,
  readRecord,
  type ServiceFolder,
  type ServiceRecord,
  servicesFolder,
  writeRecord,
} from './record.ts';
import { isSupervised, supervisorLock } from './watch.ts';

export type SuperviseOptions = { readonly root: string; readonly signal: AbortSignal };
/** How many services were there when it ended. `isOther`: another supervisor has them. */
export type SuperviseResult = { readonly left: number; readonly isOther: boolean };

const owner = 'mosctl supervise';
/** Who looks whether there is a supervisor holds its lock for an instant. Milliseconds. */
const probeWait = 1000;

/**
 * Starts services again as their policy says, until there are none. It holds nothing that a service needs: containers
 * are children of LXC, and the next supervisor finds them by their records.
 */
export async function supervise(
  host: Host,
  options: SuperviseOptions,
  report: Report,
): Promise<SuperviseResult> {
  const { paths } = await openMachine(host, options.root);
  await makeServicesFolder(host, paths);
  await using only = await lockSupervisor(host, paths);
  if (only === undefined) return { left: (await startedInstances(host, paths)).length, isOther: true };
  const stopped = new AbortController();
  const signal = AbortSignal.any([options.signal, stopped.signal]);
  const watched = new Map<string, Promise<void>>();
  const watch = (instance: Instance): void => {
    // A container that was started anew in the same folder has another log, and another health.
    const key = `${instance.folder.name} ${instance.record.started}`;
    if (watched.has(key)) return;
    const watching = watchService(host, paths, instance, signal, report)
      .catch((error: unknown) => {
        if (!signal.aborted) report({ kind: 'note', text: `warning: ${messageOf(error)}` });
      })
      .finally(() => watched.delete(key));
    watched.set(key, watching);
  };
  try {
    for await (const _ of host.files.changes(servicesFolder(paths), signal)) {
      const instances = await startedInstances(host, paths);
      for (const instance of instances) watch(instance);
      if (instances.length === 0 && (await isDone(host, paths))) break;
    }
  } finally {
    stopped.abort();
    await Promise.all(watched.values());
  }
  return { left: (await startedInstances(host, paths)).length, isOther: false };
}

/** undefined where there is a supervisor: one of several that were started at once is enough, and the others are no failures. */
async function lockSupervisor(host: Host, paths: MachinePaths): Promise<AsyncDisposable | undefined> {
  try {
    return await host.files.lock(supervisorLock(paths), { owner, wait: probeWait });
  } catch (error) {
    if (isMosError(error, 'busy')) return undefined;
    throw error;
  }
}

/** Without candidates, which are their starter's. */
async function startedInstances(host: Host, paths: MachinePaths): Promise<Instance[]> {
  return (await listInstances(host, paths)).filter(({ record }) => !record.isCandidate);
}

/** Whoever starts a service holds the lock until its record is there, and looks for a supervisor afterwards. */
async function isDone(host: Host, paths: MachinePaths): Promise<boolean> {
  await using _lock = await lockServices(host, paths, owner);
  return (await startedInstances(host, paths)).length === 0;
}

const firstPause = 500;
const longestPause = 60_000;
/** A service that ran for so long was well: the next failure is its first. */
const wellAfter = 60_000;

async function watchService(
  host: Host,
  paths: MachinePaths,
  instance: Instance,
  signal: AbortSignal,
  report: Report,
): Promise<void> {
  const done = new AbortController();
  const bounding = boundOutput(host, instance.folder, AbortSignal.any([signal, done.signal]));
  bounding.catch(() => {}); // the file may be gone with the service
  try {
    const kills: Kills = { isEnding: false };
    const asking = keepHealthy(host, instance, kills, AbortSignal.any([signal, done.signal]), report);
    asking.catch(() => {}); // its end is that of the service
    await keepRunning(host, paths, instance, kills, signal, report);
  } finally {
    done.abort();
    await bounding.catch(() => {});
  }
}

const outputPause = 250;

async function boundOutput(host: Host, { log, output }: ServiceFolder, signal: AbortSignal): Promise<void> {
  for await (const _ of host.files.changes(log, signal)) {
    const size = (await host.files.stat(output))?.size ?? 0;
    if (size > logBytes / 2) await shorten(host, output);
    await host.clock.sleep(outputPause, signal);
  }
}

/** Who says more than there is room for takes what is freed at once: the next look tries again. */
async function shorten(host: Host, output: string): Promise<void> {
  try {
    await host.files.keepEnd(output, logBytes / 4);
  } catch (error) {
    if (!isMosError(error, 'no-space')) throw error;
  }
}

/** Whether we ended the container: LXC does not tell that as the signal it was. */
type Kills = { isEnding: boolean };
const killed: ContainerEnd = { signal: 9 };

/** One that says so often enough that it is not well is ended, and started again as its policy says. */
async function keepHealthy(
  host: Host,
  { folder, record: first }: Instance,
  kills: Kills,
  signal: AbortSignal,
  report: Report,
): Promise<void> {
  if (first.health === undefined) return;
  const { interval } = { ...usualHealth, ...first.health };
  const patience = new Patience(first.health, startOf(first), host.clock.monotonic());
  for (;;) {
    await host.clock.sleep(interval * 1000, signal);
    const record = await readRecord(host, folder);
    if (record?.started !== first.started) return;
    if (!(await isRunning(host, folder))) continue;
    patience.started(startOf(record), host.clock.monotonic());
    const problem = await askService(host, folder, record);
    if (problem === undefined) patience.well();
    else if (patience.unwell(host.clock.monotonic()) && !signal.aborted) {
      report({ kind: 'note', text: `warning: ${record.name} is not well and is ended: ${problem}` });
      kills.isEnding = true;
      await stopContainer(host, folder, 0);
    }
  }
}

const startOf = ({ started, restarts }: ServiceRecord): string => `${started} ${restarts}`;

async function keepRunning(
  host: Host,
  paths: MachinePaths,
  { folder, record: { started } }: Instance,
  kills: Kills,
  signal: AbortSignal,
  report: Report,
): Promise<void> {
  let pause = firstPause;
  for (;;) {
    const since = host.clock.monotonic();
    await waitUntilStopped(host, folder, signal);
    const record = await readRecord(host, folder);
    if (record?.started !== started) return;
    const end = kills.isEnding ? killed : await endOf(host, folder);
    kills.isEnding = false;
    if (isOver(record.restart, end)) return;
    if (host.clock.monotonic() - since > wellAfter) pause = firstPause;
    await host.clock.sleep(pause, signal);
    pause = Math.min(pause * 2, longestPause);
    if (!(await startAgain(host, paths, { folder, record }, end, report))) return;
  }
}

/** False where it was stopped meanwhile, or another one is the service by now. */
async function startAgain(
  host: Host,
  paths: MachinePaths,
  { folder, record: { started } }: Instance,
  lastEnd: ContainerEnd,
  report: Report,
): Promise<boolean> {
  await using _lock = await lockService(host, paths, folder.service, owner);
  const current = await findService(host, paths, folder.service);
  if (current?.folder.name !== folder.name || current.record.started !== started) return false; // the next start or stop clears what a kill left of this one
  const { record } = current;
  if (await isRunning(host, folder)) return true;
  await writeRecord(host, folder, { ...record, restarts: record.restarts + 1, lastEnd });
  try {
    await endCandidates(host, paths, folder);
    await run(host, folder, record);
    await leadTo(host, paths, folder, record);
  } catch (error) {
    report({ kind: 'note', text: `warning: ${messageOf(error)}` });
  }
  return true;
}

/** We have the lock, so whoever started one that was to take its place is dead; it must not run beside this one. */
async function endCandidates(host: Host, paths: MachinePaths, { service }: ServiceFolder): Promise<void> {
  for (const folder of bothFolders(paths, service))
    if ((await readRecord(host, folder))?.isCandidate) await stopContainer(host, folder, 0);
}

/** Makes sure that somebody supervises what there is; under systemd as a unit, which systemd starts again. False where there is nothing. */
export async function ensureSupervisor(host: Host, root: string): Promise<boolean> {
  const { paths } = await openMachine(host, root);
  if ((await startedInstances(host, paths)).length === 0) return false;
  if (await isSupervised(host, paths, owner)) return true;
  const command = [...host.machine.program(), 'supervise', '--quiet', '--root', root];
  const properties = ['Restart=on-failure', 'KillMode=process', 'Description=mos services'];
  const unit = await unitCommand(host, properties, command);
  if (unit === undefined) await host.processes.leave(command as [string, ...string[]]);
  else await host.processes.run(unit);
  return true;
}
