import { execFileSync } from 'node:child_process';
import test from 'ava';
import { type CpioEntry, renderCpio } from '../../initrd/cpio.ts';

const entries: CpioEntry[] = [
  { kind: 'file', path: 'init', mode: 0o755, content: Buffer.from('#!/bin/sh\n') },
  { kind: 'file', path: 'lib/modules/a.ko', mode: 0o644, content: Buffer.from('abc') },
  { kind: 'link', path: 'lib64', target: 'lib' },
  { kind: 'folder', path: 'run', mode: 0o700 },
  { kind: 'file', path: 'empty', mode: 0o600, content: Buffer.alloc(0) },
];

const list = (archive: Uint8Array) =>
  execFileSync('cpio', ['--list', '--verbose', '--numeric-uid-gid', '--quiet'], {
    input: archive,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, TZ: 'UTC', LC_ALL: 'C' },
  });

test('cpio lists what was packed, with the folders above', (t) => {
  t.is(
    list(Buffer.concat(renderCpio(entries))),
    [
      '-rw-------   1 0        0               0 Jan  1  1970 empty',
      '-rwxr-xr-x   1 0        0              10 Jan  1  1970 init',
      'drwxr-xr-x   2 0        0               0 Jan  1  1970 lib',
      'drwxr-xr-x   2 0        0               0 Jan  1  1970 lib/modules',
      '-rw-r--r--   1 0        0               3 Jan  1  1970 lib/modules/a.ko',
      'lrwxrwxrwx   1 0        0               3 Jan  1  1970 lib64 -> lib',
      'drwx------   2 0        0               0 Jan  1  1970 run',
      '',
    ].join('\n'),
  );
});

test('the order of the entries does not change the bytes', (t) => {
  const turned = [...entries].reverse();
  t.deepEqual(Buffer.concat(renderCpio(turned)), Buffer.concat(renderCpio(entries)));
});

const refuses = test.macro({
  exec: (t, path: string) => {
    t.throws(() => renderCpio([{ kind: 'folder', path, mode: 0o755 }]), {
      message: `cannot pack ${JSON.stringify(path)}: not a path below the root`,
    });
  },
  title: (_, path) => `the path ${JSON.stringify(path)} is refused`,
});
for (const path of ['/init', '', 'a//b', 'a/../b', 'a/', 'a\0']) test(refuses, path);

test('two entries of one path are refused', (t) => {
  t.throws(() => renderCpio([...entries, { kind: 'folder', path: 'init', mode: 0o755 }]), {
    message: 'cannot pack "init": it is there twice',
  });
});
