import { execFile } from 'node:child_process';
import { hash } from 'node:crypto';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { frontSectors, parseGpt, partitionTypes, sectorSize } from '../../../pkg/disk/index.ts';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { machinePaths } from '../../../pkg/system/index.ts';
import { runHere } from '../../crash/checks.ts';
import { contents } from './machine.ts';

// A disk after a power cut, looked at from outside and without a mount: its file systems, and what mosctl says of what is
// on them.

const exec = promisify(execFile);
const run = async (...[program, ...words]: readonly [string, ...string[]]): Promise<string> =>
  (await exec(program, words, { env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` } })).stdout;

/** Where the ext4 file systems are in a running machine. */
const journaled = {
  'machine-config': 'config',
  'machine-store': 'atomfs-cache',
  'machine-scratch': 'scratch-writes',
} as const;

export type DiskCheck = {
  readonly ca: string;
  /** One of them is what the next boot takes. */
  readonly generations: readonly number[];
  readonly what: string;
};

/**
 * Its journals can be replayed, and its ext4 file systems are clean then; its ESP has an entry and a boot
 * file for one of the generations; the machine on it is sound, and takes one of them at the next boot. The disk stays as it
 * is. Returns what else is wrong with the ESP.
 */
export async function checkDisk(t: ExecutionContext, disk: string, check: DiskCheck): Promise<string> {
  let damage = '';
  const root = `${disk}.root`;
  mkdirSync(join(root, 'factory/secure'), { recursive: true });
  try {
    cpSync(check.ca, join(root, 'factory/secure/manifestCA.pem'));
    const places = placesOn(disk);
    for (const [role, name] of Object.entries(journaled)) {
      mkdirSync(join(root, name));
      await using partition = await extract(disk, places(role));
      await replay(t, partition.file, `${check.what}: ${role}`);
      await run('debugfs', '-R', `rdump / ${join(root, name)}`, partition.file);
    }
    {
      await using esp = await extract(disk, places('esp'));
      damage = await fatDamage(esp.file);
      await checkEntries(t, { file: esp.file, to: root }, check, damage);
    }
    await checkMachine(t, root, check);
    return damage;
  } finally {
    rmSync(root, { recursive: true });
  }
}

type Place = { readonly at: number; readonly bytes: number };

/** Where a partition lies, by its role. */
export function placesOn(disk: string): (role: string) => Place {
  const front = Buffer.alloc(frontSectors * sectorSize);
  const file = openSync(disk, 'r');
  readSync(file, front, 0, front.length, 0);
  closeSync(file);
  const table = parseGpt(front, disk);
  return (role) => {
    const type = partitionTypes[role as keyof typeof partitionTypes];
    const found = table?.partitions.find((partition) => partition.type === type);
    if (found === undefined) throw new Error(`${disk} has no ${role}`);
    return { at: found.first * sectorSize, bytes: (found.last + 1 - found.first) * sectorSize };
  };
}

/** A partition as a file of its own: e2fsck forgets where it begins in a disk when it has replayed the journal. */
async function extract(
  disk: string,
  { at, bytes }: Place,
): Promise<AsyncDisposable & { readonly file: string }> {
  const file = `${disk}.partition`;
  const block = 2 ** 20;
  const range = [`skip=${at / block}`, `count=${bytes / block}`, `bs=${block}`];
  await run('dd', `if=${disk}`, `of=${file}`, ...range, 'conv=sparse', 'status=none');
  return { file, [Symbol.asyncDispose]: async () => rmSync(file) };
}

/** As a mount does it; afterwards nothing is left to repair. */
async function replay(t: ExecutionContext, device: string, what: string): Promise<void> {
  const replayed = await exitOf('e2fsck', '-p', device);
  t.true([0, 1].includes(replayed.code), `${what}: ${replayed.said}`);
  const checked = await exitOf('e2fsck', '-f', '-n', device);
  t.is(checked.code, 0, `${what}: ${checked.said}`);
}

const exitOf = (program: string, ...words: readonly string[]): Promise<{ code: number; said: string }> =>
  exec(program, words, { env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` } }).then(
    ({ stdout }) => ({ code: 0, said: stdout }),
    ({ code, stdout, stderr }) => ({ code, said: `${stdout}${stderr}` }),
  );

async function checkMachine(
  t: ExecutionContext,
  root: string,
  { generations, what }: DiskCheck,
): Promise<void> {
  const { exit, stdout, stderr } = await runHere(root, ['status']);
  t.is(exit, 0, `${what}: ${stderr}`);
  const { running, next } = JSON.parse(stdout);
  const taken = (next ?? running).generation;
  t.true(generations.includes(taken), `${what}: the next boot takes generation ${taken}, not ${generations}`);
  const verified = await runHere(root, ['verify']);
  t.is(verified.exit, 0, `${what}: verify: ${verified.stdout}${verified.stderr}`);
  await run('git', '-C', join(root, 'config/manifest.git'), 'fsck', '--full', '--strict');
  rmSync((await machinePaths(linuxHost, root)).run, { recursive: true, force: true });
}

/**
 * What fsck.vfat says of a file system after a cut that is always so: the mark of a mount, in the boot sector and not in
 * its backup, and a wrong count of free clusters.
 */
const ordinary = [
  /^fsck\.fat .*/gm,
  /^There are differences between boot sector and its backup\.\n.*\n *65:01\/00\n.*/gm,
  /^Dirty bit is set\..*\n.*/gm,
  /^Free cluster summary wrong .*\n.*/gm,
  /^Leaving filesystem unchanged\./gm,
  /^.*: \d+ files, \d+\/\d+ clusters/gm,
];

/** What else it says: FAT has no journal, and a file that was being made, renamed or removed may be damaged. */
async function fatDamage(file: string): Promise<string> {
  const { said } = await exitOf('fsck.vfat', '-n', file);
  return ordinary.reduce((text, known) => text.replace(known, ''), said).trim();
}

/**
 * Each boot entry that says what to start has its boot file, whole, and one of them starts one of the generations. An entry
 * that is damaged says nothing, and the boot loader passes over it.
 */
async function checkEntries(
  t: ExecutionContext,
  { file, to }: { readonly file: string; readonly to: string },
  { generations, what }: DiskCheck,
  damage: string,
): Promise<void> {
  const get = (path: string) => exitOf('mcopy', '-s', '-n', '-i', file, `::/${path}`, to);
  await get('loader/entries');
  const numbers: number[] = [];
  for (const name of readdirSync(join(to, 'entries'))) {
    const number = Number(/^mos-(\d+)(\+\d+(-\d+)?)?\.conf$/.exec(name)?.[1]);
    const [, digest] = efiLine.exec(readFileSync(join(to, 'entries', name), 'latin1')) ?? [];
    if (Number.isNaN(number) || digest === undefined) continue;
    const { said } = await get(`EFI/mos/${digest}.efi`);
    const bootFile = join(to, `${digest}.efi`);
    const is = existsSync(bootFile) ? hash('sha256', readFileSync(bootFile), 'hex') : said;
    t.is(is, digest, `${what}: boot file of ${name}: ${damage}`);
    numbers.push(number);
  }
  const kits = generations.map(bootkitOf);
  t.true(
    numbers.some((number) => kits.includes(bootkitOf(number))),
    `${what}: entries are of ${numbers}: ${damage}`,
  );
}

const efiLine = /^efi \/EFI\/mos\/([0-9a-f]{64})\.efi$/m;
const bootkitOf = (generation: number): string | undefined => contents[generation]?.split(' ')[1];
