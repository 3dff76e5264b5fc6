import { createHash } from 'node:crypto';
import type { TpmDevice } from '../host/index.ts';
import { algorithms, renderPcrSelection } from './areas.ts';
import { ask } from './command.ts';
import { u16, u32 } from './wire.ts';

/** The value of one PCR in the SHA-256 bank. */
export async function readPcr(tpm: TpmDevice, pcr: number): Promise<Buffer> {
  const { parameters } = await ask(tpm, `read PCR ${pcr}`, {
    name: 'pcrRead',
    parameters: [renderPcrSelection([pcr])],
  });
  parameters.take(4 + 4 + 2 + 4 + 4); // update counter, count and selection, count of digests
  return parameters.sized();
}

export async function extendPcr(tpm: TpmDevice, pcr: number, digest: Uint8Array): Promise<void> {
  await ask(tpm, `extend PCR ${pcr}`, {
    name: 'pcrExtend',
    handles: [pcr],
    authorization: { password: '' },
    parameters: [u32(1), u16(algorithms.sha256), digest],
  });
}

/** What closes a boot: from here on no policy of ours is met. The reference extends the same digest. */
const closing = Buffer.from('b7135cbb321a66fa848b07288bd008b89bd5b7496c4569c5e1a4efd5f7c8e0a7', 'hex');

export const closePcr7 = (tpm: TpmDevice): Promise<void> => extendPcr(tpm, 7, closing);

/** PCR 7 after it was closed. */
export const closedPcr7 = (before: Uint8Array): Buffer =>
  createHash('sha256').update(before).update(closing).digest();
