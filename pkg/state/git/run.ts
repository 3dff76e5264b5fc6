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
  const { stdout } = await host.processes.run(call as unknown as [string, ...string[]], {
    ...options,
    env: { ...environment, ...options.env },
    cwd: state.repository,
    timeout: oneMinute,
  });
  return new TextDecoder().decode(stdout).replace(/\n$/, '');
}

const oneMinute = 60_000;
