import { createHash, createPublicKey, verify } from 'node:crypto';
import { MosError } from '../../errors/index.ts';
import { Reader, renderPcrSelection } from '../../tpm/index.ts';

/** What a TPM says of its PCRs (SHA-256 bank, hex by number) and signs with a key that signs nothing else. */
export type QuotedPcrs = {
  /** PEM of the attestation key. */
  readonly key: string;
  /** TPMS_ATTEST and an ECDSA signature in DER, both base64. */
  readonly attested: string;
  readonly signature: string;
  readonly pcrs: Readonly<Record<string, string>>;
};

/** TPM_GENERATED_VALUE: no key of this kind signs other bytes that begin so. TPM_ST_ATTEST_QUOTE. */
const generated = 0xff544347;
const quoteTag = 0x8018;

/** Throws `untrusted` where the quote is not about these bytes, or its PCRs are others than it says. */
export function verifyQuote(
  { key, attested, signature, pcrs }: QuotedPcrs,
  about: Uint8Array,
  name: string,
): void {
  const untrusted = (why: string) =>
    new MosError('untrusted', `cannot trust the quote of the TPM in ${name}: ${why}`);
  const bytes = Buffer.from(attested, 'base64');
  if (!isSigned(bytes, key, Buffer.from(signature, 'base64')))
    throw untrusted('no signature of its key fits it');
  const quote = parseQuote(bytes);
  if (quote === undefined) throw untrusted('it is no quote');
  if (!quote.about.equals(about)) throw untrusted('it was made about something else');
  const numbers = Object.keys(pcrs).map(Number);
  const values = numbers.map((number) => Buffer.from(pcrs[number] ?? '', 'hex'));
  const digest = createHash('sha256').update(Buffer.concat(values)).digest();
  if (!quote.selection.equals(renderPcrSelection(numbers)) || !quote.digest.equals(digest))
    throw untrusted('the PCRs are others than it was made of');
}

function isSigned(bytes: Buffer, key: string, signature: Buffer): boolean {
  try {
    return verify('sha256', bytes, createPublicKey(key), signature);
  } catch {
    return false;
  }
}

/** TPMS_ATTEST with TPMS_QUOTE_INFO, Part 2, 10.12. */
function parseQuote(bytes: Buffer) {
  const reader = new Reader(bytes);
  try {
    if (reader.u32() !== generated || reader.u16() !== quoteTag) return undefined;
    reader.sized(); // name of the key
    const about = reader.sized();
    reader.take(8 + 4 + 4 + 1 + 8); // clock, resets, restarts, safe; firmware version
    const selection = reader.take(10);
    return { about, selection, digest: reader.sized() };
  } catch {
    return undefined;
  }
}
