export { type Entry, renderLxcConfig } from './config.ts';
export { capabilities, renderSeccomp } from './confinement.ts';
export { type Container, type Limits, planContainer } from './container.ts';
export { drainContainer, isConnected } from './draining.ts';
export { type ContainerEnd, parseEnd } from './ending.ts';
export { type Probed, probeHealth, usualHealth } from './health.ts';
export { findIoWeight, type IoWeightFile } from './io-weight.ts';
export {
  type Attachment,
  addressOf,
  type Claim,
  type ForwardedPort,
  joinNetwork,
  leaveNetwork,
  pauseNetwork,
  repairNetwork,
  switchNetwork,
} from './network/index.ts';
export { type Accounts, type ImageProcess, type Process, requireIds, resolveProcess } from './process.ts';
export {
  cannotExecute,
  containerProcess,
  type ExecRequest,
  execInContainer,
  isRunning,
  type Place,
  startContainer,
  stopContainer,
  waitUntilStopped,
} from './programs.ts';
export { renderStarter, starterPlace } from './starter.ts';
export { parseStartFailure } from './starting.ts';
export { unitCommand } from './unit.ts';
