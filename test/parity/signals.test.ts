import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';

const executable = resolve('build/mosctl');

type Ended = { readonly exit: number | null; readonly stderr: string };

const ended = (child: ReturnType<typeof spawn>): Promise<Ended> =>
  new Promise((resolve) => {
    let stderr = '';
    child.stderr?.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('close', (exit) => resolve({ exit, stderr }));
  });

/** A command that waits for a registry until it gets signals. */
async function waiting(t: ExecutionContext, before: string): Promise<ReturnType<typeof spawn>> {
  const server = createServer(() => {}).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const asked = new Promise((resolve) => server.once('request', resolve));
  t.teardown(() => server.closeAllConnections());
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const argv = [executable, '--quiet', 'mosb', 'image', 'inspect', `127.0.0.1:${port}/a:b`];
  const child = spawn('bash', ['-c', `${before} exec "$0" "$@"`, ...argv]);
  await asked;
  return child;
}

test('two signals at once, as timeout(1) sends them, still end tidily', async (t) => {
  const child = await waiting(t, '');
  const end = ended(child);
  child.kill('SIGINT');
  child.kill('SIGTERM');
  const { exit, stderr } = await end;
  t.is(exit, 130);
  // Which of the two is heard first, nobody says.
  t.regex(stderr, /^mosb: cannot finish: stopped by SIG(INT|TERM)\n$/);
});

test('the end of the terminal ends it tidily, and not at all under nohup', async (t) => {
  const child = await waiting(t, '');
  const end = ended(child);
  child.kill('SIGHUP');
  t.deepEqual(await end, { exit: 130, stderr: 'mosb: cannot finish: stopped by SIGHUP\n' });
  const ignoring = await waiting(t, "trap '' HUP;");
  const later = ended(ignoring);
  ignoring.kill('SIGHUP');
  await new Promise((resolve) => setTimeout(resolve, 300));
  ignoring.kill('SIGTERM');
  t.deepEqual(await later, { exit: 130, stderr: 'mosb: cannot finish: stopped by SIGTERM\n' });
});

test('a full disk under the output is told, and a reader that left is not', async (t) => {
  const full = spawn(executable, ['--json', '--help'], {
    stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
  });
  const { exit, stderr } = await ended(full);
  t.is(exit, 11);
  t.is(JSON.parse(stderr).error.message, 'cannot write the output: no space left on the file system');
  const left = spawn('bash', ['-c', '"$0" --help | true; exit $PIPESTATUS', executable]);
  t.deepEqual(await ended(left), { exit: 0, stderr: '' });
});
