import test from 'ava';
import { boot } from '../../initrd/boot.ts';
import { MosError } from '../../pkg/errors/index.ts';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import type { Progress } from '../../pkg/steps/index.ts';

/** A machine whose files are these, which notes what is asked of its devices; its time goes by in sleeps only. */
function machine(files: Record<string, string>, disks: readonly string[] = []) {
  const calls: string[] = [];
  let now = 0;
  const host: Host = {
    ...linuxHost,
    files: {
      ...linuxHost.files,
      read: async (path) => {
        const content = files[path];
        if (content === undefined) throw new MosError('not-found', `cannot read ${path}: it does not exist`);
        return Buffer.from(content);
      },
      stat: async () => undefined,
      makeFolder: async () => {},
      list: async (path) => ({ '/sys/block': [...disks], '/.extra': ['credentials'] })[path] ?? [],
      open: async (path) => {
        throw new MosError('io', `cannot open ${path}: input/output error`);
      },
    },
    mounts: { ...linuxHost.mounts, mount: async ({ target }) => void calls.push(`mount ${target}`) },
    devices: {
      ...linuxHost.devices,
      startWatchdog: async (seconds) => {
        calls.push(`watchdog ${seconds}`);
        return true;
      },
      loadModule: async (path) => {
        calls.push(path);
        if (path.endsWith('efivarfs.ko')) throw new MosError('unsupported', 'cannot load the module');
        if (path.endsWith('broken.ko')) throw new MosError('io', `cannot load the module ${path}: ENOEXEC`);
      },
    },
    clock: {
      now: () => new Date(0),
      monotonic: () => now,
      sleep: async (milliseconds) => {
        now += milliseconds;
      },
    },
  };
  const names: string[] = [];
  const notes: string[] = [];
  const report = (event: Progress) => {
    if (event.kind === 'step') names.push(event.name);
    if (event.kind === 'note') notes.push(event.text);
  };
  const run = () =>
    boot(
      host,
      {
        releaseSecrets: async () => {
          calls.push('release');
          return { kind: 'no TPM' };
        },
        recordProtection: async () => void calls.push('record'),
        mountRoot: async () => void calls.push('root'),
      },
      report,
    );
  return { calls, names, notes, run, time: () => now };
}

/** The TPM is closed before anything else is done. */
const first = ['release', 'mount /factory/secure', 'record'];

const order = { '/lib/modules/order': 'loop.ko\nefivarfs.ko\nvirtio_blk.ko\n' };

test('a machine without a disk of ours says what it saw, after the deadline', async (t) => {
  const { run, calls, names, notes, time } = machine({ ...order, '/proc/cmdline': 'quiet' }, [
    'loop0',
    'sda',
    'vda',
  ]);
  await t.throwsAsync(run, {
    instanceOf: MosError,
    code: 'not-found',
    message:
      'cannot find the disk of this machine: of sda (cannot open /dev/sda: input/output error), vda (cannot open /dev/vda: input/output error) none has the partitions machine-config, machine-store, machine-scratch',
  });
  t.deepEqual(calls, [
    ...first,
    '/lib/modules/loop.ko',
    '/lib/modules/efivarfs.ko',
    '/lib/modules/virtio_blk.ko',
    'watchdog 90',
  ]);
  t.deepEqual(names, [
    'ask the TPM for the secrets, and close it',
    'load the modules of the kernel',
    'start the watchdog',
    'ask what started it',
    'find the disk of this machine',
  ]);
  t.true(notes.includes('left out: credentials from beside the boot file, which nobody signed'));
  t.true(time() > 30_000);
});

test('a module that the kernel refuses stops the boot', async (t) => {
  const { run, calls } = machine({ '/lib/modules/order': 'loop.ko\nbroken.ko\nvfat.ko\n' });
  await t.throwsAsync(run, { message: 'cannot load the module /lib/modules/broken.ko: ENOEXEC' });
  t.deepEqual(calls, [...first, '/lib/modules/loop.ko', '/lib/modules/broken.ko']);
});

test('an argument of ours that is not known stops the boot before a disk is touched', async (t) => {
  const { run } = machine({ ...order, '/proc/cmdline': 'mos.verity=off' });
  await t.throwsAsync(run, { message: 'cannot use "mos.verity=off" of the kernel command line' });
});
