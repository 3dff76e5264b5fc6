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
function machine(drives: Readonly<Record<string, Buffer>>, accepts: (device: string) => boolean) {
  const calls: string[] = [];
  let [now, inDrive] = [0, ''];
  const host: Host = {
    ...linuxHost,
    files: {
      ...linuxHost.files,
      read: async () => Buffer.from('isofs.ko\n'),
      stat: async () => undefined,
      makeFolder: async () => {},
      list: async () => Object.keys(drives),
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
    medium: async () => ({ label: 'OCI-BOOT', at: '/run/mos/medium' }),
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
