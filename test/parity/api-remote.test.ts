import { execFile, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type ApiMachine, makeApiMachine } from '../helpers/api.ts';
import { makeTicket, markGood } from '../helpers/ticket.ts';
import { addImage, publishRelease } from '../helpers/vendor.ts';

// The released executable on both sides: what it prints from afar is what it prints on the machine.

type Ran = { readonly exit: number; readonly stdout: string; readonly stderr: string };
const run = (...words: readonly string[]) =>
  new Promise<Ran>((resolve) => {
    execFile('build/mosctl', words, (error, stdout, stderr) =>
      resolve({ exit: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });

const release = (machine: ApiMachine, image: string, number: number) =>
  publishRelease(machine.vendor, {
    name: `machine/install:${number}`,
    manifest: `update_type: complete
release: ${number}
targets:
  - { service_name: data, source: '${image}', version: ${number}.0.0, service_type: fs-only, nsgroup: none, network: { type: none } }
`,
  });

test('a machine elsewhere is operated as if one were there', async (t) => {
  const machine = await makeApiMachine(t);
  const { root, vendor, sudiCa } = machine;
  for (const number of [1, 2])
    await release(machine, await addImage(vendor, `v${number}`, { 'etc/motd': `release ${number}` }), number);
  const reference = (number: number): string => `zot:${vendor.repository}:machine/install:${number}`;
  const socket = join(root, 'api.sock');
  const daemon = spawn('build/mosctl', ['serve', '-r', root, '--socket', socket, '--listen', '127.0.0.1:0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise((resolve) => daemon.on('close', resolve));
  t.teardown(async () => {
    daemon.kill('SIGTERM');
    await ended;
  });
  let said = '';
  const port = await new Promise<string>((resolve) => {
    daemon.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const found = /127\.0\.0\.1:(\d+)/.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  const context = join(root, 'context.json');
  const as = async (role: 'reader' | 'operator' | 'admin', serial = 'SN0001') => {
    const { cert, key } = await machine.client(`${role}-${serial}`, role);
    const host = `https://127.0.0.1:${port}`;
    writeFileSync(context, JSON.stringify({ host, cert, key, serverCa: sudiCa, serial }));
  };
  const far = (...words: readonly string[]) => run(...words, '--context', context);
  const near = (...words: readonly string[]) => run(...words, '-r', root);

  await as('operator', 'SN0002');
  t.deepEqual(await far('status'), {
    exit: 4,
    stdout: '',
    stderr: `mosctl: cannot trust 127.0.0.1:${port}: it is the machine SN0001, not SN0002\n`,
  });

  await as('operator');
  t.deepEqual(await far('--quiet', 'status'), await near('--quiet', 'status')); // nothing is installed: the same error
  t.is((await run('install', '-r', root, reference(1))).exit, 0);
  const status = await far('status');
  t.deepEqual(status, await near('status'));
  t.regex(status.stdout, /^generation 1: data added/);

  // The plan and the update are those of the machine, with the progress of the job.
  t.deepEqual(
    await far('--quiet', 'update', '--plan', reference(2)),
    await near('--quiet', 'update', '--plan', reference(2)),
  );
  const updated = await far('update', reference(2));
  t.is(updated.exit, 0);
  t.regex(updated.stdout, /generation 2/);
  t.regex(updated.stderr, /fetch and verify the images/);
  t.regex((await far('status')).stdout, /^generation 2: data/); // in the very next answer
  for (const words of [['log'], ['diff'], ['diff', '1', '2'], ['why'], ['ps'], ['status', '--json']])
    t.deepEqual(await far(...words), await near(...words), words.join(' '));
  t.deepEqual((await far('--quiet', 'verify')).exit, 0);

  // Errors too, with their hint and exit code.
  t.deepEqual(await far('--quiet', 'update', reference(1)), await near('--quiet', 'update', reference(1)));
  t.is((await far('--quiet', 'update', reference(1))).exit, 5);
  t.deepEqual(await far('gc', '--dry-run'), {
    exit: 13,
    stdout: '',
    stderr: 'mosctl: cannot let operator-SN0001 POST /v1/gc: it is for the role admin, not operator\n',
  });
  const ticket = await makeTicket(vendor, 2, 0);
  const other = await makeTicket(vendor, 2, 0, { name: 'other', serial: 'SN0002' });
  const accept = (file: string) => far('--quiet', 'ticket', 'accept', file);
  t.is((await accept(ticket)).exit, 13);
  await as('admin');
  t.deepEqual(await far('--quiet', 'gc', '--dry-run'), await near('--quiet', 'gc', '--dry-run'));
  t.is((await far('--quiet', 'pin', '1')).stdout, 'generation 1 is pinned\n');
  t.regex((await far('--quiet', 'rollback', '--to', '1', '--reason', 'a try')).stdout, /generation 3/);

  // A ticket comes along with the call.
  await markGood(root, 3, 2);
  t.like(await accept(other), {
    exit: 4,
    stderr: 'mosctl: cannot trust the ticket: it is for the machine SN0002, this is SN0001\n',
  });
  t.regex((await far('ticket', 'accept', '--plan', ticket)).stdout, /lower the floor/);
  const accepted = await accept(ticket);
  t.is(accepted.exit, 0);
  t.regex(accepted.stdout, /^the floor of this machine is 0 now, it was 2\n/);
  t.deepEqual(await accept(ticket), await near('--quiet', 'ticket', 'accept', ticket));
  t.regex((await accept(`${ticket}.none`)).stderr, /cannot read .*\.none: it does not exist/);

  // By the Unix socket it is root who calls.
  t.deepEqual(await run('status', '--host', `unix:${socket}`), await near('status'));
});
