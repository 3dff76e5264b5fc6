import { MosError, messageOf, Secret } from '../../errors/index.ts';
import type { Host, TpmDevice } from '../../host/index.ts';
import {
  closePcr7,
  type NvPublic,
  PolicySession,
  readNv,
  readNvPublic,
  readPcr,
  type SignedPolicy,
} from '../../tpm/index.ts';
import { findKnownBoot, readLuksPolicy } from '../../trust/index.ts';
import { inTpm, layoutVersion } from './layout.ts';
import { openIfThere } from './opened.ts';

/** The secrets of a machine, for the production boot file only. */
export type Secrets = {
  readonly certificate: Uint8Array;
  readonly key: Uint8Array;
  readonly diskPassphrase: Secret;
};

/** What the TPM gave, or why it gave nothing. After either, nothing of this boot gets a secret. */
export type Release =
  | ({ readonly kind: 'released' } & Secrets)
  | { readonly kind: 'no TPM' }
  | { readonly kind: 'not provisioned' }
  | { readonly kind: 'withheld'; readonly why: string };

/**
 * Asks the TPM for the secrets of this machine, and closes PCR 7 whatever came of it. That it can't be closed is the
 * one error: who gets it must not go on. `policies` is a copy of `pcr7data` of the keyset.
 */
export async function releaseSecrets(host: Host, policies: string): Promise<Release> {
  const tpm = await openIfThere(host);
  if (tpm === undefined) return { kind: 'no TPM' };
  await using opened = tpm;
  try {
    return await release(host, opened, policies);
  } catch (error) {
    return { kind: 'withheld', why: messageOf(error) };
  } finally {
    await close(opened);
  }
}

/** Closes PCR 7 of a machine that has a TPM; false where it has none. */
export async function closeSecrets(host: Host): Promise<boolean> {
  const tpm = await openIfThere(host);
  if (tpm === undefined) return false;
  await using opened = tpm;
  await close(opened);
  return true;
}

async function close(tpm: TpmDevice): Promise<void> {
  const before = await readPcr(tpm, 7);
  await closePcr7(tpm);
  if ((await readPcr(tpm, 7)).equals(before))
    throw new MosError('internal', 'cannot close PCR 7: the TPM says that it did, and its value is the same');
}

async function release(host: Host, tpm: TpmDevice, policies: string): Promise<Release> {
  const layout = await readOpen(tpm, inTpm.layoutVersion);
  if (layout === undefined) return { kind: 'not provisioned' };
  if (layout !== layoutVersion)
    return {
      kind: 'withheld',
      why: `the layout of the TPM is ${layout}, this program knows ${layoutVersion}`,
    };
  const pcr7 = await readPcr(tpm, 7);
  const boot = await findKnownBoot(host, policies, pcr7);
  if (boot === undefined)
    return { kind: 'withheld', why: `no policy was signed for PCR 7 = ${pcr7.toString('hex')}` };
  if (boot.purpose !== 'production')
    return { kind: 'withheld', why: `this boot file is signed for ${boot.purpose} use` };
  const version = (await readOpen(tpm, inTpm.policyVersion)) ?? '';
  const policy = await readLuksPolicy(host, policies, { pcr7, version, keyset: boot.keyset });
  const nothing = new Uint8Array();
  const read = (area: (policy: Uint8Array, bytes: number) => NvPublic) =>
    readSealed(tpm, area(nothing, 0).index, policy);
  return {
    kind: 'released',
    certificate: await read(inTpm.certificate),
    key: await read(inTpm.key),
    diskPassphrase: new Secret((await read(inTpm.diskPassphrase)).toString('latin1')),
  };
}

/** Of an index that everybody may read; undefined where it is not there. */
export async function readOpen(tpm: TpmDevice, { index }: NvPublic): Promise<string | undefined> {
  const area = await readNvPublic(tpm, index);
  return area && (await readNv(tpm, area, () => ({ password: '' }))).toString('latin1');
}

/** A session is good for one piece. */
async function readSealed(tpm: TpmDevice, index: number, policy: SignedPolicy): Promise<Buffer> {
  const area = await readNvPublic(tpm, index);
  if (area === undefined)
    throw new MosError('not-found', `cannot read 0x${index.toString(16)} of the TPM: it is not there`);
  await using session = await PolicySession.start(tpm);
  return await readNv(tpm, area, async () => {
    await session.meet(policy);
    return { session: session.handle };
  });
}
