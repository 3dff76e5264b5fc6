import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { constants } from 'node:os';
import type { Processes, RunOptions } from '../processes.ts';
import { environmentOf, notStarted } from './environment.ts';
import { translated } from './errors.ts';
import { run } from './run.ts';

async function attend(
  argv: readonly [string, ...string[]],
  options: Pick<RunOptions, 'env' | 'cwd'> = {},
): Promise<number> {
  const [program, ...rest] = argv;
  const { cwd } = options;
  const child = spawn(program, rest, { env: environmentOf(options), stdio: 'inherit', cwd });
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

export const linuxProcesses: Processes = { query: run, run, attend, leave };
