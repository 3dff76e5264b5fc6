export { type Provisioned, type ProvisionOptions, provision } from './provision.ts';
export { closeSecrets, type Release, releaseSecrets, type Secrets } from './release.ts';
