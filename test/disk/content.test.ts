import { execFileSync } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { parseContent } from '../../pkg/disk/content.ts';
import { temporaryFolder } from '../helpers/folder.ts';

const content = async (t: Parameters<typeof temporaryFolder>[0], ...make: readonly [string, ...string[]]) => {
  const file = `${await temporaryFolder(t)}/device`;
  writeFileSync(file, '');
  truncateSync(file, 32 << 20);
  execFileSync(make[0], [...make.slice(1), file], { stdio: 'ignore' });
  return parseContent(readFileSync(file).subarray(0, 1 << 20));
};

test('ext4 tells its size, also with large and small blocks', async (t) => {
  const ext4 = { kind: 'ext4', bytes: 32 << 20 } as const;
  t.deepEqual(await content(t, '/sbin/mke2fs', '-t', 'ext4'), ext4);
  t.deepEqual(await content(t, '/sbin/mke2fs', '-t', 'ext4', '-b', '1024', '-O', '64bit'), ext4);
  t.deepEqual(await content(t, '/sbin/mke2fs', '-t', 'ext4', '-O', '^64bit'), ext4);
});

test('only zeros are blank; anything else belongs to somebody', async (t) => {
  t.deepEqual(await content(t, '/bin/true'), { kind: 'blank' });
  t.deepEqual(await content(t, '/sbin/mkswap'), { kind: 'foreign' });
  const bytes = Buffer.alloc(1 << 20);
  bytes[(1 << 20) - 1] = 1;
  t.deepEqual(parseContent(bytes), { kind: 'foreign' });
});
