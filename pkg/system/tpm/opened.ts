import { isMosError } from '../../errors/index.ts';
import type { Host, TpmDevice } from '../../host/index.ts';

/** undefined where there is no TPM. */
export const openIfThere = (host: Host): Promise<TpmDevice | undefined> => openUnless(host, ['unsupported']);

/** Only root may talk to a TPM: for others it is as if there were none. */
export const openIfAllowed = (host: Host): Promise<TpmDevice | undefined> =>
  openUnless(host, ['unsupported', 'denied']);

async function openUnless(
  host: Host,
  codes: readonly ('unsupported' | 'denied')[],
): Promise<TpmDevice | undefined> {
  try {
    return await host.devices.openTpm();
  } catch (error) {
    if (codes.some((code) => isMosError(error, code))) return undefined;
    throw error;
  }
}
