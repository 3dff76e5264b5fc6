import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type ApiMachine, makeApiMachine } from '../helpers/api.ts';

// The daemon as a process: found by systemd, killed, asked by other users.

type Ran = { readonly exit: number; readonly stdout: string; readonly stderr: string };
const run = (
  file: string,
  words: readonly string[],
  options: { readonly uid?: number; readonly gid?: number } = {},
) =>
  new Promise<Ran>((resolve) => {
    execFile(file, words, { ...options, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ exit: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });

function end(t: ExecutionContext, child: ChildProcess): void {
  const ended = new Promise((resolve) => child.on('close', resolve));
  t.teardown(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await ended;
    }
  });
}

async function startDaemon(t: ExecutionContext, { root }: ApiMachine) {
  const socket = join(root, 'api.sock');
  const child = spawn('build/mosctl', ['serve', '-r', root, '--socket', socket], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  end(t, child);
  await new Promise<void>((resolve) => {
    child.stderr.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('listening')) resolve();
    });
  });
  return { child, socket };
}

test.serial('systemd may own the socket', async (t) => {
  const { root } = await makeApiMachine(t);
  const socket = join(root, 'systemd.sock');
  const words = ['-l', socket, 'build/mosctl', 'serve', '-r', root];
  const child = spawn('systemd-socket-activate', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  end(t, child);
  await new Promise<void>((resolve) => {
    child.stderr.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('Listening')) resolve();
    });
  });
  t.regex((await run('build/mosctl', ['status', '--host', `unix:${socket}`])).stderr, /nothing is installed/);
});

test.serial('systemd may own several sockets', async (t) => {
  const { root } = await makeApiMachine(t);
  const sockets = ['one', 'two', 'three'].map((name) => join(root, `${name}.sock`));
  const words = [...sockets.flatMap((socket) => ['-l', socket]), 'build/mosctl', 'serve', '-r', root];
  const child = spawn('systemd-socket-activate', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  end(t, child);
  let said = '';
  await new Promise<void>((resolve) => {
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.split('Listening').length > sockets.length) resolve();
    });
  });
  for (const socket of sockets)
    t.regex(
      (await run('build/mosctl', ['status', '--host', `unix:${socket}`])).stderr,
      /nothing is installed/,
    );
});

test.serial('what is no socket is not removed for one', async (t) => {
  const { root } = await makeApiMachine(t);
  const file = join(root, 'precious');
  writeFileSync(file, 'x');
  const { exit, stderr } = await run('build/mosctl', ['serve', '-r', root, '--socket', file]);
  t.deepEqual([exit, readFileSync(file, 'utf8')], [8, 'x'], stderr);
});

test.serial('who is not in the group gets nowhere, even where the socket is open to all', async (t) => {
  const machine = await makeApiMachine(t);
  const { socket } = await startDaemon(t, machine);
  const ask = (uid: number) =>
    run(
      '/usr/bin/curl',
      ['-sS', '-o', '/dev/null', '-w', '%{http_code}', '--unix-socket', socket, 'http://x/v1/jobs'],
      { uid, gid: uid },
    );
  for (let at = dirname(socket); at !== '/tmp' && at !== '/'; at = dirname(at)) chmodSync(at, 0o755);
  t.is((await ask(0)).stdout, '200');
  t.is((await ask(65534)).stdout, '000'); // the mode of the socket
  chmodSync(socket, 0o666);
  t.is((await ask(65534)).stdout, '403'); // the kernel says who it is
});

test.serial('a daemon that is killed at work knows afterwards what it had begun', async (t) => {
  const machine = await makeApiMachine(t);
  const { child, socket } = await startDaemon(t, machine);
  // A registry that never answers: the job waits for it.
  const asked = Promise.withResolvers<void>();
  const registry = createServer(() => asked.resolve());
  await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', () => resolve()));
  t.teardown(() => {
    registry.closeAllConnections();
    registry.close();
  });
  const { port } = registry.address() as { port: number };
  const client = run('build/mosctl', [
    'update',
    '--host',
    `unix:${socket}`,
    '--plain-http',
    `127.0.0.1:${port}/a:1`,
  ]);
  await asked.promise;
  t.regex(
    (await run('build/mosctl', ['verify', '--host', `unix:${socket}`])).stderr,
    /cannot begin: update of uid 0 is at work/,
  );
  child.kill('SIGKILL');
  t.is((await client).exit, 14); // the connection broke, and says so
  t.true(existsSync(socket));
  const again = await startDaemon(t, machine); // over the socket that was left
  const { stdout } = await run('/usr/bin/curl', ['-sS', '--unix-socket', again.socket, 'http://x/v1/jobs']);
  const [job] = JSON.parse(stdout);
  t.deepEqual(
    [job.state, job.operation, job.error.message],
    ['interrupted', 'update', 'cannot finish update: the daemon was stopped, and no generation was written'],
  );
  t.regex(
    readFileSync(join(machine.root, 'config/mos/api/audit.jsonl'), 'utf8'),
    /"POST \/v1\/update","result":"begun"/,
  );
});

test.serial('two daemons share neither a socket nor a machine', async (t) => {
  const machine = await makeApiMachine(t);
  const { socket } = await startDaemon(t, machine);
  const second = await run('build/mosctl', ['serve', '-r', machine.root, '--socket', socket]);
  t.is(second.exit, 10);
  const elsewhere = join(machine.root, 'other.sock');
  const third = await run('build/mosctl', ['serve', '-r', machine.root, '--socket', elsewhere]);
  t.is(third.exit, 10, third.stderr);
});
