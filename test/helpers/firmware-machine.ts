import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { firmwareArguments, newVariables } from './firmware.ts';
import type { MachineKit } from './machine-kit.ts';
import { commandLine, Machine } from './vm.ts';

// A machine that boots by firmware from a disk that the released commands filled: made in seconds, no other system installs it.

export type BootkitOptions = {
  /** Where the kernel is; Debian's cloud kernel unless told otherwise. */
  readonly kernel?: string;
  readonly preinit?: string;
  /** More of the command line, which makes the build id another one. */
  readonly words?: readonly string[];
  readonly keyset?: string;
};

/** Builds a bootkit; returns its folder. */
export async function buildBootkit(
  kit: MachineKit,
  name: string,
  { kernel = 'build/kernel', preinit = 'build/preinit', words = [], keyset = 'vm' }: BootkitOptions = {},
): Promise<string> {
  const folder = join(kit.folder, name);
  const line = [commandLine, 'systemd.watchdog_sec=60', ...words].join(' ');
  const parts = ['--kernel', kernel, '--preinit', preinit, '--command-line', line];
  await kit.command('mosb', 'bootkit', 'build', ...parts, keyset, folder);
  return folder;
}

/** What an import file names. */
export const imageOf = (bootkit: string): string => `oci:${resolve(bootkit, 'image')}:bootkit`;

/** Installs into a root directory with a folder in place of its ESP. */
export async function installWithEsp(kit: MachineKit, reference: string, name = 'root'): Promise<string> {
  const root = kit.newRoot(name);
  mkdirSync(join(espOf(root), 'loader/entries'), { recursive: true });
  await kit.command('mosctl', 'install', '--plain-http', '-r', root, reference);
  return root;
}

export const espOf = (root: string): string => join(root, 'boot/efi');

/** Powers a machine on with firmware in setup mode, whose variables lie in a file of the kit. */
export function powerOn(
  kit: MachineKit,
  disk: string,
  options: {
    readonly variables?: string;
    readonly qemu?: readonly string[];
    readonly reboots?: boolean;
  } = {},
): Machine {
  const { variables = join(kit.folder, 'variables.fd'), reboots = true, qemu = [] } = options;
  return new Machine({ disk, firmware: firmwareArguments(variables), reboots, qemu });
}

export function newFirmware(kit: MachineKit): string {
  const variables = join(kit.folder, 'variables.fd');
  newVariables(variables);
  return variables;
}
