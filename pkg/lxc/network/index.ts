export { type Attachment, networkEntries } from './config.ts';
export { addressOf, type ForwardedPort, type Instance } from './instance.ts';
export { joinNetwork, leaveNetwork, pauseNetwork, repairNetwork, switchNetwork } from './network.ts';
export { type Claim, findConflict, parseListeners } from './ports.ts';
