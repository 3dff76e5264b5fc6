import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type PartitionRole, planPartitions, renderGpt, sectorSize } from '../../pkg/disk/index.ts';

const MiB = 1024 * 1024;

/** One partition of a disk image and the folder whose content it gets. */
export type FilledPartition = {
  readonly role: PartitionRole;
  readonly mebibytes: number;
  readonly folder?: string;
};

/** The GUIDs of disk images of tests: always the same. */
const id = (number: number): string => `5A3E0000-0000-4000-8000-${String(number).padStart(12, '0')}`;

/** A sparse disk image with a partition table and an ext4 file system in each partition; no root rights needed for it. */
export function makeDisk(file: string, partitions: readonly FilledPartition[]): void {
  const mebibytes = partitions.reduce((sum, one) => sum + one.mebibytes, 2);
  const sectors = (mebibytes * MiB) / sectorSize;
  const ids = [0, ...partitions].map((_, index) => id(index));
  const table = planPartitions(partitions, sectors, ids);
  const { front, back } = renderGpt(table, sectors);
  writeFileSync(file, front);
  truncateSync(file, mebibytes * MiB);
  const disk = openSync(file, 'r+');
  writeSync(disk, back, 0, back.length, mebibytes * MiB - back.length);
  closeSync(disk);
  for (const [index, { first }] of table.partitions.entries()) {
    const { folder, mebibytes: size } = partitions[index] as FilledPartition;
    if (partitions[index]?.role === 'esp') makeFat(file, first, size, folder);
    else makeExt4(file, size, { ...(folder === undefined ? {} : { folder }), offset: first * sectorSize });
  }
}

/** A FAT file system with the content of a folder, at a place in the disk image; sectors of 512 bytes. */
function makeFat(disk: string, first: number, mebibytes: number, folder: string | undefined): void {
  const drive = `${disk}@@${first * sectorSize}`;
  execFileSync('mformat', ['-i', drive, '-T', String((mebibytes * MiB) / sectorSize), '-F', '::']);
  if (folder !== undefined)
    execFileSync('mcopy', [
      '-i',
      drive,
      '-s',
      ...readdirSync(folder).map((name) => join(folder, name)),
      '::/',
    ]);
}

/** An ext4 file system with the content of a folder, in a file or at a place in it. */
export function makeExt4(
  file: string,
  mebibytes: number,
  options: { folder?: string; offset?: number } = {},
): void {
  const { folder, offset = 0 } = options;
  const extended = ['lazy_itable_init=1', ...(offset === 0 ? [] : [`offset=${offset}`])].join(',');
  const from = folder === undefined ? [] : ['-d', folder];
  execFileSync(
    'mke2fs',
    ['-q', '-F', '-t', 'ext4', '-m', '0', '-E', extended, ...from, file, `${mebibytes}M`],
    {
      env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
    },
  );
}
