import type { Host } from '../../host/index.ts';
import type { Machine } from '../machine.ts';
import {
  afterSwitch,
  applyBootFiles,
  type BootFiles,
  beforeSwitch,
  bringLoader,
  undoBootFiles,
} from './stage.ts';

/** What the steps of an operation share that changes what the machine boots from. */
export type Staging = {
  readonly host: Host;
  readonly machine: Machine;
  bootFiles?: BootFiles | undefined;
};

/** Old entries and boot files go, the new boot file comes: nothing that a boot would take is touched yet. */
export async function stageBootFiles({ host, machine, bootFiles }: Staging): Promise<void> {
  if (bootFiles === undefined) return;
  try {
    await bringLoader(host, machine, bootFiles);
    await applyBootFiles(host, machine, bootFiles, beforeSwitch(bootFiles));
  } catch (error) {
    await undoBootFiles(host, bootFiles, beforeSwitch(bootFiles)).catch(() => {}); // the first error counts
    throw error;
  }
}

export async function unstageBootFiles({ host, bootFiles }: Staging): Promise<void> {
  if (bootFiles !== undefined) await undoBootFiles(host, bootFiles, beforeSwitch(bootFiles));
}

/** From here on the boot loader takes it. */
export async function writeEntries({ host, machine, bootFiles }: Staging): Promise<void> {
  if (bootFiles !== undefined) await applyBootFiles(host, machine, bootFiles, afterSwitch(bootFiles));
}

export async function removeEntries({ host, bootFiles }: Staging): Promise<void> {
  if (bootFiles !== undefined) await undoBootFiles(host, bootFiles, afterSwitch(bootFiles));
}
