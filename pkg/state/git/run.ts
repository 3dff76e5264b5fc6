import { isMosError, MosError } from '../../errors/index.ts';
import type { Host, RunOptions } from '../../host/index.ts';
import type { State } from '../paths.ts';

/** Nothing from outside the repository counts: no configuration of the system or a person, no hooks, no replacements. */
const environment = {
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_ATTR_NOSYSTEM: '1',
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ALLOW_PROTOCOL: 'none',
  HOME: '/nonexistent',
} as const;

/** gitrepository settings of the highest precedence, in case the repository's own were changed under our hands. */
const settings = [
  'core.fsync=all',
  'core.fsyncMethod=fsync',
  'core.looseCompression=0', // see stored.ts
  'core.fsmonitor=false',
  'core.hooksPath=/dev/null',
  'core.attributesFile=/dev/null',
  'core.untrackedCache=false',
  'core.splitIndex=false',
  'gc.auto=0',
  'maintenance.auto=false',
];

/** One plumbing command: one mutation. Returns its standard output without the last newline. */
export async function git(
  host: Host,
  state: State,
  argv: readonly string[],
  options: Pick<RunOptions, 'input' | 'env'> = {},
): Promise<string> {
  const call = [
    'git',
    `--git-dir=${state.git}`,
    `--work-tree=${state.repository}`,
    ...settings.flatMap((setting) => ['-c', setting]),
    ...argv,
  ] as const;
  try {
    const { stdout } = await host.processes.run(call as unknown as [string, ...string[]], {
      ...options,
      env: { ...environment, ...options.env },
      cwd: state.repository,
      timeout: oneMinute,
    });
    return new TextDecoder().decode(stdout).replace(/\n$/, '');
  } catch (cause) {
    if (!isMosError(cause, 'io') || !(await isFull(host, state, cause.message))) throw cause;
    const text = `cannot write to ${state.repository}: no space left on the file system`;
    throw new MosError('no-space', text, { cause });
  }
}

const oneMinute = 60_000;

/** Of refs and files of the view git says that it could not write them, and not why. */
async function isFull(host: Host, state: State, message: string): Promise<boolean> {
  if (/No space left on device|Disk quota exceeded/.test(message)) return true;
  return (
    /(?:couldn't|unable to) write/.test(message) && (await host.files.space(state.git)).free < nearlyFull
  );
}

/** More than what git wrote before it failed, and has removed by now. */
const nearlyFull = 1024 * 1024;
