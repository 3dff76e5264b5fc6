export { type KeyType, keyTypes } from './algorithms.ts';
export { type AnchorOptions, type Anchors, parseAnchors, readAnchors, readSudiAnchors } from './anchors.ts';
export { type AcceptanceTime, type Evidence, type Policy, type Proof, verifyEvidence } from './document.ts';
export {
  type AddedKeyset,
  type AddedProject,
  type AddedSudi,
  addKeyset,
  addProject,
  addSudi,
  type KeysetOptions,
} from './keyset/add.ts';
export { type KeysOptions, keysFolder } from './keyset/folder.ts';
export { listKeysets, listProjects, listSudis } from './keyset/list.ts';
export { type ShownFile, type ShownKeyset, showKeyset } from './keyset/show.ts';
export { openSigner, parseProjectName, type Signer } from './keyset/signer.ts';
export { type VerifiedManifest, verifyInstallManifest } from './manifest.ts';
export type { RevocationList } from './revocation.ts';
export type { Verified } from './verified.ts';
