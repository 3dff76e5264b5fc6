import { createHash, type KeyObject } from 'node:crypto';
import { MosError } from '../../errors/index.ts';
import {
  commandCodes,
  type NvPublic,
  nameOf,
  nvAttributes,
  renderNvPublic,
  renderPcrSelection,
  renderVerifyingKey,
  u32,
} from '../../tpm/index.ts';

// Policies of a TPM, computed without one: TPM 2.0 Library, Part 1, 19.7 and Part 3, 23. All in the SHA-256 bank.

const sha256 = (...parts: readonly Uint8Array[]): Buffer =>
  createHash('sha256').update(Buffer.concat(parts)).digest();

const digestLength = 32;
const nothing = Buffer.alloc(digestLength);

/** FORMATS 8: a signed policy for disks is good as long as this index says its version. */
export const policyVersionIndex: NvPublic = {
  index: 0x1500020,
  attributes: nvAttributes.ownerWrite | nvAttributes.ownerRead | nvAttributes.authRead,
  policy: new Uint8Array(),
  bytes: 4,
};
export const firstPolicyVersion = '0001';
/** All that there can be. */
export const policyVersions: readonly string[] = Array.from({ length: 10_000 }, (_, number) =>
  String(number).padStart(4, '0'),
);

const policyPcr7 = (before: Uint8Array, pcr7: Uint8Array): Buffer =>
  sha256(before, u32(commandCodes.policyPcr), renderPcrSelection([7]), sha256(pcr7));

/** The index as it is called once it was written. */
function policyNv(before: Uint8Array, index: NvPublic, operand: Uint8Array): Buffer {
  const written = { ...index, attributes: index.attributes | nvAttributes.written };
  const [fromItsStart, isEqual] = [Buffer.alloc(2), Buffer.alloc(2)];
  const compared = sha256(operand, fromItsStart, isEqual);
  return sha256(before, u32(commandCodes.policyNv), compared, nameOf(renderNvPublic(written)));
}

/** What releases the admin password: booted by the key `uki-tpm`. */
export const passwordPolicy = (pcr7: Uint8Array): Buffer => policyPcr7(nothing, checkPcr(pcr7));

/** What releases the secrets of disks: booted by the key `uki-production`, and the version still good. */
export const luksPolicy = (pcr7: Uint8Array, version: string): Buffer =>
  policyNv(policyPcr7(nothing, checkPcr(pcr7)), policyVersionIndex, Buffer.from(checkPolicyVersion(version)));

/** "Whatever this key signs": what an NV index is defined with, so that later firmware needs new signatures only. */
export function authorizedPolicy(key: KeyObject): Buffer {
  const noReference = new Uint8Array();
  const name = nameOf(renderVerifyingKey(key));
  return sha256(sha256(nothing, u32(commandCodes.policyAuthorize), name), noReference);
}

/** "For this command, by anybody." */
export const commandPolicy = (command: 'nvRead'): Buffer =>
  sha256(nothing, u32(commandCodes.policyCommandCode), u32(commandCodes[command]));

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
