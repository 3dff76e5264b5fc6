import test from 'ava';
import { bootLive } from '../../initrd/live.ts';
import { MosError } from '../../pkg/errors/index.ts';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';

/** The front of an ISO 9660 file system with this label. */
function medium(label: string): Buffer {
  const bytes = Buffer.alloc(20 * 2048);
  bytes.write('\x01CD001', 16 * 2048, 'latin1');
  bytes.write(label.padEnd(32), 16 * 2048 + 40, 'latin1');
  return bytes;
}

/** A machine with these drives, which notes what is done to it; `accepts` says on which of them the live system is the right one. */
function machine(
  drives: Readonly<Record<string, Buffer>>,
  accepts: (device: string) => boolean,
  source: { repo?: string; root?: string } = {},
  commandLine = 'console=ttyS0 panic=-1',
  /** The seconds after which a drive is there. */
  late: Readonly<Record<string, number>> = {},
) {
  const calls: string[] = [];
  let [now, inDrive] = [0, ''];
  const contents: Record<string, string> = {
    '/proc/cmdline': `${commandLine}\n`,
    '/sys/class/net/eth0/type': '1\n',
    '/sys/class/net/eth0/carrier': '0\n',
  };
  const host: Host = {
    ...linuxHost,
    files: {
      ...linuxHost.files,
      read: async (path) => Buffer.from(contents[path] ?? 'isofs.ko\n'),
      stat: async (path) => (path.startsWith('/sys/') ? linuxHost.files.stat('/') : undefined),
      makeFolder: async () => {},
      list: async (path) =>
        path === '/sys/class/net'
          ? ['eth0']
          : Object.keys(drives).filter((name) => now >= (late[name] ?? 0) * 1000),
      open: async (path) => {
        const content = drives[path.slice('/dev/'.length)] ?? Buffer.alloc(0);
        const read = async (into: Uint8Array, position: number) => content.subarray(position).copy(into);
        return { size: content.length, read, [Symbol.asyncDispose]: async () => {} };
      },
    },
    mounts: {
      ...linuxHost.mounts,
      mount: async ({ source, target, flags }) => {
        inDrive = source;
        calls.push(`mount ${source} ${target}${flags.includes('ro') ? ' ro' : ''}`);
      },
      unmount: async (target) => void calls.push(`unmount ${target}`),
      move: async (from, to) => void calls.push(`move ${from} ${to}`),
    },
    network: { ...linuxHost.network, setLink: async (link, state) => void calls.push(`${link} ${state}`) },
    devices: { ...linuxHost.devices, loadModule: async (path) => void calls.push(path) },
    clock: {
      now: () => new Date(0),
      monotonic: () => now,
      sleep: async (milliseconds) => {
        now += milliseconds;
      },
    },
  };
  const uses = {
    closeSecrets: async () => void calls.push('close'),
    medium: async () => ({
      ...{ label: 'OCI-BOOT', at: '/run/mos/medium', rootWord: 'root=soci:' },
      ...{ repo: source.repo, root: source.root },
    }),
    fetch: async ({ registryCa }: { registryCa: string | undefined }) =>
      void calls.push(`fetch ${registryCa ?? ''}`.trim()),
    mountRoot: async () => {
      if (!accepts(inDrive)) throw new MosError('not-found', 'cannot find the manifest');
      calls.push('root');
    },
  };
  return { calls, run: () => bootLive(host, uses, () => {}) };
}

/** The TPM is closed before anything else is done, and asked for nothing. */
const first = ['close', 'mount tmpfs /factory/secure', '/lib/modules/isofs.ko'];

test('a live system boots from the medium that it is for, and from no other of that label', async (t) => {
  const drives = {
    loop0: medium('OCI-BOOT'),
    sr0: medium('OCI-BOOT'),
    vda: medium('WINDOWS'),
    vdb: medium('OCI-BOOT'),
  };
  const { calls, run } = machine(drives, (device) => device === '/dev/vdb');
  await run();
  t.deepEqual(calls, [
    ...first,
    'mount /dev/sr0 /run/mos/medium ro',
    'unmount /run/mos/medium',
    'mount /dev/vdb /run/mos/medium ro',
    'root',
    'move /factory/secure /sysroot/factory/secure',
  ]);
});

test('another medium of that label may be there first: the right one is waited for, and each is tried once', async (t) => {
  const drives = { sda: medium('OCI-BOOT'), sdb: medium('OCI-BOOT'), sdc: medium('OCI-BOOT') };
  const late = { sdb: 1, sdc: 29 };
  const { calls, run } = machine(drives, (device) => device === '/dev/sdc', {}, undefined, late);
  await run();
  t.deepEqual(
    calls.filter((call) => call.startsWith('mount /dev')),
    ['sda', 'sdb', 'sdc'].map((name) => `mount /dev/${name} /run/mos/medium ro`),
  );
});

test('a medium with something else does not boot', async (t) => {
  const { run } = machine({ sr0: medium('OCI-BOOT') }, () => false);
  await t.throwsAsync(run, {
    code: 'untrusted',
    message: 'cannot boot this live system: /dev/sr0: cannot find the manifest',
  });
});

test('without a medium it says what it looked for', async (t) => {
  const { calls, run } = machine({ sr0: Buffer.alloc(0) }, () => true);
  await t.throwsAsync(run, {
    code: 'not-found',
    message: 'cannot find the medium of this live system: no disc or disk has the label OCI-BOOT',
  });
  t.deepEqual(calls, first);
});

const repo = 'https://registry.example';
const root = `root=soci:name=machine/live@sha256:${'a'.repeat(64)},repo=${repo}`;

test('a live system out of a registry looks at no medium, and leaves no link up that has failed', async (t) => {
  const { calls, run } = machine({ sr0: medium('OCI-BOOT') }, () => true, { repo, root }, `quiet ${root}`);
  await t.throwsAsync(run, { message: 'cannot bring up the network: eth0 has no connection' });
  t.deepEqual(calls, [...first, 'eth0 up', 'eth0 down']);
});

const refused = test.macro({
  async exec(t, source: { repo?: string; root?: string }, commandLine: string, said: string) {
    const { calls, run } = machine({ sr0: medium('OCI-BOOT') }, () => true, source, commandLine);
    await t.throwsAsync(run, {
      code: 'untrusted',
      message: `cannot boot by the kernel command line: it says ${said}`,
    });
    t.deepEqual(calls, first.slice(0, 2));
  },
  title: (what) => `a command line that nobody signed ends the boot: ${what}`,
});
const evil = root.replace('registry', 'evil');
test('another registry', refused, { repo, root }, evil, `${evil}, the signed boot file ${root}`);
test('one more', refused, { repo, root }, `${root} ${evil}`, `${root} ${evil}, the signed boot file ${root}`);
test('none', refused, { repo, root }, 'quiet', `no registry, the signed boot file ${root}`);
test('one on a medium', refused, {}, `quiet ${evil}`, `${evil}, the signed boot file no registry`);
