import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

/** What one run of a program took. */
export type Run = { readonly milliseconds: number; readonly mebibytes: number };

export type Program = { readonly argv: readonly string[]; readonly env?: Readonly<Record<string, string>> };

/** `a && b`, for what takes two programs. */
export const shell = (line: string, ...args: readonly string[]): Program => ({
  argv: ['sh', '-euc', line, 'sh', ...args],
});

/** The program that `setup/bench/measure.c` becomes. */
export const measureProgram = 'build/bench/measure';

/** Runs a program under `measure`; one that fails ends the benchmark with what it said. */
export async function measured({ argv, env }: Program): Promise<Run> {
  const log = `${measureProgram}.log`;
  const { stdout } = await promisify(execFile)(measureProgram, [log, ...argv], {
    env: { ...process.env, ...env },
  });
  const [nanoseconds = 0, kibibytes = 0, code = 1] = stdout.trim().split(' ').map(Number);
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${readFileSync(log, 'utf8')}`);
  return { milliseconds: nanoseconds / 1e6, mebibytes: kibibytes / 1024 };
}
