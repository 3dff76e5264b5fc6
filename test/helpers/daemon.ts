import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';

/** `mosctl serve` as Node runs it and as it is released. */
export const programs = {
  node: [process.execPath, 'cmd/mosctl/main.ts'],
  executable: ['build/mosctl'],
} as const;

export type Daemon = {
  readonly process: ChildProcess;
  readonly socket: string;
  /** Everything it says it listens at, in its order: the socket first. */
  readonly addresses: readonly string[];
  /** The port of the last of them. */
  readonly port: number;
};

/** Ready when it says where it listens: at the socket and so many other places. Ends with the test. */
export function startDaemon(
  t: ExecutionContext,
  program: readonly string[],
  root: string,
  options: readonly string[] = [],
  places = 0,
): Promise<Daemon> {
  const socket = join(root, 'api.sock');
  const [name = '', ...words] = program;
  const child = spawn(name, [...words, 'serve', '--root', root, '--socket', socket, ...options], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  t.teardown(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  let said = '';
  return new Promise((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const addresses = [...said.matchAll(/listening at (\S+)\n/g)].map((match) => match[1] ?? '');
      if (addresses.length <= places) return;
      const port = Number(addresses.at(-1)?.split(':').at(-1));
      resolve({ process: child, socket, addresses, port });
    });
    ended.then(() => reject(new Error(said)));
  });
}
