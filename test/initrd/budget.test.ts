import test from 'ava';
import { compareBudget } from '../../initrd/budget.ts';

test('each kind of file is summed beside its budget, and what has no kind has none', (t) => {
  const file = (path: string, bytes: number) => ({ path, bytes });
  t.deepEqual(
    compareBudget([
      file('bin/mosctl', 100),
      file('lib/x86_64-linux-gnu/libc.so.6', 2),
      file('lib/x86_64-linux-gnu/libcrypto.so.3', 4),
      file('sbin/cryptsetup', 8),
      file('lib/modules/loop.ko', 16),
      file('lib/modules/usb-storage.ko', 64),
      file('lib/modules/nvme-core.ko', 128),
      file('lib/modules/e1000e.ko', 256),
      file('bin/sh', 32),
    ]),
    [
      { what: 'mosctl', bytes: 100, budget: 125_000_000 },
      { what: 'its C library, preinit', bytes: 2, budget: 5_000_000 },
      { what: 'what unlocks disks', bytes: 12, budget: 10_000_000 },
      { what: 'modules of the kernel', bytes: 16, budget: 10_000_000 },
      { what: 'drivers of disks', bytes: 192, budget: 6_000_000 },
      { what: 'drivers of network cards', bytes: 256, budget: 6_000_000 },
      { what: 'bin/sh', bytes: 32, budget: 0 },
    ],
  );
});
