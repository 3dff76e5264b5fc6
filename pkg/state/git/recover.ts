import { MosError } from '../../errors/index.ts';
import { type Host, listIfThere } from '../../host/index.ts';
import type { State } from '../paths.ts';

const patience = 10_000;
const pollMilliseconds = 20;

/**
 * Removes what a killed git left behind: `*.lock` files, which would stop every later one, and unfinished objects. Call
 * it with our lock held: then no mosctl runs a git here. One that outlived its killed mosctl, or a person's, is waited
 * for, because to take a lock from a living git loses what it writes.
 */
export async function removeLeftovers(host: Host, state: State): Promise<void> {
  const leftovers = await findLeftovers(host, state);
  if (leftovers.length === 0) return;
  await waitForGit(host, state);
  for (const path of await findLeftovers(host, state)) await host.files.remove(path);
}

/** Where our own plumbing puts locks and unfinished objects; a person's other branches are none of our business. */
async function findLeftovers(host: Host, state: State): Promise<string[]> {
  const locked = ['', '/refs', '/refs/heads', '/refs/tags', '/refs/mos', '/refs/notes'];
  const hashed = (await listIfThere(host, `${state.git}/objects`)).filter((name) =>
    /^[0-9a-f]{2}$/.test(name),
  );
  const found = await Promise.all([
    ...locked.map((folder) => filesIn(host, `${state.git}${folder}`, (name) => name.endsWith('.lock'))),
    ...hashed.map((folder) => filesIn(host, `${state.git}/objects/${folder}`, isUnfinished)),
  ]);
  return found.flat();
}

const isUnfinished = (name: string): boolean => name.startsWith('tmp_obj_');

async function filesIn(host: Host, folder: string, matches: (name: string) => boolean): Promise<string[]> {
  return (await listIfThere(host, folder)).filter(matches).map((name) => `${folder}/${name}`);
}

async function waitForGit(host: Host, state: State): Promise<void> {
  const deadline = host.clock.monotonic() + patience;
  for (;;) {
    const process = await gitAtWork(host, state);
    if (process === undefined) return;
    if (host.clock.monotonic() > deadline)
      throw new MosError(
        'busy',
        `cannot write to ${state.repository}: git is at work there (process ${process})`,
        {
          hint: 'wait until it has ended and try again',
        },
      );
    await host.clock.sleep(pollMilliseconds);
  }
}

/** A process whose arguments name the repository or whose working directory is in it, and which is a git. */
async function gitAtWork(host: Host, state: State): Promise<string | undefined> {
  for (const process of (await host.files.list('/proc')).filter((name) => /^\d+$/.test(name))) {
    const argv = await textOf(host.files.read(`/proc/${process}/cmdline`));
    if (!/(^|\/)git$/.test(argv.split('\0')[0] ?? '')) continue;
    const folder = await host.files.readLink(`/proc/${process}/cwd`).catch(() => '');
    if (argv.includes(state.git) || `${folder}/`.startsWith(`${state.repository}/`)) return process;
  }
  return undefined;
}

/** A process may end while it is looked at. */
const textOf = (bytes: Promise<Uint8Array>): Promise<string> =>
  bytes.then(
    (read) => new TextDecoder().decode(read),
    () => '',
  );
