import type { Host } from '../../host/index.ts';
import { quote, readAttestationKey, readPcr } from '../../tpm/index.ts';
import type { QuotedPcrs } from '../../trust/index.ts';
import { attestationHandle } from './layout.ts';
import { openIfAllowed } from './opened.ts';

/** Firmware, its settings, what was started, Secure Boot, the boot file (TCG PC Client Platform Firmware Profile, 3.3.4; systemd-stub). */
const told = [0, 2, 4, 7, 11] as const;

/** What the TPM of this computer says about `about`; undefined where there is no attestation key, or we may not ask. */
export async function quotePcrs(host: Host, about: Uint8Array): Promise<QuotedPcrs | undefined> {
  const tpm = await openIfAllowed(host);
  if (tpm === undefined) return undefined;
  await using opened = tpm;
  const key = await readAttestationKey(opened, attestationHandle);
  if (key === undefined) return undefined;
  const values: [string, string][] = [];
  for (const pcr of told) values.push([String(pcr), (await readPcr(opened, pcr)).toString('hex')]);
  const { attested, signature } = await quote(opened, attestationHandle, told, about);
  return {
    key: key.export({ type: 'spki', format: 'pem' }).toString(),
    attested: attested.toString('base64'),
    signature: signature.toString('base64'),
    pcrs: Object.fromEntries(values),
  };
}
