import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { machinePaths } from '../../../pkg/system/index.ts';
import { temporaryFolder } from '../../helpers/folder.ts';
import { makeServices } from '../../helpers/services.ts';

type Attempt = {
  readonly name: string;
  /** `web` where nothing is said, which has no network. */
  readonly from?: 'net';
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
  { name: 'read the volume of another service', script: 'cat OTHERROOT/data/secret', says: /No such file/ },
  {
    name: 'find it where the host has it',
    script: 'cat RUN/volumes/data/disk-data-*/secret',
    says: /No such file/,
  },
  {
    name: 'read what another service says',
    script: 'cat RUN/services/other/log/output',
    says: /No such file/,
  },
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
  {
    name: 'reach a port of the host over the bridge',
    from: 'net',
    script: 'timeout 2 nc 10.0.3.1 9999 </dev/null',
    says: /^$|Terminated/,
  },
  {
    name: 'reach it by an address of the loopback',
    from: 'net',
    script: 'timeout 2 nc 127.0.0.1 9999 </dev/null',
    says: /refused/,
  },
  {
    name: 'take the address of another service',
    from: 'net',
    script: 'ip address add 10.0.3.77/24 dev eth0',
    says: /not permitted/,
  },
  {
    name: 'write to a control group',
    script: 'mkdir /sys/fs/cgroup/escape',
    says: /Read-only|denied|No such|not permitted/,
  },
  { name: 'look at the firmware', script: 'ls /sys/firmware/* | grep -q .', says: /^$|No such/ },
  { name: 'list the keys of the kernel', script: 'grep -q . /proc/keys', says: /^$/ },
  { name: 'open the log of the kernel', script: 'cat /dev/kmsg', says: /No such file/ },
  { name: 'be spared by the killer', script: 'echo -1000 > /proc/self/oom_score_adj', says: /denied/ },
  ...Object.entries({
    'load a program into the kernel': ['bpf', /not permitted/],
    'stop the kernel at a page': ['userfaultfd', /not permitted/],
    'reach the keyring of the host': ['keyctl', /not permitted/],
    'add a key': ['add_key', /not permitted/],
    'count events of the processor': ['perf_event_open', /not permitted/],
    'open a file by its handle': ['open_by_handle_at', /not permitted/],
    'load another kernel': ['kexec_load', /not permitted/],
    'load a module from memory': ['init_module', /not permitted/],
    'pass the filter by a ring': ['io_uring_setup', /not implemented/],
    'pass the filter by clone3': ['clone3', /not implemented/],
    'clone into a user namespace': ['clone', /not permitted/],
    'enter a namespace': ['setns', /not permitted/],
    'make a file system': ['fsopen', /not permitted/],
    'copy a mount': ['open_tree', /not permitted/],
    'change a mount': ['mount_setattr', /not permitted/],
    'turn the root around': ['pivot_root', /not permitted/],
    'account processes': ['acct', /not permitted/],
    'change a quota': ['quotactl', /not permitted/],
    'read the memory of a process': ['process_vm_readv', /not permitted/],
    'set the time': ['settimeofday', /not permitted/],
    'set the clock': ['clock_settime', /not permitted/],
    'use ports of the processor': ['iopl', /not permitted/],
    'listen to the wire itself': ['packet', /not permitted/],
    'send raw packets': ['raw', /not permitted/],
    'talk to the host of the machine': ['vsock', /not supported/],
    'use ciphers of the kernel': ['alg', /not supported/],
    'type on the terminal of who looks': ['tiocsti', /not permitted/],
    'type on it past the filter': ['wide tiocsti', /not permitted/],
    'trace a process of the host': ['ptrace" "HOSTPID', /No such process/],
  } as const).map(([name, [call, says]]): Attempt => ({ name, script: `/bin/attempt "${call}"`, says })),
  { name: 'reach the socket of the API', script: 'ls /run/mos /run/systemd', says: /No such file/ },
];

async function attemptProgram(t: ExecutionContext): Promise<Uint8Array> {
  const file = join(await temporaryFolder(t), 'attempt');
  execFileSync('gcc', ['-static', '-Wall', '-Wextra', '-o', file, 'test/linux/services/attempt.c']);
  return readFileSync(file);
}

test('a root shell in a service gets nowhere', async (t) => {
  t.timeout(180_000);
  const folder = await temporaryFolder(t);
  const secret = join(folder, 'secret');
  writeFileSync(secret, 'the secret of the host\n', { mode: 0o644 });
  const wait = 'exec busybox sleep 1000';
  const attempt = { 'bin/attempt': await attemptProgram(t), 'mnt/.keep': '' };
  const machine = await makeServices(
    t,
    {
      web: { script: wait, files: { ...attempt, 'bin/module': 'no module' } },
      net: { script: wait, files: attempt, network: '{ type: simple }' },
      other: {
        script: `echo the secret of other > /data/secret; ${wait}`,
        more: ', storage: [{ dest: /data, label: data }]',
      },
    },
    { storage: 'storage:\n  - { label: data, persistent: true, nsgroup: other, size: 8M }\n' },
  );
  machine.sandbox.background('busybox', 'nc', '-l', '-k', '-p', '9999');
  const { run } = await machinePaths(linuxHost, machine.root);
  for (const name of ['web', 'net', 'other']) t.is(machine.activate(name).err, '');
  const { process: hostProcess } = JSON.parse(machine.must('ps', '--json')).services.find(
    (one: { readonly name: string }) => one.name === 'other',
  );
  const rows: string[] = [];
  for (const { name, from = 'web', script, says } of attempts) {
    const text = script
      .replaceAll('SECRET', secret)
      .replaceAll('RUN', run)
      .replaceAll('HOSTPID', String(hostProcess))
      .replaceAll('OTHERROOT', `/proc/${hostProcess}/root`);
    const said = machine.mosctl('exec', from, '--as-root', '--', b, 'sh', '-c', text);
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
