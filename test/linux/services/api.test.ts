import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { machinePaths } from '../../../pkg/system/index.ts';
import { temporaryFolder } from '../../helpers/folder.ts';
import { executable } from '../../helpers/sandbox.ts';
import { makeServices, type ServiceMachine } from '../../helpers/services.ts';

async function startDaemon(t: ExecutionContext, root: string): Promise<ChildProcess> {
  const words = ['serve', '-r', root, '--socket', join(root, 'api.sock'), '--integrity', 'digest'];
  const daemon = spawn(executable, words, { stdio: ['ignore', 'ignore', 'pipe'] });
  t.teardown(() => end(daemon, 'SIGTERM'));
  await once(daemon.stderr, 'data');
  return daemon;
}

async function end(daemon: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const ended = once(daemon, 'exit');
  daemon.kill(signal);
  await ended;
}

/** A program in the service asks by the socket that it has, as the user of the service. */
function ask({ mosctl }: ServiceMachine, service: string, line: string, body = ''): string {
  const head = [`${line} HTTP/1.1`, 'Host: machine', 'Connection: close'];
  if (body !== '') head.push('Content-Type: application/json', `Content-Length: ${body.length}`);
  const script = `printf '${[...head, '', body].join('\\r\\n')}' | /bin/ask /run/mos/api.sock`;
  const { out, err } = mosctl('exec', service, '--', '/bin/busybox', 'sh', '-c', script);
  return /^HTTP\/1\.1 (\d{3})/.exec(out)?.[1] ?? err.trim();
}

test('a service asks the API as far as its signed manifest grants it, and others do not get there', async (t) => {
  const program = join(await temporaryFolder(t), 'ask');
  execFileSync('gcc', ['-static', '-Os', '-Wall', '-Werror', '-o', program, 'test/linux/services/ask.c']);
  const service = (more: string, image = {}) => ({
    ...{ script: 'while :; do /bin/busybox sleep 1; done', more, image },
    files: { 'bin/ask': readFileSync(program) },
  });
  const machine = await makeServices(t, {
    asker: service(', api_role: operator', { User: 'web' }),
    looker: service(', api_role: reader, read_only: true'),
    quiet: service(''),
  });
  const { root, must } = machine;
  for (const name of ['asker', 'looker', 'quiet']) must('activate', '-t', name, '--integrity', 'digest');
  t.is(ask(machine, 'asker', 'GET /v1/jobs'), '/run/mos/api.sock: No such file or directory'); // no daemon yet
  const daemon = await startDaemon(t, root);

  t.is(ask(machine, 'asker', 'GET /v1/jobs'), '200');
  t.is(ask(machine, 'asker', 'POST /v1/gc'), '403');
  const hold = '{"reason":"a backup runs","owner":"somebody else"}';
  t.is(ask(machine, 'looker', 'POST /v1/updates/holds', hold), '403');
  t.is(ask(machine, 'asker', 'POST /v1/updates/holds', hold), '400'); // an owner has no blanks
  t.is(ask(machine, 'asker', 'POST /v1/updates/holds', hold.replace(' else', '')), '200');
  t.regex(must('hold'), /^service-asker holds updates until .*: a backup runs\n$/); // it speaks for itself alone
  must('hold', '--owner', 'desk', '--reason', 'lunch');
  t.is(ask(machine, 'asker', 'DELETE /v1/updates/holds/desk'), '200');
  t.regex(must('hold'), /^desk holds/);
  t.is(ask(machine, 'looker', 'GET /v1/status'), '200');
  t.is(ask(machine, 'quiet', 'GET /v1/status'), '/run/mos/api.sock: No such file or directory');

  // Users of the host, and services without a role, get an answer from the kernel's word on who they are.
  const { run } = await machinePaths(linuxHost, root);
  const first = (name: string): number =>
    JSON.parse(readFileSync(join(run, `services/${name}/record.json`), 'utf8')).firstId;
  const from = (uid: number): string => {
    const url = ['--unix-socket', join(run, 'granted/api.sock'), 'http://x/v1/jobs'];
    const words = ['-sS', '-o', '/dev/null', '-w', '%{http_code}', ...url];
    return spawnSync('/usr/bin/curl', words, { uid, gid: uid, encoding: 'utf8' }).stdout;
  };
  t.deepEqual([first('asker'), first('quiet'), 65_534, 0].map(from), ['200', '403', '403', '403']);

  // Another daemon makes another socket, and who has the folder sees it.
  await end(daemon, 'SIGKILL');
  t.is(ask(machine, 'asker', 'GET /v1/jobs'), '/run/mos/api.sock: Connection refused');
  await startDaemon(t, root);
  t.is(ask(machine, 'asker', 'GET /v1/jobs'), '200');
});
