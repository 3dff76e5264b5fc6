import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeLayer } from '../../helpers/atomfs-image.ts';
import { hostfsWith, putLayers } from '../../helpers/hostfs-image.ts';
import { type MachineKit, makeMachineKit } from '../../helpers/machine-kit.ts';
import { type Owner, startRegistry } from '../../helpers/registries.ts';
import { Machine, type MachineOptions } from '../../helpers/vm.ts';

// The machine whose power is cut: that of `make vm`, but for its init, a shell on the console as soon as the targets are
// up. So a boot takes a third of the time, and all that mos does of it is the same.

const init = `#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
dmesg -n 1
stty -echo
ip link set eth0 up
ip address add 10.0.2.15/24 dev eth0
mosctl boot --quiet
mosctl boot-complete --quiet --stable 0
echo @up
PS1= PS2= exec setsid --ctty bash --norc --noediting </dev/ttyS0 >/dev/ttyS0 2>&1
`;

/** What release N brings. The second one changes a service only, the third all. */
const releases = [
  { hostfs: 'h1', bootkit: 'k1', data: 'd1' },
  { hostfs: 'h1', bootkit: 'k1', data: 'd2' },
  { hostfs: 'h2', bootkit: 'k2', data: 'd2' },
];

/** What a generation has; 4 is the rollback of 3. */
export const contents: Readonly<Record<number, string>> = {
  1: 'h1 k1 d1',
  2: 'h1 k1 d2',
  3: 'h2 k2 d2',
  4: 'h1 k1 d2',
};

export type CutMachine = {
  readonly kit: MachineKit;
  /** A disk on which release 1 is installed and was never booted. */
  readonly disk: string;
  /** `release(2)`: its reference as the machine sees it. */
  release(number: number): string;
};

/** Makes all three releases; `bootkit` gives the source of the one with this name. */
export async function makeCutMachine(
  t: Owner,
  folder: string,
  bootkit: (kit: MachineKit, name: string) => Promise<string>,
): Promise<CutMachine> {
  const kit = await makeMachineKit(folder);
  const registry = await startRegistry(t, { kind: 'docker' });
  const name = (number: number) => `machine/install:${number}`;
  const sources = new Map<string, string>();
  for (const [index, { hostfs, bootkit: k, data }] of releases.entries()) {
    if (!sources.has(hostfs)) sources.set(hostfs, await hostfsImage(folder, hostfs));
    if (!sources.has(k)) sources.set(k, await bootkit(kit, k));
    if (!sources.has(data)) sources.set(data, await dataImage(folder, data));
    await kit.publish({
      ...{ name: name(index + 1), release: index + 1, repository: registry.host },
      ...{ image: sources.get(hostfs) ?? '', bootkit: sources.get(k) ?? '', version: hostfs },
      targets: `  - {service_name: data, source: "${sources.get(data)}", version: ${data}, service_type: fs-only}\n`,
    });
  }
  const root = kit.newRoot('root');
  const esp = join(root, 'boot/efi');
  mkdirSync(join(esp, 'loader/entries'), { recursive: true });
  await kit.command(
    'mosctl',
    'install',
    '--quiet',
    '--plain-http',
    '-r',
    root,
    `${registry.host}/${name(1)}`,
  );
  const release = (number: number) => `10.0.2.2:${registry.host.split(':')[1]}/${name(number)}`;
  return { kit, disk: kit.disk(root, 'first.img', esp), release };
}

/** It has this init, and a file with its name. */
const hostfsImage = (folder: string, name: string): Promise<string> =>
  hostfsWith(folder, name, { 'usr/sbin/init': init, 'etc/hostfs-name': name });

const dataImage = async (folder: string, name: string): Promise<string> =>
  putLayers(folder, name, [await makeLayer({ name })]);

export type Seen = { readonly running: number; readonly content: string };

/** What a machine that comes up says of itself. */
export async function askMachine(machine: Machine): Promise<Seen> {
  await machine.waitFor(/@up\n/, 'the machine to be up', 600);
  const status = JSON.parse(await machine.run('mosctl status --json --quiet'));
  const versionOf = (name: string): string =>
    status.targets.find((target: { name: string }) => target.name === name).version;
  const hostfs = (await machine.run('cat /etc/hostfs-name')).trim();
  const kit = versionOf('bootkit').replace('h', 'k');
  return { running: status.running.generation, content: `${hostfs} ${kit} ${versionOf('data')}` };
}

/** Switches a machine on, asks it, and pulls the plug. */
export async function bootOnce(options: MachineOptions): Promise<Seen> {
  const machine = new Machine(options);
  try {
    return await askMachine(machine);
  } finally {
    await machine.stop();
  }
}

/** Holes stay holes. */
export const copyDisk = (from: string, to: string): string => {
  execFileSync('cp', ['--sparse=always', from, to]);
  return to;
};
