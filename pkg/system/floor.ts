import { messageOf } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import {
  type KeptTicket,
  type KnownFloor,
  raised,
  readFloor,
  recordFloor,
  requireFloor,
  type StateLock,
} from '../state/index.ts';
import type { Machine } from './machine.ts';
import { acceptedTickets, countedFloor, verifyAgain } from './ticket/kept.ts';
import { countFloor, type FloorCounter, readFloorCounter, requireCountable } from './tpm/floor.ts';

/** DESIGN "Trust" 7: the floor of a machine, and where it is kept. */
export type MachineFloor = {
  readonly value: number;
  readonly kept: 'file' | 'TPM';
  /** Nonce of the ticket that lowered it last. */
  readonly ticket?: string;
  /** What is wrong with the file or the tickets: then no ticket lowers what a TPM has counted. */
  readonly problem?: string;
};

/** Everything that the floor follows from. */
export type FloorEvidence = {
  /** The higher one of file and counter: who restores an old file gains nothing. */
  readonly value: number;
  readonly file: KnownFloor;
  readonly counter?: FloorCounter & { readonly floor: number };
  /** Tickets that the machine accepted. */
  readonly accepted: readonly KeptTicket[];
  /** Why these are not known. */
  readonly problem?: string;
};

/** The TPM is that of this computer, not of a machine below another root. */
const hasCounter = ({ paths }: Machine): boolean => paths.root === '/';

/** Where the initrd puts the identity key of the machine. */
export const readIdentityKey = (host: Host) => () => host.files.read('/factory/secure/server.key');

export async function machineFloor(host: Host, machine: Machine): Promise<MachineFloor> {
  return floorOf(await readFloorEvidence(host, machine));
}

function floorOf({ value, counter, file, problem }: FloorEvidence): MachineFloor {
  const wrong = [file.problem, problem].filter((text) => text !== undefined).join('; ');
  return {
    value,
    kept: counter === undefined ? 'file' : 'TPM',
    ...(file.ticket === undefined ? {} : { ticket: file.ticket }),
    ...(wrong === '' ? {} : { problem: wrong }),
  };
}

/** Throws where something has a security version that may not run here; `what` names it. */
export async function requireMachineFloor(
  host: Host,
  machine: Machine,
  what: string,
  securityVersion: number,
): Promise<void> {
  const { value, problem } = await machineFloor(host, machine);
  requireFloor(value, what, securityVersion, problem);
}

/** The same of what comes in, which also must not be further above the floor than a TPM can count once it proved good. */
export async function requireNewFloor(
  host: Host,
  machine: Machine,
  what: string,
  securityVersion: number,
): Promise<void> {
  const evidence = await readFloorEvidence(host, machine);
  const { value, problem } = floorOf(evidence);
  requireFloor(value, what, securityVersion, problem);
  if (evidence.counter !== undefined) requireCountable(what, securityVersion, evidence.counter.floor);
}

/** The TPM is asked first: what is accepted meanwhile is then one more than it says, and not one less. */
export async function readFloorEvidence(host: Host, machine: Machine): Promise<FloorEvidence> {
  const counter = hasCounter(machine) ? await readFloorCounter(host) : undefined;
  const file = await readFloor(host, machine.state);
  try {
    const accepted = await acceptedTickets(host, machine, counter, file.ticket);
    if (counter === undefined) {
      await verifyAgain(host, machine, accepted);
      return { value: file.value, file, accepted };
    }
    const { floor, last } = await countedFloor(host, machine, counter, accepted);
    // The file is written after the TPM: one that does not know the ticket is from before it.
    const known = last === undefined || last.ticket === file.ticket ? file : { ...file, ...last };
    const value = Math.max(known.value, floor);
    return { value, file: known, counter: { ...counter, floor }, accepted };
  } catch (error) {
    const value = Math.max(file.value, counter?.steps ?? 0);
    const raw = counter === undefined ? {} : { counter: { ...counter, floor: counter.steps } };
    return { value, file, accepted: [], problem: messageOf(error), ...raw };
  }
}

/** A generation that proved good. */
export type ProvedGood = { readonly number: number; readonly securityVersion: number };

/**
 * The counter first: whatever comes between, the higher one counts. What had proved good when the publisher allowed to go
 * below it raises nothing: else the next boot would take back what a ticket gave.
 */
export async function raiseMachineFloor(
  host: Host,
  machine: Machine,
  lock: StateLock,
  { number, securityVersion }: ProvedGood,
): Promise<void> {
  const { file, counter, accepted } = await readFloorEvidence(host, machine);
  const isAllowed = number <= (accepted.at(-1)?.good ?? 0);
  const floor = isAllowed ? file : raised(file, securityVersion);
  if (counter !== undefined)
    await countFloor(host, counter.steps + floor.value - counter.floor, readIdentityKey(host));
  await recordFloor(host, lock, floor);
}
