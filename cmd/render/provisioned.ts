import type { Provisioned } from '../../pkg/system/index.ts';

/** The attestation key is shown once: who keeps it can verify receipts of this machine. */
export const renderProvisioned = ({ serial, product, bootedFor, attestationKey }: Provisioned): string =>
  [
    `this is the machine ${serial} of product ${product}, booted for ${bootedFor} use`,
    ...(attestationKey === null ? [] : [attestationKey.trimEnd()]),
    'provisioned successfully',
  ].join('\n');
