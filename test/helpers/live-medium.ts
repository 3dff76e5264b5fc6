import { execFileSync } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { convertedImage } from './converted-image.ts';
import { type MachineKit, makeVmKit } from './machine-kit.ts';
import { commandLine } from './vm.ts';

// What tests of live media share: a kit with what a medium is made of, seeds, and ways to connect a medium.

export type MediumKit = MachineKit & {
  readonly repository: string;
  /** Options of the commands that make boot files. */
  readonly parts: readonly string[];
  /** The manifest that media bring along, to be installed from them. */
  readonly install: string;
  /** Publishes a manifest that has nothing but the root of a live system; returns the reference. */
  publishLive(action: string, repository?: string, ca?: string): Promise<string>;
  /** A file in the kit's folder. */
  make(command: 'mkboot' | 'mkprovision', name: string, ...words: readonly string[]): Promise<string>;
  /** A disk with these files, and the label by which a live system finds it. */
  seed(label: string, files: Readonly<Record<string, string>>, file?: string): string;
  emptyDisk(name: string): string;
};

export async function makeMediumKit(name: string, kernel = 'build/kernel'): Promise<MediumKit> {
  const kit = await makeVmKit(name);
  const repository = `zot:${resolve(kit.folder, 'repository')}`;
  const parts = [...['--kernel', kernel, '--preinit', 'build/preinit'], ...['--command-line', commandLine]];
  const bootkit = join(kit.folder, 'bootkit');
  await kit.command('mosb', 'bootkit', 'build', ...parts, 'vm', bootkit);
  const install = await kit.publish({
    ...{ name: 'machine/install:1', image: '1-console', version: '1.0.0', release: 1, repository },
    bootkit: `oci:${resolve(bootkit, 'image')}:bootkit`,
  });
  const emptyDisk = (file: string, mebibytes = 2600): string => {
    const disk = join(kit.folder, file);
    writeFileSync(disk, '');
    truncateSync(disk, mebibytes * 1024 * 1024);
    return disk;
  };
  return {
    ...kit,
    repository,
    parts,
    install,
    publishLive: (action, to = repository, ca = undefined) => publishLive(kit, action, to, ca),
    async make(command, file, ...words) {
      const path = join(kit.folder, file);
      await kit.command('mosb', command, '--cdrom', ...parts, ...words, path);
      return path;
    },
    seed(label, files, name = 'seed') {
      const image = emptyDisk(`${name}-${label}.img`, 4);
      execFileSync('mkfs.vfat', ['-n', label, image], { stdio: 'ignore' });
      for (const [file, text] of Object.entries(files))
        execFileSync('mcopy', ['-i', image, '-', `::/${file}`], { input: text });
      return image;
    },
    emptyDisk,
  };
}

async function publishLive(
  kit: MachineKit,
  action: string,
  repository: string,
  ca: string | undefined,
): Promise<string> {
  const source = await convertedImage({ name: 'livecd', tag: action });
  const file = join(kit.folder, 'live.yaml');
  const target = `{service_name: livecd, source: "${source}", version: 1.0.0, service_type: fs-only, nsgroup: none}`;
  writeFileSync(
    file,
    `version: 1\nproduct: default\nupdate_type: complete\nstorage: []\ntargets:\n  - ${target}\n`,
  );
  const isFolder = repository.startsWith('zot:');
  const access = ca === undefined ? [] : ['--registry-ca', ca];
  const place = ['--project', 'vm:default', '--repo', repository, '--name', `machine/live:${action}`];
  await kit.command('mosb', 'manifest', 'publish', ...place, ...access, file);
  return `${repository}${isFolder ? ':' : '/'}machine/live:${action}`;
}

/** A disc in a drive. */
export const disc = (file: string): string[] => [
  ...['-device', 'virtio-scsi-pci'],
  ...['-drive', `file=${file},if=none,id=disc,media=cdrom,readonly=on,format=raw`],
  ...['-device', 'scsi-cd,drive=disc,bootindex=0'],
];

/** The same bytes on a disk, and on a stick. */
export const plainStick = (file: string): string[] => [
  ...['-drive', `file=${file},if=none,id=stick,readonly=on,format=raw`],
  ...['-device', 'virtio-blk-pci,drive=stick,bootindex=0'],
];
export const usbStick = (file: string): string[] => [
  ...['-drive', `file=${file},if=none,id=stick,readonly=on,format=raw`],
  ...['-device', 'qemu-xhci,id=usb', '-device', 'usb-storage,bus=usb.0,drive=stick'],
];

export const seedDrive = (file: string): string[] => [
  '-drive',
  `file=${file},if=virtio,format=raw,readonly=on`,
];

/** The identity of a new machine, as the disk trust-data has it. */
export async function newIdentity(
  kit: MachineKit,
  serial: string,
  read: (file: string) => string,
): Promise<Record<string, string>> {
  const { path } = JSON.parse(await kit.command('trust', 'sudi', 'add', '--json', 'vm', 'default', serial));
  return { 'cert.pem': read(join(path, 'cert.pem')), 'privkey.pem': read(join(path, 'privkey.pem')) };
}
