export { type KeyType, keyTypes } from './algorithms.ts';
export { type AnchorOptions, type Anchors, parseAnchors, readAnchors, readSudiAnchors } from './anchors.ts';
export { type AcceptanceTime, type Evidence, type Policy, type Proof, verifyEvidence } from './document.ts';
export { checkName, type KeysOptions, keysFolder } from './keyset/folder.ts';
export { openSigner, parseProjectName, type Signer } from './keyset/signer.ts';
export type { RevocationList } from './revocation.ts';
export type { Verified } from './verified.ts';
