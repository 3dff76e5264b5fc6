export { passphraseForInstall } from './layout.ts';
export { type Protection, readProtection, recordProtection } from './protection.ts';
export { type Provisioned, type ProvisionOptions, provision } from './provision.ts';
export { isProvisioned } from './provisioned.ts';
export { closeSecrets, type Release, releaseSecrets, type Secrets } from './release.ts';
