import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import {
  clearMark,
  markInstalling,
  planPartitions,
  progressOf,
  readMark,
  readTable,
  writeTable,
} from '../../pkg/disk/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { countingHost, crashingHost } from '../helpers/counting-host.ts';
import { memoryFolder } from '../helpers/folders.ts';

const mebibytes = 64;
const sectors = mebibytes * 2048;
const ids = ['A', 'B', 'C'].map((letter) => `${letter.repeat(8)}-0000-4000-8000-000000000000`);
const table = planPartitions([{ role: 'esp', mebibytes: 20 }, { role: 'machine-store' }], sectors, ids);

/** A disk that belonged to somebody: its bytes are all over it. */
function usedDisk(path: string): void {
  writeFileSync(path, Buffer.alloc(4 << 20, 'old '));
  truncateSync(path, mebibytes << 20);
}

test('stopped anywhere, a disk is as it was, or known to be unfinished; again, and it has the table', async (t) => {
  const folder = await memoryFolder(t);
  const disk = (name: string) => join(folder, name);
  usedDisk(disk('undisturbed'));
  const { host, names } = countingHost(linuxHost);
  await writeTable(host, disk('undisturbed'), table, sectors);
  t.is(names.length, 8);
  for (let n = 1; n <= names.length; n++) {
    const path = disk(`stop-${n}`);
    usedDisk(path);
    await t.throwsAsync(writeTable(crashingHost(linuxHost, n).host, path, table, sectors));
    t.is(await readMark(linuxHost, path), n > 1 ? 'partitioning' : undefined, `point ${n}`);
    await writeTable(linuxHost, path, table, sectors);
    t.deepEqual(await readTable(linuxHost, path), table);
    t.is(await readMark(linuxHost, path), 'partitioning', 'until the file systems are there');
    await markInstalling(linuxHost, path);
    t.is(await readMark(linuxHost, path), 'installing');
    await clearMark(linuxHost, path);
    t.is(await readMark(linuxHost, path), undefined);
    t.deepEqual(await readTable(linuxHost, path), table);
  }
});

const roles = ['esp', 'machine-config', 'machine-store', 'machine-scratch'] as const;
const machine = planPartitions(
  roles.map((role) => ({ role, mebibytes: 10 })),
  sectors,
  ['A', 'B', 'C', 'D', 'E'].map((letter) => `${letter.repeat(8)}-0000-4000-8000-000000000000`),
);
const progress = test.macro(
  (t, expected: ReturnType<typeof progressOf>, ...[mark, content, found]: Parameters<typeof progressOf>) =>
    t.is(progressOf(mark, content, found), expected),
);
const gpt = ['gpt', 'PMBR'];
test('a disk without a table, and a mark, is unfinished', progress, 'partitioning', 'partitioning', [], undefined); // biome-ignore format: one line
test('so is one whose table was written', progress, 'partitioning', 'partitioning', gpt, machine);
test('partitions of a machine and a mark are gone on with', progress, 'installing', 'installing', gpt, machine); // biome-ignore format: one line
test('without a mark they are a machine', progress, undefined, undefined, gpt, machine);
test('a file system made since the stop is somebody’s', progress, undefined, 'partitioning', ['ext4'], undefined); // biome-ignore format: one line
test('so are partitions made since', progress, undefined, 'partitioning', gpt, table);
test('also where an install went on', progress, undefined, 'installing', gpt, table);
test('and an old kind of table', progress, undefined, 'partitioning', ['dos'], undefined);
