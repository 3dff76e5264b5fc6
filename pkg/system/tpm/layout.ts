import { createHmac } from 'node:crypto';
import { Secret } from '../../errors/index.ts';
import { type NvPublic, nvAttributes } from '../../tpm/index.ts';
import { commandPolicy, policyVersionIndex } from '../../trust/index.ts';

// What lies where in the TPM of a machine: FORMATS 8.

export const layoutVersion = '00000003';
export const attestationHandle = 0x81000101;
/** Left by provision in memory, for an install of the same boot; gone with it. */
export const passphraseForInstall = '/run/mos/disk-passphrase';
export const passwordLength = 32;
export const passphraseLength = 40;

const {
  ownerWrite,
  ownerRead,
  authRead,
  authWrite,
  policyRead,
  policyWrite,
  counter,
  extend,
  noDictionaryAttack,
} = nvAttributes;

/** Everybody reads it, the owner writes it. */
const open = (index: number, bytes: number): NvPublic => ({
  index,
  attributes: ownerWrite | ownerRead | authRead,
  policy: new Uint8Array(),
  bytes,
});

/** Released by a signed policy only. */
const sealed =
  (index: number, more = 0) =>
  (policy: Uint8Array, bytes: number): NvPublic => ({
    index,
    attributes: ownerWrite | policyRead | noDictionaryAttack | more,
    policy,
    bytes,
  });

export const inTpm = {
  /** The owner reads it too: an interrupted run goes on with it while there is no owner yet. */
  adminPassword: sealed(0x1500001, ownerRead),
  layoutVersion: open(0x1500002, layoutVersion.length),
  policyVersion: policyVersionIndex,
  certificate: sealed(0x1500021),
  key: sealed(0x1500022),
  factoryPassphrase: sealed(0x1500030),
  /** Written by its policy too: an install makes a new one. */
  diskPassphrase: sealed(0x1500040, policyWrite),
  /** Counts by a password of its own, is read by everybody. */
  floor: {
    index: 0x1500050,
    attributes: counter | authWrite | policyRead | noDictionaryAttack,
    policy: commandPolicy('nvRead'),
    bytes: 8,
  },
  /** What the counter said when it was made: it begins where the highest counter of this TPM ever was. */
  floorBase: open(0x1500051, 8),
  /** Sums up the tickets that lowered the floor, by the same password; is read by everybody, and never goes back. */
  tickets: {
    index: 0x1500052,
    attributes: extend | authWrite | policyRead | noDictionaryAttack,
    policy: commandPolicy('nvRead'),
    bytes: 32,
  },
} as const;

/** The password of counter and tickets: whoever has the identity key of the machine can derive it, and nobody else. */
export const floorPassword = (identityKey: Uint8Array): Secret =>
  new Secret(createHmac('sha256', identityKey).update('mos floor counter').digest().toString('latin1'));
