import { createPublicKey, randomBytes } from 'node:crypto';
import { MosError, Secret } from '../../errors/index.ts';
import { type Host, type TpmDevice, writeAtomic } from '../../host/index.ts';
import type { Report } from '../../steps/index.ts';
import {
  changeAuth,
  defineNv,
  hexIndex,
  incrementNv,
  makeAttestationKey,
  type NvPublic,
  neverLock,
  readNvPublic,
  readOwners,
  removeAttestationKey,
  undefineNv,
  writeNv,
} from '../../tpm/index.ts';
import {
  type AcceptanceTime,
  authorizedPolicy,
  type MachineIdentity,
  readIdentityPair,
  readPolicyKey,
  readSudiAnchors,
} from '../../trust/index.ts';
import { changingSteps, type OperationStep, runOperation } from '../operation.ts';
import { readRawCounter } from './floor.ts';
import {
  attestationHandle,
  floorPassword,
  inTpm,
  layoutVersion,
  passphraseLength,
  passwordLength,
} from './layout.ts';
import { type MeasuredBoot, readMeasuredBoot } from './measured.ts';
import { checkOwner, takeBack } from './owner.ts';
import { requireNoLowerVersion, signedVersion } from './policy-version.ts';

export type ProvisionOptions = {
  /** The identity of the machine (SUDI), and the CA that vouches for it. */
  readonly certificate: string;
  readonly key: string;
  readonly ca?: string | undefined;
  /** A copy of `pcr7data` of the keyset. */
  readonly policies: string;
  /** Of a machine that was provisioned before: all but the password is made anew. */
  readonly again?: { readonly password: Secret } | undefined;
  readonly planOnly?: boolean;
  /** In memory: where the passphrase for disks is left for an install of this boot. */
  readonly passphraseFile?: string | undefined;
  /**
   * What needs that passphrase in the same run, an install: it is done before the TPM has an owner, so that whatever it is
   * stopped by, the next run begins again with another passphrase.
   */
  readonly beforeOwned?: ((identity: MachineIdentity) => Promise<void>) | undefined;
  readonly time: AcceptanceTime;
};

export type Provisioned = MachineIdentity & {
  readonly steps: readonly string[];
  readonly keyset: string;
  /** How the machine was started now, by its PCR 7. */
  readonly bootedFor: string;
  readonly pcr7: string;
  /** PEM; by it receipts are known to come from this TPM. null for a plan. */
  readonly attestationKey: string | null;
};

type Provisioning = {
  readonly host: Host;
  readonly tpm: TpmDevice;
  readonly options: ProvisionOptions;
  /** What the owner hierarchy asks for now. */
  owner: Secret | '';
  boot?: MeasuredBoot;
  policyVersion: string;
  identity?: MachineIdentity;
  certificate: Uint8Array;
  key: Uint8Array;
  password?: Secret;
  attestationKey?: string;
};

/** Indices of a TPM have at most this many bytes (MAX_NV_INDEX_SIZE of real ones). */
const largestIndex = 2048;

/**
 * Everything before the last step is made anew by the next run; with the owner's password set and the layout version
 * written the machine is provisioned. The password is kept in the TPM before it is set, so a kill never loses it: the next
 * run takes back by it what was set, and keeps another one.
 */
const steps: readonly OperationStep<Provisioning>[] = [
  { name: 'check identity certificate and key', run: checkIdentity },
  { name: 'check firmware and policies', run: checkFirmware },
  { name: 'check that the TPM is free', run: checkTpm },
  { name: 'check the policy version', run: checkVersion },
  { name: 'keep an admin password', changes: true, run: keepPassword },
  { name: 'keep the TPM from locking after power cuts', changes: true, run: keepUnlocked },
  {
    name: 'write the policy version',
    changes: true,
    run: (of) => keep(of, inTpm.policyVersion, of.policyVersion),
  },
  { name: 'seal the identity', changes: true, run: sealIdentity },
  { name: 'seal passphrases for disks', changes: true, run: sealPassphrases },
  { name: 'begin the floor counter', changes: true, run: beginFloor },
  { name: 'make the attestation key', changes: true, run: makeKey },
  {
    name: 'write the layout version',
    changes: true,
    run: (of) => keep(of, inTpm.layoutVersion, layoutVersion),
  },
  { name: 'use the passphrase', changes: true, run: usePassphrase },
  { name: 'set the admin password', changes: true, run: setPassword },
];

/** Makes a machine of this computer: identity, secrets, counter and owner of its TPM. Nothing secret leaves it. */
export async function provision(host: Host, options: ProvisionOptions, report: Report): Promise<Provisioned> {
  await using tpm = await host.devices.openTpm();
  const nothing = new Uint8Array();
  const context: Provisioning = {
    host,
    tpm,
    options,
    owner: '',
    policyVersion: '',
    certificate: nothing,
    key: nothing,
  };
  const asked = steps.filter(({ run }) => run !== usePassphrase || options.beforeOwned !== undefined);
  await runOperation(context, asked, report, options.planOnly);
  const { boot, identity, attestationKey } = context;
  if (!boot || !identity) throw new MosError('internal', 'cannot tell what was provisioned');
  return {
    ...identity,
    steps: changingSteps(asked),
    keyset: boot.keyset,
    bootedFor: boot.purpose,
    pcr7: boot.pcr7.toString('hex'),
    attestationKey: attestationKey ?? null,
  };
}

async function checkIdentity(context: Provisioning): Promise<void> {
  const { host, options } = context;
  const anchors = await readSudiAnchors(host, { file: options.ca });
  const pair = await readIdentityPair(host, options.certificate, options.key, {
    anchors,
    time: options.time,
  });
  for (const [file, { length }] of [
    [options.certificate, pair.certificate],
    [options.key, pair.key],
  ] as const)
    if (length > largestIndex)
      throw new MosError(
        'invalid',
        `cannot keep ${file} in a TPM: it has ${length} bytes, there is room for ${largestIndex}`,
      );
  Object.assign(context, pair);
}

async function checkFirmware(context: Provisioning): Promise<void> {
  const { host, tpm, options } = context;
  context.boot = await readMeasuredBoot(host, tpm, options.policies);
}

async function checkTpm(context: Provisioning): Promise<void> {
  const { tpm, options } = context;
  context.owner = await checkOwner(tpm, await passwordArea(context), options.again?.password);
}

/** In a TPM that nobody owns a version means nothing. */
async function checkVersion(context: Provisioning): Promise<void> {
  const { host, tpm, options, boot } = context;
  if (!boot) throw new MosError('internal', 'cannot know the policies before the firmware was checked');
  context.policyVersion = await signedVersion(host, options.policies, boot);
  if (options.again !== undefined) await requireNoLowerVersion(tpm, context.policyVersion);
}

/** An index anew, with its content. */
async function keep(
  { tpm, owner }: Provisioning,
  area: NvPublic,
  content: string | Uint8Array | Secret,
): Promise<void> {
  const text = content instanceof Secret ? content.reveal() : content;
  const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
  if ((await readNvPublic(tpm, area.index)) !== undefined) await undefineNv(tpm, owner, area.index);
  await defineNv(tpm, owner, area);
  await writeNv(tpm, owner, area.index, bytes);
}

async function policyOf({ host, options, boot }: Provisioning, kind: 'luks' | 'tpmpass'): Promise<Buffer> {
  if (!boot) throw new MosError('internal', 'cannot seal before the firmware was checked');
  const pem = await readPolicyKey(host, options.policies, kind, boot.keyset);
  return authorizedPolicy(createPublicKey(Buffer.from(pem)));
}

const passwordArea = async (context: Provisioning): Promise<NvPublic> =>
  inTpm.adminPassword(await policyOf(context, 'tpmpass'), passwordLength);

/** A new one: whoever had the TPM before may know what lies there. The owner's stays. */
async function keepPassword(context: Provisioning): Promise<void> {
  const area = await passwordArea(context);
  await takeBack(context.tpm, area);
  context.password = context.options.again?.password ?? newSecret(passwordLength);
  await keep(context, area, context.password);
}

async function keepUnlocked({ tpm, password }: Provisioning): Promise<void> {
  await neverLock(tpm, (await readOwners(tpm)).lockout ? (password ?? '') : '');
}

const newSecret = (length: number): Secret =>
  new Secret(randomBytes(length).toString('base64url').slice(0, length));

async function sealIdentity(context: Provisioning): Promise<void> {
  const policy = await policyOf(context, 'luks');
  const { certificate, key } = context;
  await keep(context, inTpm.certificate(policy, certificate.length), certificate);
  await keep(context, inTpm.key(policy, key.length), key);
}

async function sealPassphrases(context: Provisioning): Promise<void> {
  const { host, options } = context;
  const policy = await policyOf(context, 'luks');
  const disks = newSecret(passphraseLength);
  await keep(context, inTpm.factoryPassphrase(policy, passphraseLength), newSecret(passphraseLength));
  await keep(context, inTpm.diskPassphrase(policy, passphraseLength), disks);
  const { passphraseFile } = options;
  if (passphraseFile !== undefined) await writeAtomic(host, passphraseFile, disks.reveal(), { mode: 0o600 });
}

async function usePassphrase({ options, identity }: Provisioning): Promise<void> {
  if (identity !== undefined) await options.beforeOwned?.(identity);
}

async function beginFloor(context: Provisioning): Promise<void> {
  const { tpm, owner, key } = context;
  const { floor, floorBase, tickets } = inTpm;
  const password = floorPassword(key);
  for (const area of [floor, tickets]) {
    if ((await readNvPublic(tpm, area.index)) !== undefined) await undefineNv(tpm, owner, area.index);
    await defineNv(tpm, owner, area, password);
  }
  await incrementNv(tpm, floor.index, password);
  const base = Buffer.alloc(floorBase.bytes);
  base.writeBigUInt64BE(await readRawCounter(tpm));
  await keep(context, floorBase, base);
}

async function makeKey(context: Provisioning): Promise<void> {
  const { tpm, owner } = context;
  await removeAttestationKey(tpm, owner, attestationHandle); // a stranger's may lie there
  const key = await makeAttestationKey(tpm, owner, attestationHandle);
  context.attestationKey = key.export({ type: 'spki', format: 'pem' }).toString();
}

/** The owner's last: from then on no index can be removed without it. */
async function setPassword({ tpm, password }: Provisioning): Promise<void> {
  if (password === undefined)
    throw new MosError('internal', `cannot set a password: ${hexIndex(0x1500001)} has none`);
  const owners = await readOwners(tpm);
  for (const hierarchy of ['endorsement', 'lockout', 'owner'] as const)
    if (!owners[hierarchy]) await changeAuth(tpm, hierarchy, '', password);
}
