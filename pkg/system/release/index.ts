export { type AddReleaseOptions, addRelease } from './add.ts';
export { type Channel, parseChannel, referenceOfRelease, renderChannel } from './channel.ts';
export { type EditedChannel, type ReleaseName, setMax, setWaves, withdrawRelease } from './edit.ts';
export type { ChannelOptions } from './publishing.ts';
export { type MachineIndex, type ReadIndexOptions, readReleaseIndex } from './read.ts';
export {
  type ShownChannel,
  type SignChannelOptions,
  type SignedIndex,
  showChannel,
  signIndex,
} from './sign.ts';
