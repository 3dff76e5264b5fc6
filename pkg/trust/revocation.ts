import { MosError } from '../errors/index.ts';
import { isSignedBy, readSignatureAlgorithm } from './algorithms.ts';
import type { Anchors } from './anchors.ts';
import {
  contextTag,
  type Der,
  derTag,
  expectTag,
  parseDer,
  readBits,
  readTime,
  readUnsigned,
  sequenceOf,
} from './der.ts';
import { readList } from './extensions.ts';
import { isSameName, readName } from './name.ts';
import { parsePem, renderPem } from './pem.ts';

/**
 * A revocation list (RFC 5280 section 5) that one of our CAs signed. Of two of the same CA the one with the higher
 * number counts. `nextUpdate` is not looked at: a machine without a network keeps what it knows and goes on working.
 */
export type RevocationList = {
  readonly der: Uint8Array;
  /** Public key (SPKI) of the CA that signed it: after a rotation two CAs may have one name. */
  readonly signer: Uint8Array;
  readonly number: bigint;
  readonly issuedAt: Date;
  /** Serials (hex) of the certificates of this issuer that must not be believed any more. */
  readonly serials: readonly string[];
};

export const revocationLabel = 'X509 CRL';
const largest = 1024 * 1024;

/** RFC 5280 5.2.3; an authority key identifier may be there too, and anything else only if it isn't critical. */
const crlNumber = '2.5.29.20';

const bad = (why: string): MosError => new MosError('invalid', `cannot read the revocation list: ${why}`);

/** DER, or PEM with any number of lists. Not verified yet. */
export const parseRevocationLists = (bytes: Uint8Array): Uint8Array[] =>
  bytes[0] === derTag.sequence ? [bytes] : parsePem(bytes, revocationLabel);

/** One list in DER. `untrusted` when none of the CAs signed it. */
export function verifyRevocationList(der: Uint8Array, anchors: Anchors): RevocationList {
  if (der.length > largest) throw bad('it is too large');
  const [body, algorithm, signature, ...rest] = sequenceOf(parseDer(der));
  const tbs = expectTag(body, derTag.sequence);
  const fields = sequenceOf(tbs);
  if (fields[0]?.tag === derTag.integer) fields.shift();
  const [inner, issuer, thisUpdate, ...optional] = fields;
  if (rest.length > 0 || !inner || !algorithm || !Buffer.from(inner.raw).equals(algorithm.raw))
    throw bad('it names two signature algorithms');
  const name = readName(issuer);
  const type = readSignatureAlgorithm(algorithm);
  const ca = anchors.certificates.find(
    (certificate) =>
      isSameName(certificate.subject, name) &&
      certificate.isCa &&
      (certificate.keyUsage === undefined || certificate.keyUsage.includes('cRLSign')) &&
      certificate.key.type === type &&
      isSignedBy(certificate.key, tbs.raw, readBits(signature)),
  );
  if (ca === undefined)
    throw new MosError('untrusted', `cannot trust the revocation list: no CA of ${anchors.source} signed it`);
  return { der, signer: ca.key.spki, issuedAt: readTime(thisUpdate), ...readEntries(optional) };
}

function readEntries(optional: Der[]): Pick<RevocationList, 'number' | 'serials'> {
  if (isTime(optional[0])) optional.shift(); // nextUpdate
  const entries = optional[0]?.tag === derTag.sequence ? sequenceOf(optional.shift()) : [];
  const [extensions, ...rest] = optional;
  if (rest.length > 0 || (extensions !== undefined && extensions.tag !== contextTag(0)))
    throw bad('fields that are not known');
  const found = extensions === undefined ? new Map() : readList(parseDer(extensions.content));
  refuseCritical(found);
  const number = found.get(crlNumber);
  if (number === undefined) throw bad('it has no number');
  return { number: BigInt(`0x${readUnsigned(parseDer(number.value))}`), serials: entries.map(readEntry) };
}

const isTime = (value: Der | undefined): boolean =>
  value?.tag === derTag.utcTime || value?.tag === derTag.generalizedTime;

/** A critical extension changes what the list means: a delta, certificates of other CAs. */
function refuseCritical(found: ReturnType<typeof readList>): void {
  const unknown = [...found].filter(([, extension]) => extension.critical).map(([name]) => name);
  if (unknown.length > 0)
    throw bad(`it has a critical extension that is not understood (${unknown.join(', ')})`);
}

function readEntry(entry: Der): string {
  const [serial, , extensions, ...rest] = sequenceOf(entry);
  if (rest.length > 0) throw bad('an entry has fields that are not known');
  if (extensions !== undefined) refuseCritical(readList(extensions));
  return readUnsigned(serial);
}

/**
 * Of all lists found (in a registry, in /config) those that our CAs signed, the newest of each CA. What can't be read
 * or was signed by a stranger is left out: it must not be able to stop an update.
 */
export function newestRevocationLists(
  found: readonly Uint8Array[],
  anchors: Anchors,
): readonly RevocationList[] {
  const newest: RevocationList[] = [];
  for (const list of found.flatMap((bytes) => readable(bytes, anchors))) {
    const at = newest.findIndex((other) => isSameKey(other.signer, list.signer));
    if (at < 0) newest.push(list);
    else if ((newest[at] as RevocationList).number < list.number) newest[at] = list;
  }
  return newest;
}

function readable(bytes: Uint8Array, anchors: Anchors): RevocationList[] {
  const lists = unlessMalformed(() => parseRevocationLists(bytes)) ?? [];
  return lists.flatMap((der) => unlessMalformed(() => [verifyRevocationList(der, anchors)]) ?? []);
}

function unlessMalformed<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof MosError) return undefined;
    throw error;
  }
}

const isSameKey = (a: Uint8Array, b: Uint8Array): boolean => Buffer.from(a).equals(b);

/** True where a list of the CA with this key names the serial. */
export const isRevoked = (lists: readonly RevocationList[], issuerKey: Uint8Array, serial: string): boolean =>
  lists.some((list) => isSameKey(list.signer, issuerKey) && list.serials.includes(serial));

/** PEM, to be kept and given to `newestRevocationLists` again. */
export const renderRevocationLists = (lists: readonly RevocationList[]): string =>
  lists.map((list) => renderPem(revocationLabel, list.der)).join('');
