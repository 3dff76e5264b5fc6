import test from 'ava';
import { ChunkGarbage } from '../../pkg/host/linux/garbage.ts';

const MiB = 1024 * 1024;

test('a long transfer in much memory collects every 48 MiB; a short one, and one in little memory, never', (t) => {
  let count = 0;
  const runtime = globalThis as { Bun?: unknown };
  runtime.Bun = { gc: () => count++ };
  t.teardown(() => {
    delete runtime.Bun;
  });
  const passed = (start: number, until: number, memory = 101 * MiB): number => {
    count = 0;
    const garbage = new ChunkGarbage(start, () => memory);
    for (let size = start; size <= until; size += MiB) garbage.passed(size);
    return count;
  };
  t.is(passed(0, 127 * MiB), 0);
  t.is(passed(0, 128 * MiB), 1);
  t.is(passed(0, (128 + 48 * 10) * MiB), 11);
  t.is(passed(1000 * MiB, 1127 * MiB), 0);
  t.is(passed(0, 2000 * MiB, 99 * MiB), 0);
});
