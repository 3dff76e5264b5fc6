import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { backSectors, frontSectors, parseGpt, planPartitions, renderGpt } from '../../pkg/disk/index.ts';

const sectors = 64 * 2048;
const id = (last: string) => `00000000-0000-4000-8000-00000000000${last}`;
const ids = [id('0'), id('1'), id('2'), id('3')];
const table = planPartitions(
  [
    { role: 'machine-config', mebibytes: 8 },
    { role: 'machine-store' },
    { role: 'machine-scratch', mebibytes: 16 },
  ],
  sectors,
  ids,
);

test('a plan gives the rest to the partition without a size', (t) => {
  t.deepEqual(table, {
    disk: id('0'),
    partitions: [
      {
        number: 1,
        type: 'F79962B9-24E6-9948-9F94-E6BFDAD2771A',
        id: id('1'),
        name: 'machine-config',
        first: 2048,
        last: 9 * 2048 - 1,
      },
      {
        number: 2,
        type: 'F79962B9-24E6-9948-9F94-E6BFDAD2771B',
        id: id('2'),
        name: 'machine-store',
        first: 9 * 2048,
        last: 47 * 2048 - 1,
      },
      {
        number: 3,
        type: 'F79962B9-24E6-9948-9F94-E6BFDAD2771C',
        id: id('3'),
        name: 'machine-scratch',
        first: 47 * 2048,
        last: 63 * 2048 - 1,
      },
    ],
  });
});

test('a disk that is too small is refused with both numbers', (t) => {
  t.throws(() => planPartitions([{ role: 'machine-store', mebibytes: 63 }], sectors, ids), {
    message: 'cannot partition the disk: 63 MiB are asked for, 62 MiB are there',
  });
  t.throws(
    () =>
      planPartitions([{ role: 'machine-config', mebibytes: 62 }, { role: 'machine-store' }], sectors, ids),
    { message: 'cannot partition the disk: 62 MiB are asked for, 62 MiB are there' },
  );
});

test('what is rendered is parsed again, from the front', (t) => {
  t.deepEqual(parseGpt(renderGpt(table, sectors).front, 'vda'), table);
});

test('sgdisk finds no fault with a rendered table', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mos-gpt-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const disk = join(folder, 'disk');
  const { front, back } = renderGpt(table, sectors);
  t.is(front.length, frontSectors * 512);
  t.is(back.length, backSectors * 512);
  const between = Buffer.alloc(sectors * 512 - front.length - back.length);
  writeFileSync(disk, Buffer.concat([front, between, back]));
  const said = execFileSync('sgdisk', ['--verify', '--print', disk], { encoding: 'utf8' });
  t.regex(said, /No problems found/);
  t.regex(said, /Disk identifier \(GUID\): 00000000-0000-4000-8000-000000000000/);
  t.regex(said, /2 +18432 +96255 +38\.0 MiB +FFFF +machine-store/);
});

test('a table made by sgdisk is parsed', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mos-gpt-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const disk = join(folder, 'disk');
  writeFileSync(disk, '');
  truncateSync(disk, sectors * 512);
  const wanted = ['--new=3:2048:4095', `--typecode=3:${table.partitions[0]?.type}`, '--change-name=3:Gerät'];
  const guids = [`--partition-guid=3:${id('7')}`, `--disk-guid=${id('9')}`];
  execFileSync('sgdisk', [...wanted, ...guids, disk], { stdio: 'ignore' });
  t.deepEqual(parseGpt(readFileSync(disk), 'vda'), {
    disk: id('9'),
    partitions: [
      {
        number: 3,
        type: 'F79962B9-24E6-9948-9F94-E6BFDAD2771A',
        id: id('7'),
        name: 'Gerät',
        first: 2048,
        last: 4095,
      },
    ],
  });
});

test('a disk without a table has none', (t) => {
  t.is(parseGpt(Buffer.alloc(frontSectors * 512), 'vda'), undefined);
});

const damaged = test.macro((t, at: number, why: string) => {
  const { front } = renderGpt(table, sectors);
  front.writeUInt8(front.readUInt8(at) ^ 1, at);
  t.throws(() => parseGpt(front, 'vda'), {
    message: `cannot use the partition table of vda: ${why}`,
  });
});
test('a changed header is refused', damaged, 512 + 56, 'the checksum of its header is wrong');
test('a changed entry is refused', damaged, 1024 + 3, 'the checksum of its entries is wrong');

test('a partition outside the disk is not rendered', (t) => {
  t.throws(() => renderGpt(table, 32 * 2048), {
    message: 'cannot place partition 2 (machine-store): it lies outside the disk',
  });
});
