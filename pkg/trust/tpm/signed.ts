import { MosError } from '../../errors/index.ts';
import { type Host, readTextIfThere } from '../../host/index.ts';
import type { SignedPolicy } from '../../tpm/index.ts';
import { type BootPurpose, bootPurposes } from '../keyset/pcr7.ts';
import { pcr7Folder, pcr7Layout } from '../keyset/pcr7-data.ts';
import { luksPolicy, policyVersionIndex } from './policy.ts';

/** What a keyset has signed for one value of PCR 7. */
export type KnownBoot = { readonly purpose: BootPurpose; readonly keyset: string };

/** Who signed policies for this value of PCR 7, and for what; undefined where nobody did. `folder` is a copy of `pcr7data`. */
export async function findKnownBoot(
  host: Host,
  folder: string,
  pcr7: Uint8Array,
): Promise<KnownBoot | undefined> {
  const path = `${folder}/${pcr7Folder(pcr7)}/${pcr7Layout.info}`;
  const text = await readTextIfThere(host, path);
  if (text === undefined) return undefined;
  const { key, key_type } = parseInfo(text, path);
  const purpose = bootPurposes.find((name) => name === key_type);
  if (purpose === undefined || typeof key !== 'string' || !/^[^/\0]{1,64}$/.test(key) || key.startsWith('.'))
    throw new MosError('invalid', `cannot use ${path}: it names no purpose and keyset`);
  return { purpose, keyset: key };
}

function parseInfo(text: string, path: string): Readonly<Record<string, unknown>> {
  try {
    return { ...JSON.parse(text) };
  } catch {
    throw new MosError('invalid', `cannot use ${path}: it is no JSON`);
  }
}

/** PEM of the keys whose signature is a policy for disks, or for the admin password. */
export const readPolicyKey = (
  host: Host,
  folder: string,
  kind: 'luks' | 'tpmpass',
  keyset: string,
): Promise<Uint8Array> => host.files.read(`${folder}/${pcr7Layout.keys}/${kind}-${keyset}.pem`);

/** The policy for disks under this PCR 7 and the version that the TPM says. Whether it is good the TPM decides. */
export const readLuksPolicy = async (
  host: Host,
  folder: string,
  { pcr7, version, keyset }: { readonly pcr7: Uint8Array; readonly version: string; readonly keyset: string },
): Promise<SignedPolicy> => ({
  key: await readPolicyKey(host, folder, 'luks', keyset),
  digest: luksPolicy(pcr7, version),
  signature: await host.files.read(`${folder}/${pcr7Folder(pcr7)}/${pcr7Layout.luks}`),
  version: { index: policyVersionIndex.index, value: version },
});
