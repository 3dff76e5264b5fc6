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
export { findIsoVolumes, parseIsoLabel } from './iso.ts';
export {
  closeEncrypted,
  isEncrypted,
  keySlots,
  luksHeaderBytes,
  makeEncrypted,
  openEncrypted,
  requireEncryption,
} from './luks.ts';
export { giveRecoveryKey, keyFits, replaceKey } from './luks-keys.ts';
export { chooseMachineDisk, type MachineDisk, type MachineRole } from './machine.ts';
export {
  clearMark,
  hasOurPartitions,
  type InstallProgress,
  markInstalling,
  progressOf,
  readMark,
  writeTable,
} from './make.ts';
export { type PartitionWish, parseLayout, planPartitions } from './plan.ts';
export { parseRecoveryKey, recoveryKeyBytes, renderRecoveryKey } from './recovery-key.ts';
export { type DiskTarget, readDiskTarget, requireUsable, type UsePermission } from './target.ts';
export { type PartitionRole, partitionTypes } from './types.ts';
export {
  erasePartition,
  growMounted,
  growVolumeImage,
  makePartitionFileSystem,
  makeVolumeImage,
} from './volume.ts';
