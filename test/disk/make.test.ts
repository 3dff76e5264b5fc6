import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import {
  clearUnfinished,
  isUnfinished,
  planPartitions,
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
    t.is(await isUnfinished(linuxHost, path), n > 1, `point ${n}`);
    await writeTable(linuxHost, path, table, sectors);
    t.deepEqual(await readTable(linuxHost, path), table);
    t.true(await isUnfinished(linuxHost, path), 'until the file systems are there');
    await clearUnfinished(linuxHost, path);
    t.false(await isUnfinished(linuxHost, path));
    t.deepEqual(await readTable(linuxHost, path), table);
  }
});
