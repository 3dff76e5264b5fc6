import { createHash, type KeyObject } from 'node:crypto';
import { MosError } from '../../errors/index.ts';

// Policies of a TPM, computed without one: TPM 2.0 Library, Part 1, 19.7 and Part 3, 23. All in the SHA-256 bank.

const sha256 = (...parts: readonly Uint8Array[]): Buffer =>
  createHash('sha256').update(Buffer.concat(parts)).digest();
const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
const u32 = (value: number): Buffer =>
  Buffer.from([value >>> 24, (value >> 16) & 0xff, ...u16(value & 0xffff)]);

const algorithms = { rsa: 0x0001, sha256: 0x000b, none: 0x0010 } as const;
const commands = { policyNv: 0x149, policyAuthorize: 0x16a, policyPcr: 0x17f } as const;
const digestLength = 32;
const nothing = Buffer.alloc(digestLength);

/** The bits of TPMA_NV that are used here (Part 2, 13.4). */
export const nvAttributes = {
  ownerWrite: 1 << 1,
  policyWrite: 1 << 3,
  counter: 1 << 4,
  writeDefine: 1 << 13,
  ownerRead: 1 << 17,
  authRead: 1 << 18,
  policyRead: 1 << 19,
  noDictionaryAttack: 1 << 25,
  written: 1 << 29,
} as const;

/** The public area of an NV index; it decides the name that a policy calls it by. */
export type NvPublic = {
  readonly index: number;
  readonly attributes: number;
  readonly policy: Uint8Array;
  readonly bytes: number;
};

/** FORMATS 8: a signed policy for disks is good as long as this index says its version. Written, that is: with its name of then. */
export const policyVersionIndex: NvPublic = {
  index: 0x1500020,
  attributes: nvAttributes.ownerWrite | nvAttributes.ownerRead | nvAttributes.authRead,
  policy: new Uint8Array(),
  bytes: 4,
};
export const firstPolicyVersion = '0001';

/** TPMS_NV_PUBLIC */
export const renderNvPublic = ({ index, attributes, policy, bytes }: NvPublic): Buffer =>
  Buffer.concat([
    u32(index),
    u16(algorithms.sha256),
    u32(attributes),
    u16(policy.length),
    policy,
    u16(bytes),
  ]);

const nameOf = (area: Uint8Array): Buffer => Buffer.concat([u16(algorithms.sha256), sha256(area)]);

/** TPMT_PUBLIC of a key that only verifies, as `tpm2_loadexternal` loads it: its exponent is written out. */
export function renderPublicKey(key: KeyObject): Buffer {
  const { n = '', e } = key.export({ format: 'jwk' });
  const modulus = Buffer.from(n, 'base64url');
  if (key.asymmetricKeyType !== 'rsa' || e !== 'AQAB' || modulus.length !== 256)
    throw new MosError(
      'invalid',
      'cannot use the key of a TPM policy: it is no RSA-2048 key with exponent 65537',
    );
  const decryptSignWithAuth = 0x00060040;
  return Buffer.concat([
    ...[u16(algorithms.rsa), u16(algorithms.sha256), u32(decryptSignWithAuth), u16(0)],
    ...[u16(algorithms.none), u16(algorithms.none), u16(2048), u32(65537), u16(modulus.length), modulus],
  ]);
}

export const nameOfKey = (key: KeyObject): Buffer => nameOf(renderPublicKey(key));

/** TPML_PCR_SELECTION of PCR 7 alone. */
export const pcr7Selection = Buffer.concat([u32(1), u16(algorithms.sha256), Buffer.of(3, 1 << 7, 0, 0)]);

const policyPcr = (before: Uint8Array, pcr7: Uint8Array): Buffer =>
  sha256(before, u32(commands.policyPcr), pcr7Selection, sha256(pcr7));

const isEqual = u16(0); // TPM_EO_EQ
const fromItsStart = u16(0);

function policyNv(before: Uint8Array, index: NvPublic, operand: Uint8Array): Buffer {
  const written = { ...index, attributes: index.attributes | nvAttributes.written };
  const compared = sha256(operand, fromItsStart, isEqual);
  return sha256(before, u32(commands.policyNv), compared, nameOf(renderNvPublic(written)));
}

/** What releases the admin password: booted by the key `uki-tpm`. */
export const passwordPolicy = (pcr7: Uint8Array): Buffer => policyPcr(nothing, checkPcr(pcr7));

/** What releases the secrets of disks: booted by the key `uki-production`, and the version still good. */
export const luksPolicy = (pcr7: Uint8Array, version: string): Buffer =>
  policyNv(policyPcr(nothing, checkPcr(pcr7)), policyVersionIndex, Buffer.from(checkPolicyVersion(version)));

/** "Whatever this key signs": what an NV index is defined with, so that later firmware needs new signatures only. */
export function authorizedPolicy(key: KeyObject): Buffer {
  const noReference = new Uint8Array();
  return sha256(sha256(nothing, u32(commands.policyAuthorize), nameOfKey(key)), noReference);
}

function checkPcr(value: Uint8Array): Uint8Array {
  if (value.length === digestLength) return value;
  throw new MosError(
    'invalid',
    `cannot make a TPM policy: a value of PCR 7 has ${value.length} bytes, not 32`,
  );
}

export function checkPolicyVersion(version: string): string {
  if (/^[0-9]{4}$/.test(version)) return version;
  throw new MosError(
    'usage',
    `cannot use ${JSON.stringify(version.slice(0, 40))} as a policy version: it is not of four digits, as 0001`,
  );
}
