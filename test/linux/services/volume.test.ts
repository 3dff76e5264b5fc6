import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { temporaryFolder } from '../../helpers/folder.ts';
import { updateFrom } from '../../helpers/machine.ts';
import { executable, type Sandbox } from '../../helpers/sandbox.ts';
import {
  installReference,
  makeServices,
  publishServices,
  type ServiceMachine,
  until,
} from '../../helpers/services.ts';

const quick = { StopSignal: 'SIGKILL' };
const script = 'echo x >>/data/keep; busybox cat /data/keep; echo ready; exec busybox sleep 1000';
const web = { script, image: quick, more: ', storage: [{ dest: /data, label: keep }]' };
const storage = (size: string, nsgroup = 'web') =>
  `storage:\n  - { label: keep, persistent: true, nsgroup: ${nsgroup}, size: ${size} }\n`;

/** What it says in one run, after which it is stopped. */
async function run(t: ExecutionContext, machine: ServiceMachine, version = '1'): Promise<string[]> {
  t.is(machine.activate('web').err, '', version);
  const lines = await until('its words', () => {
    const said = machine.must('logs', 'web').trim().split('\n');
    return said.includes('ready') && said;
  });
  machine.must('stop', 'web');
  return lines;
}

async function update(machine: ServiceMachine, size: string, tag: string, nsgroup = 'web'): Promise<void> {
  await publishServices(machine.vendor, { web: { ...web, nsgroup } }, tag, storage(size, nsgroup));
  await updateFrom(machine.root, installReference(machine.vendor, tag));
}

type Volume = { readonly made: number; readonly size: number; readonly partition: string | null };
const volume = (machine: ServiceMachine): Volume =>
  JSON.parse(machine.sandbox.must(executable, 'volume', 'ls', '--root', machine.root, '--json')).volumes[0];

test.serial('a volume grows with its manifest, and never becomes smaller', async (t) => {
  t.timeout(180_000);
  const machine = await makeServices(t, { web }, { storage: storage('8M') });
  t.deepEqual(await run(t, machine), ['x', 'ready']);
  await update(machine, '24M', '2.0.0');
  t.deepEqual(await run(t, machine), ['x', 'x', 'ready']);
  t.is(volume(machine).made, 24 << 20);
  await update(machine, '4M', '3.0.0');
  t.deepEqual(await run(t, machine), ['x', 'x', 'x', 'ready']);
  t.like(volume(machine), { made: 24 << 20, size: 4 << 20 });
  t.regex(
    machine.sandbox.must(executable, 'volume', 'ls', '--root', machine.root),
    /25\.2 MB, never made smaller/,
  );
});

/** A disk with a partition for the store and one with a name, as a loop device; the store is mounted. */
async function makeStoreDisk(
  t: ExecutionContext,
): Promise<{ mount(root: string, sandbox: Sandbox): void; second: string }> {
  const file = `${await temporaryFolder(t)}/disk`;
  writeFileSync(file, '');
  truncateSync(file, 200 << 20);
  const table = 'label: gpt\nsize=100MiB, type=F79962B9-24E6-9948-9F94-E6BFDAD2771B\nsize=48MiB, name=keep\n';
  execFileSync('/sbin/sfdisk', ['--quiet', file], { input: table });
  const loop = execFileSync('losetup', ['--find', '--show', file], { encoding: 'utf8' }).trim();
  // Kernels that read no tables of partitions take them from programs.
  execFileSync('addpart', [loop, '1', '2048', '204800']);
  execFileSync('addpart', [loop, '2', '206848', '98304']);
  t.teardown(() => {
    for (const number of ['1', '2']) execFileSync('delpart', [loop, number]);
    execFileSync('losetup', ['--detach', loop]);
  });
  execFileSync('/sbin/mke2fs', ['-q', '-t', 'ext4', `${loop}p1`]);
  return {
    second: `${loop}p2`,
    mount(root, sandbox) {
      const mounted = `${root}/atomfs-cache`;
      mkdirSync(mounted, { recursive: true });
      execFileSync('mount', [`${loop}p1`, mounted]);
      t.teardown(() => execFileSync('umount', [mounted]));
      sandbox.must('mount', `${loop}p1`, mounted);
    },
  };
}

test.serial(
  'a volume lies on the partition that has its name; what is not blank is not formatted',
  async (t) => {
    t.timeout(180_000);
    const disk = await makeStoreDisk(t);
    const machine = await makeServices(t, { web }, { storage: storage('8M'), before: disk.mount });
    writeFileSync(disk.second, 'somebody else');
    t.is(
      machine.activate('web').err,
      `mosctl: cannot use the volume keep: its partition ${disk.second} holds something that is no ext4 file system\n` +
        '  nothing is formatted that is not empty; give it up: mosctl volume purge keep\n',
    );
    t.is(readFileSync(disk.second).subarray(0, 13).toString(), 'somebody else');
    const purge = () => machine.sandbox.must(executable, 'volume', 'purge', '--root', machine.root, 'keep');
    t.is(purge(), 'the volume keep is gone\n');
    t.deepEqual(await run(t, machine), ['x', 'ready']);
    t.deepEqual(await run(t, machine), ['x', 'x', 'ready']);
    t.like(volume(machine), { made: 8 << 20, partition: disk.second });
    await update(machine, '32M', '2.0.0');
    t.deepEqual(await run(t, machine), ['x', 'x', 'x', 'ready']);
    t.is(volume(machine).made, 32 << 20);
    await update(machine, '64M', '3.0.0');
    t.is(
      machine.activate('web').err,
      `mosctl: cannot use the volume keep: its manifest says 67108864 bytes, its partition ${disk.second} has 50331648\n`,
    );
    t.is(purge(), 'the volume keep is gone\n');
  },
);

test.serial(
  'a service whose volume is damaged does not start; one with other ids finds its files as its own',
  async (t) => {
    t.timeout(180_000);
    const machine = await makeServices(t, { web }, { storage: storage('8M') });
    t.deepEqual(await run(t, machine), ['x', 'ready']);
    await update(machine, '8M', '2.0.0', 'others');
    t.deepEqual(await run(t, machine), ['x', 'x', 'ready'], 'with another nsgroup');
    const file = `${machine.root}/atomfs-cache/.volumes/keep.img`;
    execFileSync('dd', ['if=/dev/urandom', `of=${file}`, 'bs=64k', 'count=1', 'conv=notrunc'], {
      stdio: 'ignore',
    });
    const said = machine.activate('web');
    t.regex(said.err, /^mosctl: cannot mount the volume keep: \S+keep\.img has no sound file system/);
    t.deepEqual(JSON.parse(machine.must('ps', '--json')).services, []);
  },
);

test.serial(
  'a service that gets other ids or a kept volume while it runs has them after its next start',
  async (t) => {
    t.timeout(180_000);
    const volumes = (nsgroup: string, persistent: boolean) =>
      `storage:\n  - { label: keep, persistent: ${persistent}, nsgroup: ${nsgroup}, size: 8M }\n`;
    const machine = await makeServices(t, { web }, { storage: volumes('web', false) });
    const said = () =>
      until('its words', () => {
        const lines = machine.must('logs', 'web').trim().split('\n');
        return lines.includes('ready') && lines;
      });
    const next = async (tag: string, nsgroup: string, persistent: boolean) => {
      await publishServices(
        machine.vendor,
        { web: { ...web, nsgroup, version: tag } },
        tag,
        volumes(nsgroup, persistent),
      );
      await updateFrom(machine.root, installReference(machine.vendor, tag));
      t.is(machine.activate('web').err, '', tag);
      return said();
    };
    t.is(machine.activate('web').err, '');
    t.deepEqual(await said(), ['x', 'ready']);
    t.deepEqual(await next('2.0.0', 'others', false), ['x', 'x', 'ready'], 'other ids');
    t.deepEqual(await next('3.0.0', 'others', true), ['x', 'ready'], 'a new one, which is kept');
    machine.must('stop', 'web');
    t.deepEqual(await run(t, machine), ['x', 'x', 'ready']);
  },
);

test.serial(
  'a volume is not mounted a second time while a service has it whose stop was given up',
  async (t) => {
    t.timeout(180_000);
    const more = ', storage: [{ dest: /data, label: keep }]';
    const nsgroup = 'web';
    // It does not end when asked to.
    const script = 'while :; do echo x >>/data/words; busybox sleep 0.1; done';
    const other = { script: 'exec busybox sleep 1000', image: quick, nsgroup, more };
    const machine = await makeServices(t, { web: { script, more }, other }, { storage: storage('8M') });
    t.is(machine.activate('web').err, '');
    t.is(machine.activate('other').err, '');
    const words = ['stop', 'web', '--timeout', '60', '--root', machine.root];
    machine.sandbox.run('timeout', '-s', 'KILL', '2', executable, ...words);
    machine.must('stop', 'other');
    t.is(machine.activate('other').err, '');
    const size = () =>
      Number(machine.must('exec', 'other', '--', '/bin/busybox', 'stat', '-c', '%s', '/data/words'));
    const before = size();
    await until('a word of the other one', () => size() > before);
    machine.must('stop', 'web', '--timeout', '0');
    machine.must('stop', 'other');
    t.notRegex(machine.sandbox.must('cat', '/proc/mounts'), /volumes\/keep/);
  },
);
