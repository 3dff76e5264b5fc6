export { actLive, type LiveActOptions, type LiveActResult } from './act.ts';
export { type MadeMedium, type MakeMediumOptions, makeLiveMedium } from './make.ts';
export { type LivePin, onMedium, parsePin } from './pinned.ts';
export { type LiveRoot, type LiveRootOptions, mountLiveRoot } from './root.ts';
