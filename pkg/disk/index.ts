export { type Disk, readDisks } from './block.ts';
export {
  backSectors,
  frontSectors,
  type Partition,
  type PartitionTable,
  parseGpt,
  renderGpt,
  sectorSize,
} from './gpt.ts';
export { guidBytes, renderGuid } from './guid.ts';
export { chooseMachineDisk, type MachineDisk, type MachineRole } from './machine.ts';
export { type PartitionWish, planPartitions } from './plan.ts';
export { type PartitionRole, partitionTypes } from './types.ts';
export { growFileSystem, growVolumeImage, makeVolumeImage } from './volume.ts';
