import { execFileSync } from 'node:child_process';
import { closeSync, cpSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import layout from '../../layouts/disks/vm.json' with { type: 'json' };
import type { PartitionRole } from '../../pkg/disk/index.ts';
import { makeDisk, makeExt4 } from './disk.ts';
import type { Machine } from './vm.ts';

// A second disk of a machine, which gets the content of its first one, encrypted: only a kernel with dm-crypt can make it.

const signature = 'EFI PART';
const sector = 512;

/** A disk as the machine's own, but with a partition table that nobody sees: two that look alike are refused. */
export function makeHiddenDisk(file: string, esp: string): void {
  makeDisk(file, [
    { role: 'esp', mebibytes: 300, folder: esp },
    ...layout.map(({ role, mebibytes }) => ({ role: role as PartitionRole, mebibytes })),
  ]);
  const disk = openSync(file, 'r+');
  for (const at of headers(file)) writeSync(disk, Buffer.alloc(signature.length), 0, signature.length, at);
  closeSync(disk);
}

/** The table at the front and the one at the end. */
const headers = (file: string): number[] => [sector, statSync(file).size - sector];

/** A disk with a Debian that has cryptsetup and mkfs, and these files in /given. */
export function makeToolsDisk(file: string, given: Readonly<Record<string, string>>): void {
  const blobs = 'build/images/guest/blobs/sha256';
  const { manifests } = JSON.parse(readFileSync('build/images/guest/index.json', 'utf8'));
  const manifest = JSON.parse(readFileSync(`${blobs}/${manifests[0].digest.slice(7)}`, 'utf8'));
  const folder = `${file}.d`;
  mkdirSync(join(folder, 'given'), { recursive: true });
  execFileSync('tar', ['-xf', `${blobs}/${manifest.layers[0].digest.slice(7)}`, '-C', folder]);
  for (const [name, from] of Object.entries(given)) cpSync(from, join(folder, 'given', name));
  makeExt4(file, 1536, { folder });
  rmSync(folder, { recursive: true });
}

/** In the machine: /dev/vdb gets its table back and, encrypted with the passphrase in the file, what the machine runs from. */
export async function fillEncryptedDisk(machine: Machine, disk: string, passphrase: string): Promise<void> {
  const chroot = 'chroot /run/tools';
  const fill = (number: number, from: string | undefined) => [
    `${chroot} cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file ${passphrase} /dev/vdb${number}`,
    `${chroot} cryptsetup open --key-file ${passphrase} /dev/vdb${number} filled`,
    `${chroot} mkfs.ext4 -q /dev/mapper/filled`,
    ...(from === undefined ? [] : ['mount /dev/mapper/filled /mnt', `cp -a ${from}/. /mnt/`, 'umount /mnt']),
    `${chroot} cryptsetup close filled`,
  ];
  const lines = [
    ...headers(disk).map(
      (at) => `printf '${signature}' | dd of=/dev/vdb bs=1 seek=${at} conv=notrunc status=none`,
    ),
    'blockdev --rereadpt /dev/vdb; udevadm settle',
    ...fill(2, '/config'),
    ...fill(3, '/atomfs-cache'),
    ...fill(4, undefined),
    'sync',
  ];
  await machine.run(`set -e; ( ${lines.join('; ')} ); set +e`, { seconds: 300 });
}
