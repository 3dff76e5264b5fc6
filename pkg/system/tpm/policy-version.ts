import { MosError } from '../../errors/index.ts';
import type { Host, TpmDevice } from '../../host/index.ts';
import { findPolicyVersion } from '../../trust/index.ts';
import { inTpm } from './layout.ts';
import type { MeasuredBoot } from './measured.ts';
import { isWritten } from './provisioned.ts';
import { readOpen } from './release.ts';

/** What the policies of this boot file ask for: the TPM gives nothing under another version. `policies` is a copy of `pcr7data`. */
export async function signedVersion(host: Host, policies: string, boot: MeasuredBoot): Promise<string> {
  const version = await findPolicyVersion(host, policies, boot);
  if (version !== undefined) return version;
  throw new MosError(
    'untrusted',
    `cannot provision this machine: no policy for its disks is signed by ${boot.keyset} for its firmware`,
    { hint: 'trust keyset pcr7data signs it, for all three boot files of one firmware together' },
  );
}

/** A higher version in a TPM of ours has made these policies void, and they stay so. */
export async function requireNoLowerVersion(tpm: TpmDevice, signed: string): Promise<void> {
  const area = inTpm.policyVersion;
  const kept = (await isWritten(tpm, area.index)) ? await readOpen(tpm, area) : undefined;
  if (kept === undefined || kept <= signed) return;
  throw new MosError(
    'downgrade',
    `cannot provision this machine again: its TPM requires policy version ${kept}, this boot file has policies of ${signed}`,
    { hint: `start one that was built after trust keyset pcr7data --policy-version ${kept}` },
  );
}
