import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { MosError } from '../errors/index.ts';
import {
  childrenOf,
  type Der,
  derTag,
  expectTag,
  parseDer,
  readBits,
  readObjectId,
  readUnsigned,
  sequenceOf,
} from './der.ts';

/** The kinds of keys that may sign anything here; the key's kind decides the algorithm, nothing in a document does. */
export const keyTypes = ['rsa', 'ecdsa', 'ed25519'] as const;
export type KeyType = (typeof keyTypes)[number];

export type PublicKey = { readonly type: KeyType; readonly key: KeyObject; readonly spki: Uint8Array };

const smallestRsa = 2048;
const largestRsa = 8192;
const largestExponentBits = 32;

/** Object identifiers of RFC 8017, RFC 5480 and RFC 8410. */
const oid = {
  rsa: '1.2.840.113549.1.1.1',
  ecPublicKey: '1.2.840.10045.2.1',
  p256: '1.2.840.10045.3.1.7',
  ed25519: '1.3.101.112',
} as const;
const signatureOids: Readonly<Record<string, KeyType>> = {
  '1.2.840.113549.1.1.11': 'rsa',
  '1.2.840.10045.4.3.2': 'ecdsa',
  [oid.ed25519]: 'ed25519',
};

const refused = (why: string): MosError => new MosError('untrusted', `cannot use the key: ${why}`);

/** A SubjectPublicKeyInfo to a key of the allow-list; `untrusted` for any other, `invalid` for a malformed one. */
export function parsePublicKey(info: Der): PublicKey {
  const [algorithm, bits, ...rest] = sequenceOf(info);
  const [identifier, parameter, ...more] = sequenceOf(algorithm);
  const type = typeOf(readObjectId(identifier), parameter);
  // RFC 3279 2.3.1: NULL; RFC 8410 section 3: nothing.
  const isPlain = type === 'ecdsa' || (type === 'rsa' ? isNull(parameter) : parameter === undefined);
  if (!isPlain || more.length > 0 || rest.length > 0) throw malformed();
  checkers[type](readBits(bits));
  return { type, key: importKey(info.raw), spki: info.raw };
}

const isNull = (value: Der | undefined): boolean => value?.tag === derTag.null && value.content.length === 0;

function typeOf(identifier: string, parameter: Der | undefined): KeyType {
  if (identifier === oid.rsa) return 'rsa';
  if (identifier === oid.ed25519) return 'ed25519';
  if (identifier !== oid.ecPublicKey) throw refused(`a key of type ${identifier}`);
  const curve = parameter?.tag === derTag.objectId ? readObjectId(parameter) : 'of its own';
  if (curve !== oid.p256) throw refused(`an elliptic curve other than P-256 (${curve})`);
  return 'ecdsa';
}

/** What runtimes judge differently is judged here: OpenSSL (Node) takes keys that BoringSSL (Bun) refuses. */
const checkers: Readonly<Record<KeyType, (key: Uint8Array) => void>> = {
  rsa(key) {
    const [modulus, exponent, ...rest] = sequenceOf(parseDer(key)).map((value) => readUnsigned(value));
    if (modulus === undefined || exponent === undefined || rest.length > 0) throw malformed();
    const bits = bitsOf(modulus);
    if (bits < smallestRsa)
      throw refused(`an RSA key of ${bits} bits, at least ${smallestRsa} are asked for`);
    if (bits > largestRsa) throw refused(`an RSA key of ${bits} bits, at most ${largestRsa} are allowed`);
    if (bitsOf(exponent) > largestExponentBits) throw refused('an RSA key with too large an exponent');
    if (exponent === '01' || !isOdd(exponent))
      throw refused(`an RSA key with the exponent ${Number(`0x${exponent}`)}`);
    if (!isOdd(modulus)) throw malformed();
  },
  ecdsa(key) {
    if (key.length !== 65 || key[0] !== 4) throw malformed(); // RFC 5480 2.2, uncompressed
  },
  ed25519(key) {
    if (key.length !== 32) throw malformed();
  },
};

/** Of a number in hex digits. (BigInt would do, at more cost.) */
const bitsOf = (hex: string): number => {
  const digits = hex.replace(/^0+/, '');
  return digits === '' ? 0 : digits.length * 4 - Math.clz32(Number.parseInt(digits.slice(0, 1), 16)) + 28;
};
const isOdd = (hex: string): boolean => /[13579bdf]$/.test(hex);

function importKey(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch (cause) {
    throw malformed(cause);
  }
}

const malformed = (cause?: unknown): MosError =>
  new MosError('invalid', 'cannot use the key: it is malformed', cause === undefined ? {} : { cause });

/** What an AlgorithmIdentifier of a signature asks for: PKCS#1 v1.5 or ECDSA with SHA-256, or Ed25519. */
export function readSignatureAlgorithm(algorithm: Der | undefined): KeyType {
  const [identifier, parameter, ...rest] = childrenOf(expectTag(algorithm, derTag.sequence));
  const name = readObjectId(identifier);
  const type = signatureOids[name];
  if (type === undefined) throw new MosError('untrusted', `cannot use the signature algorithm ${name}`);
  // RFC 4055 section 5: NULL for RSA (some leave it out); RFC 5758 and 8410: nothing for the others.
  if (rest.length > 0 || (parameter !== undefined && !(type === 'rsa' && isNull(parameter))))
    throw new MosError('invalid', `cannot use the signature algorithm ${name}: it has parameters`);
  return type;
}

/** Never throws: a malformed signature is one that does not fit. */
export function isSignedBy(key: PublicKey, bytes: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(key.type === 'ed25519' ? null : 'sha256', bytes, key.key, signature);
  } catch {
    return false;
  }
}
