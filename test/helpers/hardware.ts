import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  type PartitionTable,
  type PartitionWish,
  planPartitions,
  renderGpt,
  sectorSize,
} from '../../pkg/disk/index.ts';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';

// Hardware that is made of files: what the kernel shows in /sys and /dev lies below a folder. Nothing is mounted.

const shown = /^\/(sys|dev|run\/mos)(\/|$)/;

/** This machine, with the /sys, /dev and /run/mos of the folder. Programs get the files in place of devices. */
export function hardwareIn(folder: string): Host {
  const placed = (value: unknown): unknown =>
    typeof value === 'string' && shown.test(value) ? `${folder}${value}` : value;
  const files = Object.fromEntries(
    Object.entries(linuxHost.files).map(([name, method]) => [
      name,
      (...args: unknown[]) =>
        (method as (...all: unknown[]) => unknown).apply(linuxHost.files, args.map(placed)),
    ]),
  ) as unknown as Host['files'];
  type Run = Host['processes']['run'];
  const programs =
    (run: Run): Run =>
    (argv, options) =>
      run(argv.map(placed) as unknown as typeof argv, options);
  return {
    ...linuxHost,
    files: {
      ...files,
      realPath: async (path) => (await linuxHost.files.realPath(String(placed(path)))).replace(folder, ''),
    },
    processes: {
      ...linuxHost.processes,
      run: programs(linuxHost.processes.run),
      query: programs(linuxHost.processes.query),
    },
    devices: { ...linuxHost.devices, dmList: async () => [] },
  };
}

const write = (path: string, text: string): void => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
};

/** A disk with these partitions, each a file of its own beside it. */
export function addHardDisk(
  folder: string,
  name: string,
  wishes: readonly PartitionWish[],
  digit: string,
): PartitionTable {
  const mebibytes = wishes.reduce((sum, one) => sum + (one.mebibytes ?? 0), 2);
  const sectors = (mebibytes << 20) / sectorSize;
  const ids = [0, ...wishes].map((_, index) => `${digit.repeat(8)}-0000-4000-8000-00000000000${index}`);
  const table = planPartitions(wishes, sectors, ids);
  const { front, back } = renderGpt(table, sectors);
  const block = join(folder, 'sys/block', name);
  for (const [file, text] of Object.entries({
    ...{ size: sectors, removable: 0, ro: 0, dev: '250:0' },
    'queue/logical_block_size': sectorSize,
  }))
    write(join(block, file), `${text}\n`);
  mkdirSync(join(block, 'holders'));
  mkdirSync(join(folder, 'dev'), { recursive: true });
  writeFileSync(join(folder, 'dev', name), front);
  truncateSync(join(folder, 'dev', name), (mebibytes << 20) - back.length);
  writeFileSync(join(folder, 'dev', name), back, { flag: 'a' });
  for (const { number, first, last } of table.partitions) {
    const one = `${name}${number}`;
    write(join(block, one, 'partition'), `${number}\n`);
    write(join(block, one, 'dev'), `250:${number}\n`);
    mkdirSync(join(block, one, 'holders'));
    writeFileSync(join(folder, 'dev', one), '');
    truncateSync(join(folder, 'dev', one), (last + 1 - first) * sectorSize);
  }
  mkdirSync(join(folder, 'dev/disk'), { recursive: true });
  symlinkSync(join(folder, 'dev', name), join(folder, 'dev/disk', `by-${name}`));
  return table;
}
