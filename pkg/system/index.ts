export { sourceDate, workingFolders } from './environment.ts';
export type { InspectedImage, InspectedLayer } from './inspect-image.ts';
export type { InspectedManifest, ManifestProof, VerifyManifestOptions } from './inspect-manifest.ts';
export { type MachinePaths, machinePaths } from './paths.ts';
export { type Place, parseName, parsePlace, type RegistryAccess } from './places.ts';
export type { PublishOptions, PublishResult } from './publish.ts';
export type { PublishedTarget } from './publish-target.ts';

/** The operations, each loaded when it is called: a command pays for its own only. */
export const publish: typeof import('./publish.ts').publish = async (...args) =>
  (await import('./publish.ts')).publish(...args);
export const inspectImage: typeof import('./inspect-image.ts').inspectImage = async (...args) =>
  (await import('./inspect-image.ts')).inspectImage(...args);
export const inspectManifest: typeof import('./inspect-manifest.ts').inspectManifest = async (...args) =>
  (await import('./inspect-manifest.ts')).inspectManifest(...args);
export const verifyPublished: typeof import('./inspect-manifest.ts').verifyPublished = async (...args) =>
  (await import('./inspect-manifest.ts')).verifyPublished(...args);
export type { InstallOptions, InstallResult } from './install.ts';
export type { OperationPlan } from './operation.ts';
export type { UpdateOptions, UpdateResult } from './update.ts';
export const install: typeof import('./install.ts').install = async (...args) =>
  (await import('./install.ts')).install(...args);
export const update: typeof import('./update.ts').update = async (...args) =>
  (await import('./update.ts')).update(...args);
