import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { convertedImage } from '../helpers/converted-image.ts';
import { type MachineKit, makeVmKit } from '../helpers/machine-kit.ts';
import { startRegistry } from '../helpers/registries.ts';
import { scriptImage } from '../helpers/script-image.ts';
import { Machine } from '../helpers/vm.ts';

// Services of a machine that boots, with systemd, control groups of version 2, AppArmor and dm-verity: what the host of the other
// tests lacks. One disk, three boots: as installed, after a reboot, after a power cut in the middle of an activate.

let kit: MachineKit;

test.before(async () => {
  kit = await makeVmKit('services');
});
test.after.always(() => kit && rmSync(kit.folder, { recursive: true }));

const forever = 'while :; do sleep 1000; done';
const scripts = {
  calm: `echo "calm as $(id -u)"; ${forever}`,
  hungry: 'echo eating; exec dd if=/dev/zero of=/dev/null bs=256M count=1',
  crowd: 'i=0; while [ $i -lt 100 ]; do sleep 1000 & i=$((i + 1)); done; echo all are here; wait',
  busy: 'while :; do :; done',
};

const container = (name: string, source: string, more: string): string =>
  `  - { service_name: ${name}, source: '${source}', version: '1', service_type: container, nsgroup: ${name}, ${more} }\n`;

/** The targets besides hostfs; `more` is of web. */
async function targets(folder: string, more: string): Promise<string> {
  const script = (name: keyof typeof scripts, line: string): string =>
    container(name, scriptImage(folder, name, scripts[name]), `network: { type: none }, ${line}`);
  const web = await convertedImage({ name: 'nginx', format: 'erofs' });
  const data = await convertedImage({ name: 'postgres', format: 'erofs' });
  return [
    container(
      'web',
      web,
      `network: { type: simple, ports: [{ host: 8080, container: 80 }] }, health: { http: { port: 80, path: / } }, depends_on: [data]${more}`,
    ),
    container(
      'data',
      data,
      'network: { type: simple }, health: { exec: [pg_isready], start_period: 120 }, storage: [{ dest: /var/lib/postgresql/data, label: data }]',
    ),
    script('calm', 'resources: { memory: 64M, cpu: 50, pids: 20, io_weight: 50 }'),
    script('hungry', 'resources: { memory: 32M }, restart: on-failure'),
    script('crowd', 'resources: { pids: 16 }, restart: "no"'),
    script('busy', 'resources: { cpu: 10 }'),
  ].join('');
}
const storage = '  - { label: data, persistent: true, nsgroup: data, size: 128M }\n';

type State = {
  readonly name: string;
  readonly version: string;
  readonly state: string;
  readonly process: number;
  readonly restarts: number;
  readonly lastEnd: unknown;
};

async function services(machine: Machine): Promise<Record<string, State>> {
  const { services } = JSON.parse(await machine.run('mosctl ps --json')) as { services: State[] };
  return Object.fromEntries(services.map((state) => [state.name, state]));
}

const psql = (machine: Machine, command: string): Promise<string> =>
  machine.run(`mosctl exec data -- psql -qtAc "${command}"`);
const page = (machine: Machine): Promise<string> =>
  machine.run(
    "exec 3<>/dev/tcp/127.0.0.1/8080; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; tail -n 1 <&3; exec 3>&-",
  );
/** What control group version 2 says of the first process of a service. */
const group = async (machine: Machine, name: string, file: string): Promise<string> =>
  (await machine.run(`cat /sys/fs/cgroup/lxc.payload.${name}/${file}`)).trim();

test('services of a machine that boots: limits, AppArmor, systemd, reboots and a power cut', async (t) => {
  const registry = await startRegistry(t, { kind: 'docker' });
  const common = { image: '1-console', version: '1.0.0', storage };
  const root = kit.newRoot('root');
  const first = await kit.publish({
    ...common,
    name: 'machine/install:1',
    release: 1,
    repository: `zot:${resolve(kit.folder, 'repository')}`,
    targets: await targets(kit.folder, ''),
  });
  await kit.command('mosctl', 'install', '-r', root, first);
  await kit.publish({
    ...common,
    name: 'machine/install:2',
    release: 2,
    repository: registry.host,
    targets: await targets(kit.folder, ', environment: { RELEASE: two }'),
  });
  const options = {
    kernel: kit.kernel,
    initrd: kit.initrd,
    disk: kit.disk(root, 'machine.img'),
    reboots: true,
  };
  let machine = new Machine(options);
  t.teardown(() => machine.stop());
  await machine.login('mos');
  await asBooted(t, machine);
  await limited(t, machine);
  await confined(t, machine);
  await commanded(t, machine);
  await rebooted(t, machine);
  await cutShort(machine, `10.0.2.2:${registry.host.split(':')[1]}/machine/install:2`);
  machine = new Machine(options);
  await afterwards(t, machine);
});

/** Waits until the unit has ended that starts services; a database takes its time in an emulated machine. */
const started = (machine: Machine): Promise<string> =>
  machine.run('systemctl start mos-boot.service || { journalctl --no-pager -u mos-boot.service; false; }', {
    seconds: 900,
  });

/** The unit that starts them waits until all are well, and marks the generation good. */
async function asBooted(t: ExecutionContext, machine: Machine): Promise<void> {
  await started(machine);
  const states = await services(machine);
  t.deepEqual(Object.keys(states).sort(), ['busy', 'calm', 'crowd', 'data', 'hungry', 'web']);
  for (const name of ['busy', 'calm', 'data', 'web'])
    t.like(states[name], { state: 'running', restarts: 0 }, name);
  const { good } = JSON.parse(await machine.run('mosctl status --json'));
  t.is(good?.generation, 1);
  t.is(await page(machine), 'nginx of mos, version 1\n');
  await psql(machine, 'create table kept (line text)');
  await psql(machine, "insert into kept values ('first')");
}

/** What `resources` says is what the kernel holds; who passes it is ended as its policy says, and nobody else. */
async function limited(t: ExecutionContext, machine: Machine): Promise<void> {
  const said = await group(machine, 'calm', '{memory.max,memory.swap.max,cpu.max,pids.max,io.weight}');
  t.deepEqual(said.split('\n'), ['67108864', '0', '50000 100000', '20', 'default 50']);

  const states = await services(machine);
  t.like(states['crowd'], { state: 'ended', restarts: 0 });
  t.regex(await machine.run('mosctl logs crowd'), /can't fork/);
  t.notRegex(await machine.run('mosctl logs crowd'), /all are here/);
  await machine.run('until mosctl ps | grep -q "hungry .* [1-9][0-9]* *signal 9"; do sleep 1; done');
  t.regex(
    await machine.run('dmesg | grep -i "memory cgroup out of memory"'),
    /lxc.payload.hungry|Killed process \d+ \(dd\)/,
  );
  t.regex(await group(machine, 'busy', 'cpu.stat'), /nr_throttled [1-9]/);
  t.like(states['calm'], { state: 'running', restarts: 0 });
}

/** LXC's own profile is on each first process; that of hungry changes all the time. */
async function confined(t: ExecutionContext, machine: Machine): Promise<void> {
  for (const [name, { process }] of Object.entries(await services(machine)))
    if (['busy', 'calm', 'data', 'web'].includes(name))
      t.regex(await machine.run(`cat /proc/${process}/attr/current`), /^lxc-\S+.*\(enforce\)/, name);
}

async function commanded(t: ExecutionContext, machine: Machine): Promise<void> {
  t.regex(await machine.run('mosctl logs calm'), /^calm as 0\n/);
  const before = (await services(machine))['calm'];
  t.is(await machine.run('mosctl restart --quiet calm'), 'calm 1 runs again\n');
  t.not((await services(machine))['calm']?.process, before?.process);
  for (const name of ['hungry', 'crowd', 'busy'])
    t.is(await machine.run(`mosctl stop ${name}`), `${name} is stopped\n`);

  // The supervisor is a unit: after a kill systemd starts it again, and it finds its containers.
  await machine.run("kill -9 $(pgrep -f 'mosctl supervise')");
  await machine.run("until pgrep -f 'mosctl supervise'; do sleep 1; done");
  await machine.run(`kill -9 ${(await services(machine))['calm']?.process}`);
  await machine.run('until mosctl ps | grep -q "calm .*running .* 1 *signal 9"; do sleep 1; done');
}

async function rebooted(t: ExecutionContext, machine: Machine): Promise<void> {
  machine.type('systemctl reboot');
  await machine.waitFor(/reboot: Restarting system/, 'the reboot');
  await machine.login('mos');
  await started(machine);
  t.is(await psql(machine, 'select line from kept'), 'first\n');
  const log = await machine.run('mosctl logs data');
  t.regex(log, /database system was shut down at/, 'by its own signal, before its volume went');
  t.notRegex(log, /was not properly shut down|interrupted/);
  t.is(await page(machine), 'nginx of mos, version 1\n');
}

/** The power goes while the new container of web is beside the old one. */
async function cutShort(machine: Machine, reference: string): Promise<void> {
  await psql(machine, "insert into kept values ('second')");
  await machine.run(`mosctl update --quiet --plain-http ${reference}`);
  machine.type('mosctl activate -t web & until [ -e /run/mos/services/web~ ]; do :; done; echo "@now@"');
  await machine.waitFor(/@now@\n/, 'the new container');
  await machine.stop();
}

async function afterwards(t: ExecutionContext, machine: Machine): Promise<void> {
  t.teardown(() => machine.stop());
  await machine.login('mos');
  await started(machine);
  t.is(await psql(machine, 'select line from kept'), 'first\nsecond\n');
  t.is(await machine.run('mosctl exec web -- printenv RELEASE'), 'two\n');
  t.is(await page(machine), 'nginx of mos, version 1\n');
  const states = await services(machine);
  for (const name of ['busy', 'calm', 'data', 'web']) t.like(states[name], { state: 'running' }, name);
  await machine.run('mosctl verify --quiet');
  await machine.run('git -C /config/manifest.git fsck --full');
}
