export { actLive, type LiveActOptions, type LiveActResult } from './act.ts';
export { fetchLive, type LiveFetchOptions, parseAvailable } from './fetch.ts';
export { makeLiveMedium } from './make.ts';
export type { MadeMedium, MakeMediumOptions } from './making.ts';
export {
  type LivePin,
  mediumFolder,
  onMedium,
  parsePin,
  renderRoot,
  requireRegistry,
  rootWord,
} from './pinned.ts';
export { type LiveRoot, type LiveRootOptions, mountLiveRoot } from './root.ts';
