export {
  algorithms,
  type NvPublic,
  nameOf,
  nvAttributes,
  renderNvPublic,
  renderPcrSelection,
  renderVerifyingKey,
} from './areas.ts';
export { makeAttestationKey, type Quote, quote, readAttestationKey, removeAttestationKey } from './attest.ts';
export { type Authorization, commandCodes } from './command.ts';
export {
  changeAuth,
  clearOwners,
  defineNv,
  extendNv,
  hexIndex,
  incrementNv,
  listNv,
  neverLock,
  readNv,
  readNvOfNobody,
  readNvPublic,
  readOwners,
  undefineNv,
  writeNv,
} from './nv.ts';
export { closedPcr7, closePcr7, extendPcr, readPcr } from './pcr.ts';
export { PolicySession, type SignedPolicy } from './session.ts';
export { Reader, u32 } from './wire.ts';
