import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { MosError } from '../../errors/index.ts';
import type { RunOptions, RunResult } from '../processes.ts';
import { environmentOf, notStarted } from './environment.ts';

const tenMinutes = 600_000;
const keptOfStderr = 1024;
/** A program that doesn't end when it is asked to is ended after so many milliseconds. */
const patience = 5000;
/** More than any answer has that we read whole. */
const mostOutput = 64 * 1024 * 1024;

/** Those that run now: they end with us. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill();
});

/** Runs a program to its end; what it says is kept. See `Processes`. */
export async function run(
  argv: readonly [string, ...string[]],
  options: RunOptions = {},
): Promise<RunResult> {
  const [program, ...rest] = argv;
  if (options.signal?.aborted) throw cancelled(program);
  const child = spawn(program, rest, {
    env: environmentOf(options),
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  running.add(child);
  using stop = stopper(child, program, options);
  const ended = endOf(child, program);
  ended.catch(() => {});
  const output = gather(child.stdout as Readable, mostOutput, () =>
    stop.because(new MosError('io', `cannot finish ${program}: it says more than ${mostOutput} bytes`)),
  );
  const errors = gather(child.stderr as Readable, keptOfStderr * 4);
  if (options.input !== undefined)
    feed(child.stdin as Writable, options.input).catch((error: unknown) => stop.because(error));
  const { code, signal } = await ended;
  if (stop.reason !== undefined) throw stop.reason;
  const stderr = errors().toString('utf8').slice(-keptOfStderr).trim();
  if (code !== null && (code === 0 || options.accept?.includes(code)))
    return { stdout: output(), stderr, exitCode: code };
  const why = signal === null ? `exit code ${code}` : `ended by ${signal}`;
  throw new MosError('io', `cannot finish ${program}: ${why}${stderr && `: ${stderr}`}`);
}

const cancelled = (program: string): MosError =>
  new MosError('interrupted', `cannot finish ${program}: it was cancelled`);

type Stopper = Disposable & { readonly reason: unknown; because(reason: unknown): void };

/** Ends the program when its time is over or somebody cancels; the first reason is kept. */
function stopper(child: ChildProcess, program: string, { timeout, signal }: RunOptions): Stopper {
  let reason: unknown;
  let last: NodeJS.Timeout | undefined;
  const because = (why: unknown): void => {
    reason ??= why;
    child.kill();
    if (child.exitCode !== null || child.signalCode !== null) closeAnswers(child);
    else child.once('exit', () => closeAnswers(child));
    last ??= setTimeout(() => child.kill('SIGKILL'), patience);
  };
  const cancel = (): void => because(cancelled(program));
  const tooLate = () => because(new MosError('timeout', `cannot finish ${program}: it took too long`));
  const late = timeout === 0 ? undefined : setTimeout(tooLate, timeout ?? tenMinutes);
  signal?.addEventListener('abort', cancel);
  return {
    get reason() {
      return reason;
    },
    because,
    [Symbol.dispose]() {
      running.delete(child);
      clearTimeout(late);
      clearTimeout(last);
      signal?.removeEventListener('abort', cancel);
    },
  };
}

/** What a program that was stopped left running may hold its outputs open for as long as it likes. */
function closeAnswers({ stdout, stderr }: ChildProcess): void {
  stdout?.destroy();
  stderr?.destroy();
}

type End = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** When it has ended and all it said was read. */
const endOf = (child: ChildProcess, program: string): Promise<End> =>
  new Promise((resolve, reject) => {
    child.once('close', (code: number | null, signal: NodeJS.Signals | null) => resolve({ code, signal }));
    child.on('error', (error) => {
      if (child.pid === undefined) reject(notStarted(program, error));
    });
  });

/** The last `most` bytes of what a program says. Without `tooMuch`, what came before them is dropped. */
function gather(stream: Readable, most: number, tooMuch?: () => void): () => Buffer {
  let chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size <= most) return;
    chunks = [Buffer.concat(chunks).subarray(-most)];
    size = most;
    tooMuch?.();
  });
  return () => Buffer.concat(chunks);
}

/** Gives a program its input. One that doesn't want all of it has its reasons, and says so by its exit code. */
async function feed(stdin: Writable, input: NonNullable<RunOptions['input']>): Promise<void> {
  const closed = new Promise<void>((resolve) => stdin.once('close', resolve));
  stdin.on('error', () => {});
  if (typeof input === 'string' || input instanceof Uint8Array) {
    stdin.end(input);
    return;
  }
  for await (const chunk of input) {
    if (!stdin.writable) return;
    if (!stdin.write(chunk)) await Promise.race([once(stdin, 'drain').catch(() => {}), closed]);
  }
  stdin.end();
}
