import { MosError } from '../../errors/index.ts';
import { type Host, readTextIfThere } from '../../host/index.ts';
import { isRunning, parseEnd, probeHealth, usualHealth, waitUntilStopped } from '../../lxc/index.ts';
import { asService } from './groups.ts';
import type { ServiceFolder, ServiceRecord } from './record.ts';

/** A program that runs for so long did not fail at its start. Milliseconds. */
const firstMoment = 1000;
/** While it starts it is asked more often than its interval says, first at once: nobody waits for it much longer than it takes. */
const startInterval = { first: 10, longest: 250 };
/** Whether it has ended is asked of a program of LXC, which would take the processors from what just starts. Milliseconds. */
const patience = 40;

/** Asks once; undefined where it is well or has no say in it. */
export async function askService(
  host: Host,
  folder: ServiceFolder,
  { health, address, process }: ServiceRecord,
): Promise<string | undefined> {
  if (health === undefined) return undefined;
  if (health.exec === undefined && address === undefined)
    return 'its health is asked over a network, and it has none';
  const exec = health.exec && (await asService(host, folder, process, health.exec));
  return probeHealth(host, folder, { health, address: address ?? '', exec });
}

/** Waits until a new container is well; returns why it does not become so. Without `health` it must only stay for a moment. */
export async function untilHealthy(
  host: Host,
  folder: ServiceFolder,
  record: ServiceRecord,
): Promise<string | undefined> {
  const { health } = record;
  if (health === undefined) {
    await waitUntilStopped(host, folder, AbortSignal.timeout(firstMoment)).catch(() => {}); // it runs on
    return (await isRunning(host, folder)) ? undefined : endText(host, folder);
  }
  const { interval, retries, start_period } = { ...usualHealth, ...health };
  const limit = host.clock.monotonic() + (start_period + interval * retries) * 1000;
  for (let pause = startInterval.first; ; pause = Math.min(2 * pause, startInterval.longest)) {
    const problem = await askService(host, folder, record);
    if (problem === undefined) return undefined;
    if (pause >= patience && !(await isRunning(host, folder))) return endText(host, folder);
    if (host.clock.monotonic() > limit) return problem;
    await host.clock.sleep(pause);
  }
}

async function endText(host: Host, folder: ServiceFolder): Promise<string> {
  const end = parseEnd((await readTextIfThere(host, folder.lxcLog)) ?? '');
  return `it ended with ${'code' in end ? `exit code ${end.code}` : `signal ${end.signal}`}`;
}

/** The same, and where it does not become well that is the failure. */
export async function requireHealthy(
  host: Host,
  folder: ServiceFolder,
  record: ServiceRecord,
): Promise<void> {
  const isFirst = !record.isCandidate;
  if (isFirst && record.health === undefined) return;
  const problem = await untilHealthy(host, folder, record);
  if (problem !== undefined)
    throw new MosError('state', `cannot call ${record.name} well: ${problem}`, {
      ...(isFirst ? { hint: `see what it says: mosctl logs ${record.name}` } : {}),
    });
}
