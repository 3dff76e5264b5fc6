import { isMosError, messageOf } from '../errors/index.ts';
import { type NextAction, nextAutomatic, performAutomatic, upgradeFolder } from '../system/index.ts';
import type { Api } from './api.ts';
import { upgradeOptions } from './upgrade/routes.ts';

/** A clock that was set, or a machine that slept, is noticed by then. */
const longestSleep = 3_600_000;
/** After what could not be planned, while somebody else is at work, and between two of the same. */
const pause = 60_000;

/**
 * Automatic updates of this daemon. Between two actions it sleeps: until the next one is due, or until somebody changes
 * settings, holds, or the update.
 */
export function startAutomatic(api: Api): AsyncDisposable {
  const stopping = new AbortController();
  const ended = watch(api, stopping.signal).catch((error: unknown) => {
    if (!stopping.signal.aborted) api.options.tell?.(`automatic updates ended: ${messageOf(error)}`);
  });
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await ended;
    },
  };
}

async function watch(api: Api, signal: AbortSignal): Promise<void> {
  const { host, options } = api;
  const folder = await upgradeFolder(host, options.root);
  await host.files.makeFolder(folder, { parents: true, mode: 0o700 });
  const tell = onceEach(options.tell);
  const changes = host.files.changes(folder, signal)[Symbol.asyncIterator]();
  // Where nobody can watch, what was changed is seen an hour later.
  const noticed = async (): Promise<void> => {
    try {
      await changes.next();
    } catch (error) {
      tell(`cannot watch ${folder}: ${messageOf(error)}`);
      await new Promise<never>(() => {});
    }
  };
  let change = noticed();
  while (!signal.aborted) {
    const wait = await step(api, signal, tell);
    if (wait === 0) continue;
    const timer = new AbortController();
    const over = host.clock.sleep(Math.min(wait, longestSleep), AbortSignal.any([signal, timer.signal]));
    const woken = await Promise.race([
      change.then(() => true),
      over.then(
        () => false,
        () => false,
      ),
    ]);
    timer.abort();
    if (woken) change = noticed();
  }
}

/** What is said again and again is told once. */
function onceEach(tell: (line: string) => void = () => {}): (line: string) => void {
  let last = '';
  return (line) => {
    if (line !== last) tell(line);
    last = line;
  };
}

/** Does what is due; returns for how many milliseconds there is nothing to do. */
async function step(api: Api, signal: AbortSignal, tell: (line: string) => void): Promise<number> {
  const { host, options } = api;
  let next: NextAction | null;
  try {
    next = await nextAutomatic(host, options.root);
  } catch (error) {
    tell(`cannot plan automatic updates: ${messageOf(error)}`);
    return pause;
  }
  if (next === null) return longestSleep;
  const wait = next.at.getTime() - host.clock.now().getTime();
  if (wait > 0) return wait;
  return (await perform(api, next, signal, tell)) ? 0 : pause;
}

/** As a job, which others can watch and cancel. False where it must not be tried again at once. */
async function perform(
  api: Api,
  next: NextAction,
  signal: AbortSignal,
  tell: (line: string) => void,
): Promise<boolean> {
  const { host, jobs } = api;
  try {
    const { id } = await jobs.start(next.action, 'automatic updates', (report, stopped) =>
      performAutomatic(host, next, upgradeOptions(api, stopped), report),
    );
    const over = new Promise<void>((resolve) =>
      signal.addEventListener('abort', () => resolve(), { once: true }),
    );
    await Promise.race([endOf(api, id), over]);
    return jobs.get(id).state === 'done' && !restarts.includes(next.action);
  } catch (error) {
    if (!isMosError(error, 'busy')) tell(`cannot begin ${next.action}: ${messageOf(error)}`);
    return false;
  }
}

/** The machine may go down at any moment after these. */
const restarts: readonly NextAction['action'][] = ['reboot', 'fall-back'];

async function endOf({ jobs }: Api, id: string): Promise<void> {
  for await (const _ of jobs.events(id));
}
