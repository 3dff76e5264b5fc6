import type { Host } from '../host/index.ts';
import { raiseFloor, readFloor, type StateLock } from '../state/index.ts';
import type { Machine } from './machine.ts';
import { raiseCountedFloor, readCountedFloor } from './tpm/floor.ts';

/** DESIGN "Trust" 7: the floor of a machine, and where it is kept. */
export type MachineFloor = {
  readonly value: number;
  readonly kept: 'file' | 'TPM';
  readonly problem?: string;
};

/** The TPM is that of this computer, not of a machine below another root. */
const hasCounter = ({ paths }: Machine): boolean => paths.root === '/';

/** The higher one of the file and the counter: who restores an old file gains nothing. */
export async function machineFloor(host: Host, machine: Machine): Promise<MachineFloor> {
  const file = await readFloor(host, machine.state);
  const counted = hasCounter(machine) ? await readCountedFloor(host) : undefined;
  const kept = counted === undefined ? 'file' : 'TPM';
  return { ...file, value: Math.max(file.value, counted ?? 0), kept };
}

/** The counter first: whatever comes between, the higher one counts. */
export async function raiseMachineFloor(
  host: Host,
  machine: Machine,
  lock: StateLock,
  securityVersion: number,
): Promise<void> {
  if (hasCounter(machine)) {
    const key = '/factory/secure/server.key';
    await raiseCountedFloor(host, securityVersion, () => host.files.read(key));
  }
  await raiseFloor(host, lock, securityVersion);
}
