import { isMosError, MosError } from '../../errors/index.ts';
import type { Host, TpmDevice } from '../../host/index.ts';
import { closedPcr7, readPcr } from '../../tpm/index.ts';
import { findKnownBoot, type KnownBoot, parseEventLog, replayPcr } from '../../trust/index.ts';

const eventLog = '/sys/kernel/security/tpm0/binary_bios_measurements';

export type MeasuredBoot = KnownBoot & { readonly pcr7: Buffer };

/**
 * How this machine was started, by what its firmware measured before our initrd closed PCR 7. A log that doesn't sum up
 * to what the TPM holds is an error, and so is firmware for which nothing was signed.
 */
export async function readMeasuredBoot(host: Host, tpm: TpmDevice, policies: string): Promise<MeasuredBoot> {
  const now = await readPcr(tpm, 7);
  const pcr7 = await measuredPcr7(host, now);
  const known = await findKnownBoot(host, policies, pcr7);
  if (known !== undefined) return { ...known, pcr7 };
  throw new MosError(
    'untrusted',
    `cannot trust the firmware of this machine: no policy was signed for PCR 7 = ${pcr7.toString('hex')}`,
    {
      hint: 'enrol the keyset in the firmware, or sign for this one: trust keyset pcr7data with the value of PCR 7 or --dbx',
    },
  );
}

async function measuredPcr7(host: Host, now: Buffer): Promise<Buffer> {
  const log = await readLog(host);
  if (log === undefined) return now;
  const measured = replayPcr(parseEventLog(log), 7);
  if (now.equals(measured) || now.equals(closedPcr7(measured))) return measured;
  throw new MosError(
    'untrusted',
    `cannot trust the event log of the firmware: PCR 7 is ${now.toString('hex')}, the log sums up to ${measured.toString('hex')}`,
    { hint: 'something else extended PCR 7: boot again' },
  );
}

async function readLog(host: Host): Promise<Uint8Array | undefined> {
  try {
    return await host.files.read(eventLog);
  } catch (error) {
    if (isMosError(error, 'not-found')) return undefined;
    throw error;
  }
}
