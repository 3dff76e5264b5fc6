export { type Disk, readDiskOf, readDisks } from './block.ts';
export { type PartitionContent, readContent } from './content.ts';
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
export { isEncrypted, openEncrypted } from './luks.ts';
export { chooseMachineDisk, type MachineDisk, type MachineRole } from './machine.ts';
export { type PartitionWish, planPartitions } from './plan.ts';
export { type PartitionRole, partitionTypes } from './types.ts';
export {
  erasePartition,
  growMounted,
  growVolumeImage,
  makePartitionFileSystem,
  makeVolumeImage,
} from './volume.ts';
