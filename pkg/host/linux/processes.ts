import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { constants } from 'node:os';
import { MosError } from '../../errors/index.ts';
import type { Processes, RunOptions, RunResult } from '../processes.ts';
import { translated } from './errors.ts';

const tenMinutes = 600_000;
const keptOfStderr = 1024;
const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

async function run(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<RunResult> {
  const { execa } = await import('execa');
  const [program, ...rest] = argv;
  const result = await execa(program, rest, {
    reject: false,
    extendEnv: false,
    env: environmentOf(options),
    timeout: options.timeout ?? tenMinutes,
    encoding: 'buffer',
    stripFinalNewline: false,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    ...inputOf(options.input),
  });
  const stderr = new TextDecoder().decode(result.stderr).slice(-keptOfStderr).trim();
  if (result.code === 'ENOENT' && result.exitCode === undefined)
    throw new MosError('not-found', `cannot run ${program}: it is not installed`);
  if (result.timedOut) throw new MosError('timeout', `cannot finish ${program}: it took too long`);
  if (result.isCanceled) throw new MosError('interrupted', `cannot finish ${program}: it was cancelled`);
  const { exitCode } = result;
  if (exitCode === undefined || (exitCode !== 0 && !(options.accept ?? []).includes(exitCode)))
    throw new MosError(
      'io',
      `cannot finish ${program}: ${failure(result.signal, exitCode, result.originalMessage)}${stderr && `: ${stderr}`}`,
    );
  return { stdout: result.stdout, stderr, exitCode };
}

const failure = (
  signal: string | undefined,
  exitCode: number | undefined,
  message: string | undefined,
): string =>
  signal !== undefined
    ? `ended by ${signal}`
    : exitCode !== undefined
      ? `exit code ${exitCode}`
      : (message ?? 'it did not start');

function inputOf(input: RunOptions['input']) {
  if (input === undefined) return { stdin: 'ignore' as const };
  return typeof input === 'string' || input instanceof Uint8Array ? { input } : { stdin: input };
}

async function attend(
  argv: readonly [string, ...string[]],
  options: Pick<RunOptions, 'env'> = {},
): Promise<number> {
  const [program, ...rest] = argv;
  const child = spawn(program, rest, { env: environmentOf(options), stdio: 'inherit' });
  await once(child, 'spawn').catch((error: unknown) => Promise.reject(notStarted(program, error)));
  // A key that interrupts is for the program: it is in the foreground too.
  const ignore = () => {};
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) process.on(signal, ignore);
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    return code ?? 128 + (constants.signals[signal ?? 'SIGKILL'] ?? 0);
  } finally {
    for (const signal of ['SIGINT', 'SIGQUIT'] as const) process.off(signal, ignore);
  }
}

async function leave(
  argv: readonly [string, ...string[]],
  options: Pick<RunOptions, 'env'> & { readonly output?: string } = {},
): Promise<{ readonly ended: Promise<void> }> {
  const [program, ...rest] = argv;
  const output = options.output;
  const file = output && (await translated('open', output, () => open(output, 'a', 0o600)));
  const to = file ? file.fd : 'ignore';
  const child = spawn(program, rest, {
    env: environmentOf(options),
    stdio: ['ignore', to, to],
    detached: true,
    cwd: '/',
  });
  const ended = once(child, 'close').then(() => {});
  ended.catch(() => {}); // who does not wait for it is not told
  try {
    await once(child, 'spawn').catch((error: unknown) => Promise.reject(notStarted(program, error)));
  } finally {
    if (file) await file.close();
  }
  child.unref();
  return { ended };
}

const environmentOf = (options: Pick<RunOptions, 'env'>) => ({
  PATH: searchPath,
  LC_ALL: 'C',
  ...options.env,
});

const notStarted = (program: string, cause: unknown): MosError =>
  (cause as NodeJS.ErrnoException).code === 'ENOENT'
    ? new MosError('not-found', `cannot run ${program}: it is not installed`)
    : new MosError('io', `cannot run ${program}`, { cause });

export const linuxProcesses: Processes = { query: run, run, attend, leave };
