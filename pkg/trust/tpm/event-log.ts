import { createHash } from 'node:crypto';
import { MosError } from '../../errors/index.ts';

/** One measurement of the firmware that went into the SHA-256 bank. */
export type MeasuredEvent = { readonly pcr: number; readonly type: number; readonly digest: Uint8Array };

const sha256Algorithm = 0x000b;
const digestLength = 32;
/** EV_NO_ACTION says something and extends nothing. */
const noAction = 3;

/**
 * The log of the firmware as the kernel gives it (TCG PC Client Platform Firmware Profile 1.05, 10.2): a first event
 * that names the banks, then one for each measurement. Nothing of it is proved: its sums must be what the TPM says.
 */
export function parseEventLog(bytes: Uint8Array): MeasuredEvent[] {
  const log = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  try {
    return readEvents(log);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new MosError(
      'corrupt',
      'cannot read the event log of the firmware: it ends in the middle of an event',
    );
  }
}

const firstHeader = 32;

/** Buffer's reads throw a RangeError past the end. */
function readEvents(log: Buffer): MeasuredEvent[] {
  if (log.toString('latin1', firstHeader, firstHeader + 15) !== 'Spec ID Event03')
    throw new MosError(
      'unsupported',
      'cannot read the event log of the firmware: it is not that of a TPM 2.0',
    );
  const lengths = bankLengths(log, firstHeader + 24);
  const events: MeasuredEvent[] = [];
  for (let at = firstHeader + log.readUInt32LE(firstHeader - 4); at < log.length; ) {
    const [pcr, type, count] = [log.readUInt32LE(at), log.readUInt32LE(at + 4), log.readUInt32LE(at + 8)];
    at += 12;
    for (let index = 0; index < count; index++) {
      const algorithm = log.readUInt16LE(at);
      const length = lengths.get(algorithm);
      if (length === undefined)
        throw new MosError(
          'corrupt',
          'cannot read the event log of the firmware: it names a bank that it has not',
        );
      const digest = log.subarray(at + 2, at + 2 + length);
      if (algorithm === sha256Algorithm && type !== noAction) events.push({ pcr, type, digest });
      at += 2 + length;
    }
    at += 4 + log.readUInt32LE(at);
  }
  return events;
}

function bankLengths(log: Buffer, at: number): Map<number, number> {
  const count = log.readUInt32LE(at);
  if (count > 16) throw new RangeError();
  return new Map(
    Array.from({ length: count }, (_, index) => {
      const entry = at + 4 + index * 4;
      return [log.readUInt16LE(entry), log.readUInt16LE(entry + 2)];
    }),
  );
}

/** What a PCR holds after the events. */
export const replayPcr = (events: readonly MeasuredEvent[], pcr: number): Buffer =>
  events
    .filter((event) => event.pcr === pcr)
    .reduce<Buffer>(
      (value, { digest }) => createHash('sha256').update(value).update(digest).digest(),
      Buffer.alloc(digestLength),
    );
