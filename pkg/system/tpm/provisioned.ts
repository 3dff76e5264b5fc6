import type { Host, TpmDevice } from '../../host/index.ts';
import { nvAttributes, readNvPublic } from '../../tpm/index.ts';
import { inTpm } from './layout.ts';
import { openIfThere } from './opened.ts';

/** True where the TPM of this machine has its secrets: it was provisioned. */
export async function isProvisioned(host: Host): Promise<boolean> {
  const tpm = await openIfThere(host);
  if (tpm === undefined) return false;
  await using opened = tpm;
  return await isWritten(opened, inTpm.layoutVersion.index);
}

export async function isWritten(tpm: TpmDevice, index: number): Promise<boolean> {
  const area = await readNvPublic(tpm, index);
  return area !== undefined && (area.attributes & nvAttributes.written) !== 0;
}
