import { codeOf, isMosError, MosError, messageOf } from '../errors/index.ts';
import { type Host, readTextIfThere, temporaryPath } from '../host/index.ts';
import { starterPlace } from './starter.ts';
import { firstError, isStarted, parseExecFailure, parseSaidFailure } from './starting.ts';

/** A container by its folder: its config is `<folder>/<name>/config`. */
export type Place = { readonly folder: string; readonly name: string };

const at = ({ folder, name }: Place): readonly string[] => ['-P', folder, '-n', name];

/**
 * LXC asks newuidmap for leave where it finds one, and that knows the ranges of /etc/subuid only, which are not ours:
 * so it is not to find any, and writes the map itself then. What it must find is apparmor_parser, which loads its profiles.
 */
const env = { PATH: '/usr/sbin:/sbin' };
const startLimit = 60_000;

export type StartRequest = {
  readonly argv: readonly string[];
  /** A file that what it says is added to. */
  readonly output: string;
  /** LXC's log, in the folder of the container; empty or not there. */
  readonly log: string;
};

/**
 * Starts a container; it is a child of lxc-start, which goes on when we end. Returns when its first process runs or has ended
 * again. LXC logs that when the program was executed. lxc-wait looks once a second, where it comes before lxc-start listens, and
 * fs.watch of Bun passes over what happens within a millisecond of something else.
 */
export async function startContainer(
  host: Host,
  place: Place,
  { argv, output, log }: StartRequest,
): Promise<void> {
  // Quiet: what LXC says of itself is in its log, and not among the words of the service.
  const program = ['/usr/bin/lxc-start', ...at(place), '-F', '-q', '--', ...argv] as const;
  const { ended } = await host.processes.leave(program, { env, output });
  const enough = new AbortController();
  const late = AbortSignal.timeout(startLimit);
  const running = untilStarted(host, log, AbortSignal.any([enough.signal, late]));
  try {
    await Promise.race([running, ended]);
  } catch (cause) {
    if (!late.aborted) throw cause;
    throw new MosError('timeout', `cannot start ${place.name}: LXC took too long`, { cause });
  } finally {
    enough.abort();
    await running.catch(() => {});
  }
}

/** Looks, because nobody tells; a start takes about 30 ms. */
async function untilStarted(host: Host, log: string, signal: AbortSignal): Promise<void> {
  const since = host.clock.monotonic();
  while (!isStarted((await readTextIfThere(host, log)) ?? '')) {
    const passed = host.clock.monotonic() - since;
    await host.clock.sleep(Math.min(shortestLook + passed / 20, longestLook), signal);
  }
}
/** Milliseconds. */
const [shortestLook, longestLook] = [2, 100];

/** Sends the stop signal of its config; after `seconds` it is killed. Nothing where it does not run. */
export async function stopContainer(host: Host, place: Place, seconds: number): Promise<void> {
  const how = seconds === 0 ? ['-k'] : ['-t', String(seconds)];
  const timeout = seconds * 1000 + startLimit;
  await host.processes.run(['/usr/bin/lxc-stop', ...at(place), ...how], {
    env,
    timeout,
    accept: [notRunning],
  });
}
/** lxc-stop(1), EXIT VALUE */
const notRunning = 2;

/** The process id of its first process, as the host sees it; undefined where it does not run. */
export async function containerProcess(host: Host, place: Place): Promise<number | undefined> {
  const { stdout, exitCode } = await host.processes.query(['/usr/bin/lxc-info', ...at(place), '-p', '-H'], {
    env,
    accept: [1],
  });
  const id = Number.parseInt(Buffer.from(stdout).toString(), 10);
  return exitCode === 0 && id > 0 ? id : undefined;
}

export const isRunning = async (host: Host, place: Place): Promise<boolean> =>
  (await containerProcess(host, place)) !== undefined;

/** Returns when it does not run, at once where it does not. */
export async function waitUntilStopped(host: Host, place: Place, signal: AbortSignal): Promise<void> {
  const program = ['/usr/bin/lxc-wait', ...at(place), '-s', 'STOPPED'] as const;
  const ask = () => host.processes.query(program, { env, timeout: 0, signal });
  // It fails where lxc-start ends while being asked (connection reset): the second time it finds nobody to ask.
  await ask().catch((error: unknown) => {
    if (signal.aborted) throw error;
    return ask();
  });
}

/** The environment is that of the container's config: no argument, which each user of the host could read. */
export type ExecRequest = {
  readonly argv: readonly string[];
  readonly uid: number;
  readonly gid: number;
};

/** Runs a program in a container, confined as that is, on our own terminal; returns its exit code. */
export async function execInContainer(host: Host, place: Place, request: ExecRequest): Promise<number> {
  const [program] = request.argv;
  if (program === undefined) throw new MosError('usage', `cannot run nothing in ${place.name}`);
  const log = temporaryPath(`${place.folder}/${place.name}/attach.log`);
  try {
    const exitCode = await host.processes.attend(attachWords(place, request, log), { env, cwd: inContainer });
    const said = exitCode === 0 ? '' : ((await readTextIfThere(host, log)) ?? '');
    const failed = parseExecFailure(said, program);
    if (failed !== undefined) throw cannotExecute(failed, program);
    const trouble = ownFailures.includes(exitCode) ? firstError(said) : undefined;
    if (trouble !== undefined) throw new MosError('state', trouble);
    return exitCode;
  } catch (cause) {
    throw new MosError(codeOf(cause), `cannot run ${program} in ${place.name}`, { cause });
  } finally {
    await host.files.remove(log);
  }
}

/** Exit codes of lxc-attach itself, which a program may have too: then nothing is in the log. */
const ownFailures: readonly number[] = [1, 255];

/** The exit codes are those of a shell. */
export const cannotExecute = (why: string, program: string): MosError =>
  why === 'No such file or directory'
    ? new MosError('no-program', 'the service has no such program', {
        hint: program.includes('/')
          ? 'the path is one in the service; a script needs its interpreter there too, and a program its loader'
          : 'it is looked for in the PATH of the service; name it with its whole path',
      })
    : new MosError('not-executable', `it is no program that can be run there (${why})`);

/** The same with nobody watching, for at most `timeout` milliseconds; fails where its exit code is not 0. */
export async function askContainer(
  host: Host,
  place: Place,
  request: ExecRequest,
  timeout: number,
): Promise<void> {
  const program = request.argv.find((word) => word !== starterPlace) ?? '';
  const { exitCode, stderr } = await host.processes
    .query(attachWords(place, request), { env, timeout, cwd: inContainer, accept: anyCode })
    .catch((cause: unknown) => {
      const why = isMosError(cause, 'timeout') ? 'no answer in time' : messageOf(cause);
      throw new MosError(codeOf(cause), `${program}: ${why}`);
    });
  const failed = parseSaidFailure(stderr, program);
  if (failed !== undefined)
    throw new MosError('state', `${program}: ${messageOf(cannotExecute(failed, program))}`);
  if (exitCode !== 0)
    throw new MosError('state', `${program}: exit code ${exitCode}${stderr && `: ${stderr}`}`);
}
const anyCode = Array.from({ length: 256 }, (_, code) => code);

/** lxc-attach takes the folder it was called in along where the container has one of that name: nobody asked for it. */
const inContainer = '/';

function attachWords(
  place: Place,
  { argv, uid, gid }: ExecRequest,
  // Else its log is that of the container, which would grow with each look at its health.
  log = '/dev/null',
): readonly [string, ...string[]] {
  const who = ['-u', String(uid), '-g', String(gid)];
  const how = ['-o', log, '-l', 'ERROR', '--clear-env'];
  return ['/usr/bin/lxc-attach', ...at(place), ...how, ...who, '--', ...argv];
}
