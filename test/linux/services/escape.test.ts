import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../../helpers/folder.ts';
import { makeServices } from '../../helpers/services.ts';

type Attempt = {
  readonly name: string;
  /** A script for the root of the container; the way out is open where it ends with 0. */
  readonly script: string;
  /** Part of what it says; the reason must be ours and no missing tool. */
  readonly says: RegExp;
};

const b = '/bin/busybox';

/** What somebody does who became root in a service. `SECRET` is a file of the host, `OTHER` the host's id of another service. */
const attempts: readonly Attempt[] = [
  { name: 'read a file of the host', script: 'cat SECRET', says: /No such file/ },
  { name: 'find it through the first process', script: 'cat /proc/1/root/SECRET', says: /No such file/ },
  { name: 'find it through a folder above', script: 'cd /; cat ../../../../SECRET', says: /No such file/ },
  { name: 'read the memory of the kernel', script: 'head -c 1 /proc/kcore', says: /No such file/ },
  { name: 'read its messages', script: 'dmesg', says: /Operation not permitted/ },
  { name: 'read its addresses', script: 'grep -m 1 -q . /proc/kallsyms', says: /^$/ },
  { name: 'load a module', script: 'insmod /bin/module', says: /Operation not permitted/ },
  { name: 'change the clock', script: 'adjtimex -f 1', says: /Operation not permitted/ },
  { name: 'change the name of the host', script: 'hostname escaped', says: /Operation not permitted/ },
  { name: 'reboot', script: 'reboot -f', says: /Operation not permitted/ },
  { name: 'swap', script: 'swapon /bin/busybox', says: /Operation not permitted/ },
  { name: 'press a magic key', script: 'echo h > /proc/sysrq-trigger', says: /Read-only|denied|nonexistent/ },
  {
    name: 'change a setting of the kernel',
    script: 'echo x > /proc/sys/kernel/core_pattern',
    says: /Read-only|denied/,
  },
  {
    name: 'name a program that the kernel starts',
    script: 'echo x > /proc/sys/kernel/modprobe',
    says: /Read-only|denied|nonexistent/,
  },
  {
    name: 'write to /sys',
    script: 'echo 1 > /sys/kernel/profiling',
    says: /Read-only|denied|nonexistent|No such/,
  },
  {
    name: 'start a program by a control group',
    script: 'echo x > /sys/fs/cgroup/release_agent',
    says: /Read-only|denied|nonexistent|No such/,
  },
  { name: 'make a device', script: 'mknod /tmp/disk b 8 0', says: /Operation not permitted/ },
  { name: 'make a device in /dev', script: 'mknod /dev/mem c 1 1', says: /Operation not permitted/ },
  {
    name: 'open a disk',
    script:
      'for d in /dev/vda /dev/sda /dev/loop0 /dev/mem /dev/kvm /dev/fuse; do cat $d && exit 0; done; exit 1',
    says: /No such file/,
  },
  {
    name: 'mount a file system',
    script: 'mount -t tmpfs none /mnt',
    says: /permission denied|not permitted/,
  },
  { name: 'mount proc again', script: 'mount -t proc none /mnt', says: /permission denied|not permitted/ },
  {
    name: 'mount what is read-only again',
    script: 'mount -o remount,rw /proc/sys',
    says: /permission denied|not permitted/,
  },
  { name: 'unmount what hides', script: 'umount /proc/kcore', says: /not permitted/ },
  { name: 'make a user namespace', script: 'unshare -r true', says: /Operation not permitted/ },
  { name: 'make a mount namespace', script: 'unshare -m true', says: /Operation not permitted/ },
  {
    name: 'leave by chroot into the root of another',
    script: 'chroot /proc/1/root/../../.. cat SECRET',
    says: /No such file|can't/,
  },
  { name: 'see processes of the host', script: 'test $(ls /proc | grep -c "^[0-9]") -gt 8', says: /^$/ },
  {
    name: 'end a process of the host',
    script: 'kill -9 HOSTPID',
    says: /No such process|Operation not permitted/,
  },
  { name: 'trace the first process of the host', script: 'cat /proc/HOSTPID/environ', says: /No such file/ },
  { name: 'reach another service', script: 'ls OTHERROOT', says: /No such file/ },
  {
    name: 'gain rights by a program of root',
    script: `cp ${b} /tmp/su && chmod 4755 /tmp/su && grep -q "NoNewPrivs:.0" /proc/self/status`,
    says: /^$/,
  },
  { name: 'configure a network of the host', script: 'ip link add escape type dummy', says: /not permitted/ },
  {
    name: 'see an interface of the host',
    script: 'ip link show eth0 || ip link show lxcbr0',
    says: /can't find device/,
  },
  {
    name: 'listen to the wire',
    script: `${b} arping -c 1 127.0.0.1`,
    says: /not permitted|denied|applet not found/,
  },
  { name: 'reach the socket of the API', script: 'ls /run/mos /run/systemd', says: /No such file/ },
];

test('a root shell in a service gets nowhere', async (t) => {
  t.timeout(180_000);
  const folder = await temporaryFolder(t);
  const secret = join(folder, 'secret');
  writeFileSync(secret, 'the secret of the host\n', { mode: 0o644 });
  const wait = 'exec busybox sleep 1000';
  const machine = await makeServices(t, {
    web: { script: wait, files: { 'bin/module': 'no module', 'mnt/.keep': '' } },
    other: { script: wait, files: { secret: 'the secret of other' } },
  });
  for (const name of ['web', 'other']) t.is(machine.activate(name).err, '');
  const { process: hostProcess } = JSON.parse(machine.must('ps', '--json')).services.find(
    (one: { readonly name: string }) => one.name === 'other',
  );
  const rows: string[] = [];
  for (const { name, script, says } of attempts) {
    const text = script
      .replaceAll('SECRET', secret)
      .replaceAll('HOSTPID', String(hostProcess))
      .replaceAll('OTHERROOT', `/proc/${hostProcess}/root`);

    const said = machine.mosctl('exec', 'web', '--as-root', '--', b, 'sh', '-c', text);
    const why = said.err.trim().split('\n').at(-1) ?? '';
    const isHeld = said.status !== 0 && says.test(why);
    rows.push(`${isHeld ? 'held' : 'OPEN'}  ${name.padEnd(45)} ${why || `exit code ${said.status}`}`);
  }
  t.log(rows.join('\n'));
  t.deepEqual(
    rows.filter((row) => row.startsWith('OPEN')),
    [],
  );
});
