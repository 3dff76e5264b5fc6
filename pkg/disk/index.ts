export { type Disk, partitionNodes, readDiskOf, readDisks, readTable } from './block.ts';
export { type PartitionContent, readContent } from './content.ts';
export { makeFileSystem } from './file-system.ts';
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
export { clearUnfinished, isUnfinished, writeTable } from './make.ts';
export { type PartitionWish, parseLayout, planPartitions } from './plan.ts';
export { type DiskTarget, readDiskTarget, requireUsable, type UsePermission } from './target.ts';
export { type PartitionRole, partitionTypes } from './types.ts';
export {
  erasePartition,
  growMounted,
  growVolumeImage,
  makePartitionFileSystem,
  makeVolumeImage,
} from './volume.ts';
