import { isMosError, messageOf } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { isRunning, waitUntilStopped } from '../../lxc/index.ts';
import type { Report } from '../../steps/index.ts';
import { openMachine } from '../machine.ts';
import type { MachinePaths } from '../paths.ts';
import { endOf, isOver } from './list.ts';
import { logBytes } from './prepare.ts';
import {
  listServices,
  lockServices,
  makeServicesFolder,
  readRecord,
  type ServiceFolder,
  serviceFolder,
  servicesFolder,
  writeRecord,
} from './record.ts';
import { run } from './start.ts';

export type SuperviseOptions = { readonly root: string; readonly signal: AbortSignal };
/** How many services were there when it ended. */
export type SuperviseResult = { readonly left: number };

const owner = 'mosctl supervise';
const supervisorLock = (paths: MachinePaths): string => `${servicesFolder(paths)}/.supervisor`;

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
  await using _only = await host.files.lock(supervisorLock(paths), { owner, wait: 0 });
  const stopped = new AbortController();
  const signal = AbortSignal.any([options.signal, stopped.signal]);
  const watched = new Map<string, Promise<void>>();
  const watch = (name: string): void => {
    if (watched.has(name)) return;
    const folder = serviceFolder(paths, name);
    const watching = watchService(host, paths, folder, signal, report)
      .catch((error: unknown) => {
        if (!signal.aborted) report({ kind: 'note', text: `warning: ${messageOf(error)}` });
      })
      .finally(() => watched.delete(name));
    watched.set(name, watching);
  };
  try {
    for await (const _ of host.files.changes(servicesFolder(paths), signal)) {
      const names = await startedServices(host, paths);
      for (const name of names) watch(name);
      if (names.length === 0 && (await isDone(host, paths))) break;
    }
  } finally {
    stopped.abort();
    await Promise.all(watched.values());
  }
  return { left: (await startedServices(host, paths)).length };
}

async function startedServices(host: Host, paths: MachinePaths): Promise<string[]> {
  const names = await listServices(host, paths);
  const records = await Promise.all(names.map((name) => readRecord(host, serviceFolder(paths, name))));
  return records.flatMap((record) => (record === undefined ? [] : [record.name]));
}

/** Whoever starts a service holds the lock until its record is there, and looks for a supervisor afterwards. */
async function isDone(host: Host, paths: MachinePaths): Promise<boolean> {
  await using _lock = await lockServices(host, paths, owner);
  return (await startedServices(host, paths)).length === 0;
}

const firstPause = 500;
const longestPause = 60_000;
/** A service that ran for so long was well: the next failure is its first. */
const wellAfter = 60_000;

async function watchService(
  host: Host,
  paths: MachinePaths,
  folder: ServiceFolder,
  signal: AbortSignal,
  report: Report,
): Promise<void> {
  const done = new AbortController();
  const bounding = boundOutput(host, folder, AbortSignal.any([signal, done.signal]));
  try {
    await keepRunning(host, paths, folder, signal, report);
  } finally {
    done.abort();
    await bounding.catch(() => {}); // the file may be gone with the service
  }
}

const outputPause = 250;

async function boundOutput(host: Host, { log, output }: ServiceFolder, signal: AbortSignal): Promise<void> {
  for await (const _ of host.files.changes(log, signal)) {
    const size = (await host.files.stat(output))?.size ?? 0;
    if (size > logBytes / 2) await host.files.keepEnd(output, logBytes / 4);
    await host.clock.sleep(outputPause, signal);
  }
}

async function keepRunning(
  host: Host,
  paths: MachinePaths,
  folder: ServiceFolder,
  signal: AbortSignal,
  report: Report,
): Promise<void> {
  let pause = firstPause;
  for (;;) {
    const since = host.clock.monotonic();
    await waitUntilStopped(host, folder, signal);
    const record = await readRecord(host, folder);
    if (record === undefined) return;
    if (isOver(record.restart, await endOf(host, folder))) return;
    if (host.clock.monotonic() - since > wellAfter) pause = firstPause;
    await host.clock.sleep(pause, signal);
    pause = Math.min(pause * 2, longestPause);
    if (!(await startAgain(host, paths, folder, report))) return;
  }
}

/** False where it was stopped meanwhile. */
async function startAgain(
  host: Host,
  paths: MachinePaths,
  folder: ServiceFolder,
  report: Report,
): Promise<boolean> {
  await using _lock = await lockServices(host, paths, owner);
  const record = await readRecord(host, folder);
  if (record === undefined) return false;
  if (await isRunning(host, folder)) return true;
  const lastEnd = await endOf(host, folder);
  await writeRecord(host, folder, { ...record, restarts: record.restarts + 1, lastEnd });
  try {
    await run(host, folder, record);
  } catch (error) {
    report({ kind: 'note', text: `warning: ${messageOf(error)}` });
  }
  return true;
}

/** Makes sure that somebody supervises; under systemd as a unit, which systemd starts again. */
export async function ensureSupervisor(host: Host, root: string): Promise<void> {
  const { paths } = await openMachine(host, root);
  try {
    await using _free = await host.files.lock(supervisorLock(paths), { owner, wait: 0 });
  } catch (error) {
    if (isMosError(error, 'busy')) return;
    throw error;
  }
  const command = [...host.machine.program(), 'supervise', '--quiet', '--root', root];
  const isSystemd = (await host.files.stat('/run/systemd/system')) !== undefined;
  if (!isSystemd) return void (await host.processes.leave(command as [string, ...string[]]));
  const properties = ['Restart=on-failure', 'KillMode=process', 'Description=mos services'];
  await host.processes.run([
    'systemd-run',
    '--collect',
    '--quiet',
    ...properties.flatMap((property) => ['-p', property]),
    ...command,
  ]);
}
