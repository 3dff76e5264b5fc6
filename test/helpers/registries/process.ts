import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Who takes down what a helper started: ava's `t`, or a list in a benchmark. */
export type Owner = { teardown(hook: () => unknown): void };

/**
 * Starts a server and waits for the line in which it names its address (`pattern`, first group). It is ended by
 * `owner`. What it printed is in the error when it ends before.
 */
export async function startServer(
  owner: Owner,
  program: string,
  args: readonly string[],
  pattern: RegExp,
): Promise<{ readonly address: string; readonly pid: number; output(): string }> {
  if (program.includes('/') && !existsSync(program))
    throw new Error(`${program} is not there: make ${program} builds it`);
  // It ends with us even where we are killed and no teardown runs.
  const wrapped = ['--pdeathsig', 'TERM', '--', program, ...args];
  const child = spawn('setpriv', wrapped, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  owner.teardown(async () => {
    child.kill('SIGTERM');
    const hard = setTimeout(() => child.kill('SIGKILL'), 3000);
    await ended;
    clearTimeout(hard);
  });
  let output = '';
  const address = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-65536);
      const found = pattern.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    child.once('close', (code) => reject(new Error(`${program} ended with ${code}: ${output}`)));
  });
  return { address, pid: pidOf(child), output: () => output };
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('the process has no id');
  return child.pid;
}
