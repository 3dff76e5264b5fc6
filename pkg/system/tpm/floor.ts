import { MosError } from '../../errors/index.ts';
import type { Host, TpmDevice } from '../../host/index.ts';
import { incrementNv, PolicySession, readNv, readNvPublic } from '../../tpm/index.ts';
import { floorPassword, inTpm } from './layout.ts';
import { openIfAllowed } from './opened.ts';

/** What the counter says; anybody may ask. */
export async function readFloorCounter(tpm: TpmDevice): Promise<bigint> {
  await using session = await PolicySession.start(tpm);
  await session.meetCommand('nvRead');
  return (await readNv(tpm, inTpm.floor, () => ({ session: session.handle }))).readBigUInt64BE();
}

/** One step of the counter is one write to the TPM, and those are numbered: nobody needs so many versions. */
const mostSteps = 1000;

/** The floor as this machine's TPM counts it; undefined where there is no counter, or we may not ask. */
export async function readCountedFloor(host: Host): Promise<number | undefined> {
  const tpm = await openIfAllowed(host);
  if (tpm === undefined) return undefined;
  await using opened = tpm;
  return await countedFloor(opened);
}

async function countedFloor(tpm: TpmDevice): Promise<number | undefined> {
  const { floor, floorBase } = inTpm;
  for (const { index } of [floor, floorBase])
    if ((await readNvPublic(tpm, index)) === undefined) return undefined;
  const base = (await readNv(tpm, floorBase, () => ({ password: '' }))).readBigUInt64BE();
  const counted = Number((await readFloorCounter(tpm)) - base);
  if (Number.isSafeInteger(counted) && counted >= 0) return counted;
  throw new MosError('corrupt', 'cannot use the floor counter of the TPM: it is lower than where it began');
}

/** Counts up to the floor; one that is there already or higher stays. `readKey` is asked for the identity key only when it is needed. */
export async function raiseCountedFloor(
  host: Host,
  floor: number,
  readKey: () => Promise<Uint8Array>,
): Promise<void> {
  const tpm = await openIfAllowed(host);
  if (tpm === undefined) return;
  await using opened = tpm;
  const counted = await countedFloor(opened);
  if (counted === undefined || counted >= floor) return;
  if (floor - counted > mostSteps)
    throw new MosError(
      'unsupported',
      `cannot raise the floor from ${counted} to ${floor}: a TPM counts at most ${mostSteps} at once`,
      { hint: 'publish security versions that grow by one' },
    );
  const password = floorPassword(await readKey());
  for (let at = counted; at < floor; at++) await incrementNv(opened, inTpm.floor.index, password);
}
