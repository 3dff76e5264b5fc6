import { MosError } from '../../errors/index.ts';
import type { Processes, RunOptions, RunResult } from '../processes.ts';

const tenMinutes = 600_000;
const keptOfStderr = 1024;
const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

async function run(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<RunResult> {
  const { execa } = await import('execa');
  const [program, ...rest] = argv;
  const result = await execa(program, rest, {
    reject: false,
    extendEnv: false,
    env: { PATH: searchPath, LC_ALL: 'C', ...options.env },
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

export const linuxProcesses: Processes = { query: run, run };
