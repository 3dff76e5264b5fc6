import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type MachineKit, makeVmKit } from '../helpers/machine-kit.ts';
import { startRegistry } from '../helpers/registries.ts';
import { scriptImage } from '../helpers/script-image.ts';
import { Machine } from '../helpers/vm.ts';

// A machine that updates itself, by systemd: its socket, its daemon, its reboots. Release 2 proves good; release 3 has a service that
// never comes up.

let kit: MachineKit;

test.before(async () => {
  kit = await makeVmKit('automatic');
});
test.after.always(() => kit && rmSync(kit.folder, { recursive: true }));

type Updates = {
  readonly update_state: string;
  readonly active_generation: { readonly generation: number; readonly release: number };
  readonly chosen_update: unknown;
  readonly not_yet: readonly string[];
  readonly failed_updates: readonly { readonly reason: string }[];
  readonly automatic: { readonly action: string } | null;
};

/** By the socket of systemd, as any program may. */
const ask = async (machine: Machine, path: string): Promise<string> => {
  const program = `use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new("/run/mos/api.sock") or die "$!";
print $s "GET ${path} HTTP/1.1\\r\\nHost: machine\\r\\nConnection: close\\r\\n\\r\\n"; print while <$s>`;
  return machine.run(`perl -e '${program.replaceAll('\n', ' ')}'`);
};
const bodyOf = (answer: string) => JSON.parse(answer.slice(answer.indexOf('\n\n') + 2));
const updates = async (machine: Machine): Promise<Updates> => bodyOf(await ask(machine, '/updates/status'));
/** Waits for a word of the status. */
const until = (machine: Machine, look: string): Promise<string> =>
  machine.run(`until mosctl update status --json | grep -qE '${look}'; do sleep 2; done`);

test('a machine updates itself in its window, and leaves what does not come up', async (t) => {
  const registry = await startRegistry(t, { kind: 'docker' });
  const publish = (release: number, image: string, repository: string, targets = '') =>
    kit.publish({
      name: 'machine/web:stable',
      image,
      version: `${release}.0.0`,
      release,
      repository,
      targets,
    });
  const root = kit.newRoot('root');
  const first = await publish(1, '1-console', `zot:${resolve(kit.folder, 'repository')}`);
  await kit.command('mosctl', 'install', '-r', root, first);
  await publish(2, '2-console', registry.host);
  const disk = kit.disk(root, 'machine.img');
  const machine = new Machine({ kernel: kit.kernel, initrd: kit.initrd, disk, reboots: true });
  t.teardown(() => machine.stop());

  await machine.login('mos');
  await bySocket(t, machine);
  const source = `10.0.2.2:${registry.host.split(':')[1]}/machine/web:stable`;
  await machine.run(`mosctl update settings --quiet --source ${source} --plain-http`);
  await takesTheGoodOne(t, machine);
  const broken = scriptImage(kit.folder, 'broken', 'exit 1');
  const service = `  - { service_name: broken, source: '${broken}', version: '1', service_type: container, nsgroup: broken, network: { type: none } }\n`;
  await publish(3, '1-console', registry.host, service);
  await leavesTheBadOne(t, machine);
});

/** The daemon starts with the first call, and its log of calls is kept. */
async function bySocket(t: ExecutionContext, machine: Machine): Promise<void> {
  const state = () => machine.run('systemctl is-active mos-api.socket mos-api.service', { accept: [3] });
  t.is(await state(), 'active\ninactive\n');
  const answer = await ask(machine, '/v1/status');
  t.regex(answer, /^HTTP\/1\.1 200 OK\n/);
  t.is(bodyOf(answer).running.generation, 1);
  t.is(await state(), 'active\nactive\n');
  t.is(await machine.run('stat -c "%a %U %G" /run/mos/api.sock'), '660 root mos\n');
  await ask(machine, '/v1/jobs');
  const { entries, problem } = bodyOf(await ask(machine, '/v1/audit'));
  const calls = entries.map(({ who, role, what }: Record<string, string>) => `${who} ${role} ${what}`);
  t.true(calls.includes('uid 0 admin GET /v1/status'), calls.join('\n'));
  t.is(problem, null);
  await machine.run('test -s /config/mos/api/audit.jsonl');
}

async function takesTheGoodOne(t: ExecutionContext, machine: Machine): Promise<void> {
  await machine.run('mosctl hold --quiet --reason "a backup runs"');
  // A window that is closed: by the hour, so that it does not open meanwhile.
  const closed = await machine.run(
    'h=$(date -u +%H); printf %02d:00-%02d:30 $(( (10#$h + 12) % 24 )) $(( (10#$h + 12) % 24 ))',
  );
  await machine.run(`mosctl update settings --quiet --window ${closed} --automatic on`);
  await until(machine, '"update_state": *"Staged"');
  const { not_yet, automatic } = await updates(machine);
  t.deepEqual(not_yet, ['uid-0 holds it: a backup runs', `the maintenance window is ${closed}`]);
  t.is(automatic?.action, 'check'); // which comes before the window
  await machine.run('mosctl update settings --quiet --window any');
  t.deepEqual((await updates(machine)).not_yet, ['uid-0 holds it: a backup runs']);
  machine.type('mosctl hold --release');
  await rebooted(machine);
  await machine.run('systemctl start mos-boot.service');
  await until(machine, '"action": *"check"');
  const { update_state, active_generation, failed_updates } = await updates(machine);
  t.deepEqual([update_state, active_generation.release, failed_updates], ['Idle', 2, []]);
  t.is(JSON.parse(await machine.run('mosctl status --json')).good.generation, 2);
}

async function rebooted(machine: Machine): Promise<void> {
  await machine.waitFor(/reboot: Restarting system/, 'the reboot');
  await machine.login('mos');
}

async function leavesTheBadOne(t: ExecutionContext, machine: Machine): Promise<void> {
  machine.type(
    'mosctl update settings --quiet --check-every 1; date -s "+2 hours"; mosctl hold --reason look; mosctl hold --release',
  );
  await rebooted(machine);
  await until(machine, '"action": *"fall-back"');
  t.is((await updates(machine)).active_generation.release, 3);
  // It may take a quarter of an hour.
  machine.type('date -s "+20 minutes"; mosctl hold --reason look; mosctl hold --release');
  await rebooted(machine);
  await machine.run('systemctl start mos-boot.service');
  const back = await updates(machine);
  t.deepEqual([back.active_generation.release, back.update_state], [2, 'Idle']);
  t.deepEqual(
    back.failed_updates.map(({ reason }) => reason),
    ['generation 3 failed'],
  );
  t.regex(await machine.run('mosctl update check'), /failed before, and is not offered again/);
  const after = await updates(machine);
  t.deepEqual([after.update_state, after.chosen_update], ['Idle', null]);
}
