import { readFileSync } from 'node:fs';
import test from 'ava';
import { errnoName, tables } from '../../pkg/host/linux/syscalls.ts';

/** What linux-libc-dev has; asm-generic/unistd.h is aarch64's table and lies on every architecture. */
const headers: Readonly<Record<keyof typeof tables, string>> = {
  x64: '/usr/include/x86_64-linux-gnu/asm/unistd_64.h',
  arm64: '/usr/include/asm-generic/unistd.h',
};

for (const [architecture, path] of Object.entries(headers) as [keyof typeof tables, string][])
  test(`the numbers of ${architecture} are those of the kernel's header`, (t) => {
    const text = readFileSync(path, 'utf8');
    const numbers = Object.fromEntries(
      Object.keys(tables[architecture]).map((name) => [
        name,
        Number(new RegExp(`^#define __NR_${name} (\\d+)$`, 'm').exec(text)?.[1]),
      ]),
    );
    t.deepEqual<unknown, unknown>(tables[architecture], numbers);
  });

test('an errno has its name, and an unknown one its number', (t) => {
  t.deepEqual(
    [errnoName(2), errnoName(15), errnoName(16), errnoName(117), errnoName(9999)],
    ['ENOENT', 'ENOTBLK', 'EBUSY', 'EUCLEAN', 'errno 9999'],
  );
});
