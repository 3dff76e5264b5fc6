export type { MirroredSource } from './mirrored.ts';
export { type Offer, offerMark, readOffer } from './offer.ts';
export { type MirroredRepositories, openMirrored } from './open.ts';
export type { Pace } from './pace.ts';
export { changeMirrors, listMirrors, type MirrorChange, type Mirrors } from './settings.ts';
export type { Content, Shelf } from './shelf.ts';
