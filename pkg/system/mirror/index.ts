export { type Offer, offerMark, readOffer } from './offer.ts';
export type { Content, Shelf } from './shelf.ts';
