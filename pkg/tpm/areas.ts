import { createHash, type KeyObject } from 'node:crypto';
import { MosError } from '../errors/index.ts';
import { none, Reader, sized, u8, u16, u32 } from './wire.ts';

/** TPM_ALG_ID, Part 2, 6.3 */
export const algorithms = {
  rsa: 0x0001,
  sha256: 0x000b,
  null: 0x0010,
  rsassa: 0x0014,
  ecdsa: 0x0018,
  ecc: 0x0023,
} as const;
const nistP256 = 0x0003;

/** TPMA_NV, Part 2, 13.4 */
export const nvAttributes = {
  ownerWrite: 1 << 1,
  authWrite: 1 << 2,
  policyWrite: 1 << 3,
  counter: 1 << 4,
  /** TPM_NT_EXTEND */
  extend: 1 << 6,
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

/** TPMS_NV_PUBLIC, Part 2, 13.5 */
export const renderNvPublic = ({ index, attributes, policy, bytes }: NvPublic): Buffer =>
  Buffer.concat([u32(index), u16(algorithms.sha256), u32(attributes), sized(policy), u16(bytes)]);

export function parseNvPublic(bytes: Uint8Array): NvPublic {
  const reader = new Reader(bytes);
  const index = reader.u32();
  reader.u16();
  return { index, attributes: reader.u32(), policy: reader.sized(), bytes: reader.u16() };
}

/** Part 1, 16: what the TPM calls an object or index. */
export const nameOf = (area: Uint8Array): Buffer =>
  Buffer.concat([u16(algorithms.sha256), createHash('sha256').update(area).digest()]);

const rsaBits = 2048;
const exponent = 65537;

/** TPMT_PUBLIC of a key that only verifies, as tpm2_loadexternal loads it: its exponent is written out. */
export function renderVerifyingKey(key: KeyObject): Buffer {
  const { n = '', e } = key.export({ format: 'jwk' });
  const modulus = Buffer.from(n, 'base64url');
  if (key.asymmetricKeyType !== 'rsa' || e !== 'AQAB' || modulus.length * 8 !== rsaBits)
    throw new MosError(
      'invalid',
      'cannot use the key of a TPM policy: it is no RSA-2048 key with exponent 65537',
    );
  const decryptSignWithAuth = 0x00060040;
  return Buffer.concat([
    ...[u16(algorithms.rsa), u16(algorithms.sha256), u32(decryptSignWithAuth), sized(none)],
    ...[u16(algorithms.null), u16(algorithms.null), u16(rsaBits), u32(exponent), sized(modulus)],
  ]);
}

/** TPMT_PUBLIC of an attestation key: ECDSA P-256, made in the TPM, never leaves it, signs only what the TPM says itself. */
export function renderAttestationTemplate(): Buffer {
  const fixedTpm = 1 << 1;
  const fixedParent = 1 << 4;
  const sensitiveDataOrigin = 1 << 5;
  const userWithAuth = 1 << 6;
  const restricted = 1 << 16;
  const signs = 1 << 18;
  const noDictionaryAttack = 1 << 10;
  const attributes =
    fixedTpm | fixedParent | sensitiveDataOrigin | userWithAuth | restricted | signs | noDictionaryAttack;
  return Buffer.concat([
    ...[u16(algorithms.ecc), u16(algorithms.sha256), u32(attributes), sized(none)],
    ...[
      u16(algorithms.null),
      u16(algorithms.ecdsa),
      u16(algorithms.sha256),
      u16(nistP256),
      u16(algorithms.null),
    ],
    ...[sized(none), sized(none)],
  ]);
}

/** The point of such a key, out of TPMT_PUBLIC. */
export function parseAttestationKey(area: Uint8Array): { readonly x: Buffer; readonly y: Buffer } {
  const reader = new Reader(area);
  const type = reader.u16();
  reader.take(6);
  reader.sized();
  const [, scheme, hash, curve] = [reader.u16(), reader.u16(), reader.u16(), reader.u16()];
  reader.u16();
  if (
    type !== algorithms.ecc ||
    scheme !== algorithms.ecdsa ||
    hash !== algorithms.sha256 ||
    curve !== nistP256
  )
    throw new MosError('invalid', 'cannot use the attestation key of the TPM: it is no ECDSA key on P-256');
  return { x: reader.sized(), y: reader.sized() };
}

/** TPML_PCR_SELECTION of PCRs 0 to 23 in the SHA-256 bank. */
export function renderPcrSelection(pcrs: readonly number[]): Buffer {
  const bits = pcrs.reduce((sum, pcr) => sum | (1 << pcr), 0);
  return Buffer.concat([
    ...[u32(1), u16(algorithms.sha256), u8(3)],
    Buffer.of(bits & 0xff, (bits >> 8) & 0xff, (bits >> 16) & 0xff),
  ]);
}
