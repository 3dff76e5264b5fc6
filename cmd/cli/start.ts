import { basename } from 'node:path';
import { isatty } from 'node:tty';
import { MosError } from '../../pkg/errors/index.ts';
import { type Clock, readTextIfThere } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { writeErr, writeOut } from '../../pkg/host/linux/output/index.ts';
import { mosctl } from '../mosctl/commands.ts';
import { builtAt, version } from '../mosctl/version.ts';
import { programs } from '../programs.ts';
import { globalFlags } from './arguments.ts';
import type { Program } from './command.ts';
import { run, type Terminal } from './run.ts';

/** The real process: its name, terminal and signals. Returns the exit code. */
export async function start(calledAs: string, argv: readonly string[]): Promise<number> {
  // What we and the git that we run make is not for others to write, whatever the caller's umask.
  process.umask(process.umask() | groupAndOthersWrite);
  const stopper = stopperOf(linuxHost.clock, () => process.exit(130));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopper.hear(signal));
  if (hearsHangup(await readTextIfThere(linuxHost, '/proc/self/status')))
    process.on('SIGHUP', () => stopper.hear('SIGHUP'));
  const { program, rest } = choose(basename(calledAs), argv);
  return run(linuxHost, program, rest, terminalOf(stopper.signal));
}

const groupAndOthersWrite = 0o022;

/** Whether the terminal's end is ours: under nohup(1) SIGHUP is ignored, and stays so. From /proc/self/status, proc(5). */
export function hearsHangup(status: string | undefined): boolean {
  const ignored = /^SigIgn:\t([0-9a-f]{16})$/m.exec(status ?? '')?.[1];
  return ignored !== undefined && (BigInt(`0x${ignored}`) & 1n) === 0n;
}

/** A signal again after this many milliseconds is a person who doesn't want to wait; timeout(1) sends two at once. */
const impatience = 500;

/** The first signal asks the work to end tidily; a later one ends the process where it stands. */
export function stopperOf(clock: Pick<Clock, 'monotonic'>, leave: () => void) {
  const stopping = new AbortController();
  let first = 0;
  return {
    signal: stopping.signal,
    hear(signal: string): void {
      const now = clock.monotonic();
      if (stopping.signal.aborted) {
        if (now - first > impatience) leave();
        return;
      }
      first = now;
      stopping.abort(new MosError('interrupted', `cannot finish: stopped by ${signal}`));
    },
  };
}

/** The program by the name it was called with, or by the first word: `mosctl mosb …`. */
export function choose(name: string, argv: readonly string[]): { program: Program; rest: readonly string[] } {
  const own = programs[name] ?? mosctl;
  const first = argv.findIndex((word) => !isGlobal(word));
  const other = own === mosctl ? programs[argv[first] ?? ''] : undefined;
  if (other === undefined || other === own) return { program: own, rest: argv };
  return { program: other, rest: argv.toSpliced(first, 1) };
}

const isGlobal = (word: string): boolean => word.replace(/^--?/, '') in globalFlags && word.startsWith('-');

const terminalOf = (signal: AbortSignal): Terminal => ({
  stdout: { write: writeOut },
  stderr: {
    write: writeErr,
    columns: isatty(2) ? process.stderr.columns || 80 : undefined,
  },
  readStdin,
  cwd: process.cwd(),
  signal,
  version,
  builtAt,
});

async function readStdin(): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}
