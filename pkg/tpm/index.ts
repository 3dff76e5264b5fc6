export {
  algorithms,
  type NvPublic,
  nameOf,
  nvAttributes,
  renderNvPublic,
  renderPcrSelection,
  renderVerifyingKey,
} from './areas.ts';
export { makeAttestationKey, type Quote, quote, readAttestationKey } from './attest.ts';
export { type Authorization, commandCodes } from './command.ts';
export {
  changeAuth,
  defineNv,
  hasOwner,
  hexIndex,
  incrementNv,
  listNv,
  readNv,
  readNvPublic,
  undefineNv,
  writeNv,
} from './nv.ts';
export { closedPcr7, closePcr7, extendPcr, readPcr } from './pcr.ts';
export { PolicySession, type SignedPolicy } from './session.ts';
export { Reader, u32 } from './wire.ts';
