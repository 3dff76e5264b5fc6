import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import layout from '../../layouts/disks/vm.json' with { type: 'json' };
import type { PartitionRole } from '../../pkg/disk/index.ts';
import { convertedImage } from './converted-image.ts';
import { makeDisk } from './disk.ts';

// What a machine in QEMU is made of, by the released commands alone: keys, a published manifest, an installed root
// directory, a disk with its content, an initrd with the manifest CA.

const run = promisify(execFile);

export type Release = {
  readonly name: string;
  /** A tag of build/images/hostfs, or the source of another image. */
  readonly image: string;
  readonly version: string;
  readonly release: number;
  readonly securityVersion?: number;
  /** host:port, or zot:ROOT */
  readonly repository: string;
  /** More of the import file: lines of `targets`, each `  - {…}`, and of `storage`. */
  readonly targets?: string;
  readonly storage?: string;
  /** Source of the target bootkit, where there is to be one. */
  readonly bootkit?: string;
};

export type MachineKit = {
  readonly folder: string;
  readonly ca: string;
  readonly kernel: string;
  readonly initrd: string;
  /** `command('mosctl', 'status')` runs build/mosctl with the kit's keys; returns what it printed. */
  command(program: 'mosctl' | 'mosb' | 'trust', ...args: readonly string[]): Promise<string>;
  /** Signs and publishes; returns the reference. */
  publish(release: Release): Promise<string>;
  /** An empty root directory that trusts our CA. */
  newRoot(name: string): string;
  /** A disk image with the content of a root directory; with a folder for the ESP it has one. */
  disk(root: string, name: string, esp?: string): string;
};

/** In a folder of its own below build/vm. */
export function makeVmKit(name: string): Promise<MachineKit> {
  mkdirSync('build/vm', { recursive: true });
  return makeMachineKit(mkdtempSync(`build/vm/${name}-`));
}

export async function makeMachineKit(folder: string): Promise<MachineKit> {
  mkdirSync(folder, { recursive: true });
  const env = { PATH: process.env.PATH, XDG_DATA_HOME: resolve(folder, 'share') };
  const command: MachineKit['command'] = async (program, ...args) =>
    (await run(resolve('build', program), args, { env, maxBuffer: 1 << 26 })).stdout;
  await command('trust', 'keyset', 'add', '--key-type', 'ecdsa', 'vm');
  const ca = join(env.XDG_DATA_HOME, 'machine/trust/keys/vm/manifest-ca/cert.pem');
  const initrd = join(folder, 'initrd');
  const parts = ['build/preinit', 'build/mosctl', ca, 'build/kernel/modules', initrd];
  await run(process.execPath, ['initrd/pack.ts', ...parts]);
  return {
    folder,
    ca,
    kernel: 'build/kernel/vmlinuz',
    initrd,
    command,
    publish: (release) => publish(folder, command, release),
    newRoot: (name) => {
      const root = resolve(folder, name);
      mkdirSync(join(root, 'factory/secure'), { recursive: true });
      mkdirSync(join(root, 'scratch-writes'));
      cpSync(ca, join(root, 'factory/secure/manifestCA.pem'));
      return root;
    },
    disk: (root, name, esp) => {
      const file = join(folder, name);
      makeDisk(file, [
        ...(esp === undefined ? [] : [{ role: 'esp' as PartitionRole, mebibytes: 300, folder: esp }]),
        ...layout.map(({ role, mebibytes }) => ({
          role: role as PartitionRole,
          mebibytes,
          folder: join(root, places[role as keyof typeof places]),
        })),
      ]);
      return file;
    },
  };
}

const places = {
  'machine-config': 'config',
  'machine-store': 'atomfs-cache',
  'machine-scratch': 'scratch-writes',
} as const;

const hostfs = async (image: string): Promise<string> =>
  image.startsWith('oci:') ? image : convertedImage({ name: 'hostfs', tag: image });

async function publish(folder: string, command: MachineKit['command'], release: Release): Promise<string> {
  const file = join(folder, `${release.name.replaceAll(/[/:]/g, '-')}.yaml`);
  writeFileSync(
    file,
    `version: 1
product: default
update_type: complete
release: ${release.release}
security_version: ${release.securityVersion ?? 0}
storage:
${release.storage ?? '  []\n'}targets:
  - service_name: hostfs
    source: "${await hostfs(release.image)}"
    version: ${release.version}
    service_type: hostfs
    nsgroup: none
    network: {type: host}
${release.bootkit === undefined ? '' : `  - {service_name: bootkit, source: "${release.bootkit}", version: ${release.version}, service_type: fs-only}\n`}${release.targets ?? ''}`,
  );
  const { repository, name } = release;
  const plain = repository.startsWith('zot:') ? [] : ['--plain-http'];
  const args = ['--project', 'vm:default', '--repo', repository, '--name', name, ...plain, file];
  await command('mosb', 'manifest', 'publish', ...args);
  return `${repository}${repository.startsWith('zot:') ? ':' : '/'}${name}`;
}
