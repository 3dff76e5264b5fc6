import { MosError } from '../../errors/index.ts';
import type { Host, TpmDevice } from '../../host/index.ts';
import {
  extendNv,
  incrementNv,
  type NvPublic,
  nvAttributes,
  PolicySession,
  readNv,
  readNvPublic,
} from '../../tpm/index.ts';
import { floorPassword, inTpm } from './layout.ts';
import { openIfAllowed } from './opened.ts';

/** What the TPM of this machine says of its floor; anybody may ask. */
export type FloorCounter = {
  /** Counted since the machine was provisioned. */
  readonly steps: number;
  /** The sum over the tickets that it accepted, all zero before the first; undefined where it has no place for one. */
  readonly tickets: Buffer | undefined;
};

/** Gives the identity key of the machine, which is asked for only when it is needed. */
export type ReadKey = () => Promise<Uint8Array>;

export const readRawCounter = async (tpm: TpmDevice): Promise<bigint> =>
  (await readByAnybody(tpm, inTpm.floor)).readBigUInt64BE();

async function readByAnybody(tpm: TpmDevice, area: NvPublic): Promise<Buffer> {
  await using session = await PolicySession.start(tpm);
  await session.meetCommand('nvRead');
  return await readNv(tpm, area, () => ({ session: session.handle }));
}

/** undefined where there is no counter, or we may not ask. */
export async function readFloorCounter(host: Host): Promise<FloorCounter | undefined> {
  const tpm = await openIfAllowed(host);
  if (tpm === undefined) return undefined;
  await using opened = tpm;
  return await readCounter(opened);
}

async function readCounter(tpm: TpmDevice): Promise<FloorCounter | undefined> {
  const { floor, floorBase } = inTpm;
  for (const { index } of [floor, floorBase])
    if ((await readNvPublic(tpm, index)) === undefined) return undefined;
  const base = (await readNv(tpm, floorBase, () => ({ password: '' }))).readBigUInt64BE();
  const tickets = await readTicketSum(tpm);
  const steps = Number((await readRawCounter(tpm)) - base);
  if (Number.isSafeInteger(steps) && steps >= 0) return { steps, tickets };
  throw new MosError('corrupt', 'cannot use the floor counter of the TPM: it is lower than where it began');
}

async function readTicketSum(tpm: TpmDevice): Promise<Buffer | undefined> {
  const area = await readNvPublic(tpm, inTpm.tickets.index);
  if (area === undefined) return undefined;
  const isWritten = (area.attributes & nvAttributes.written) !== 0;
  return isWritten ? await readByAnybody(tpm, inTpm.tickets) : Buffer.alloc(inTpm.tickets.bytes);
}

/** One step of the counter is one write to the TPM, and those are numbered: nobody needs so many versions. */
export const mostSteps = 1000;

/** Throws where a TPM that has counted to `floor` could not count up to a security version; `what` has it. */
export function requireCountable(what: string, securityVersion: number, floor: number): void {
  if (securityVersion - floor <= mostSteps) return;
  throw new MosError(
    'unsupported',
    `cannot use ${what}: its security version is ${securityVersion}, the TPM of this machine counts from ${floor} to at most ${floor + mostSteps} at once`,
    { hint: oneByOne },
  );
}

const oneByOne = 'publish security versions that grow by one';

/** Counts up to `steps`; a counter that is there already or higher stays. */
export async function countFloor(host: Host, steps: number, readKey: ReadKey): Promise<void> {
  const tpm = await openIfAllowed(host);
  if (tpm === undefined) return;
  await using opened = tpm;
  const counter = await readCounter(opened);
  if (counter === undefined || counter.steps >= steps) return;
  const missing = steps - counter.steps;
  if (missing > mostSteps)
    throw new MosError(
      'unsupported',
      `cannot raise the floor by ${missing}: a TPM counts at most ${mostSteps} at once`,
      { hint: oneByOne },
    );
  const password = floorPassword(await readKey());
  for (let left = missing; left > 0; left--) await incrementNv(opened, inTpm.floor.index, password);
}

/** Adds a ticket to the sum of the TPM: from then on the machine has accepted it, and nothing takes that back. */
export async function addToTicketSum(host: Host, ticket: Uint8Array, readKey: ReadKey): Promise<void> {
  const password = floorPassword(await readKey());
  await using tpm = await host.devices.openTpm();
  await extendNv(tpm, inTpm.tickets.index, password, ticket);
}
