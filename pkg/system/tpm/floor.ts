import type { TpmDevice } from '../../host/index.ts';
import { PolicySession, readNv } from '../../tpm/index.ts';
import { inTpm } from './layout.ts';

/** What the counter says; anybody may ask. */
export async function readFloorCounter(tpm: TpmDevice): Promise<bigint> {
  await using session = await PolicySession.start(tpm);
  await session.meetCommand('nvRead');
  return (await readNv(tpm, inTpm.floor, () => ({ session: session.handle }))).readBigUInt64BE();
}
