export { isWithin, parseAddress } from './address.ts';
export {
  type Allocations,
  bridge,
  type IdRange,
  idRanges,
  noAllocations,
  parseSubordinateIds,
  type ServiceAddress,
} from './allocate.ts';
export { type Capability, capabilityNames } from './capabilities.ts';
export {
  contentOf,
  deriveSystem,
  findTarget,
  findVolume,
  type MachineSystem,
  type MachineTarget,
  type MachineVolume,
  type Sources,
} from './derive.ts';
export { type Change, type Content, diffContent, summarizeChanges } from './diff.ts';
export {
  type ImportFile,
  type ImportTarget,
  parseImportFile,
  type ResolvedImage,
  toInstallManifest,
} from './import.ts';
export {
  type InstallManifest,
  type InstallTarget,
  parseInstallManifest,
  type ReadInstallManifest,
  type UpdateType,
} from './install.ts';
export { absorbAllocations, type Merged, type MergeInput, mergeUpdate } from './merge.ts';
export {
  isHostIds,
  type ManifestSha,
  type NsGroup,
  type Product,
  parseManifestSha,
  parseProduct,
  parseServiceName,
  parseVolumeLabel,
  type ServiceName,
  type VolumeLabel,
} from './names.ts';
export { diffReleases } from './release-changes.ts';
export { type Running, recallOf, releasesFor } from './release-choice.ts';
export {
  type Architecture,
  architectures,
  parseReleaseIndex,
  type ReadReleaseIndex,
  type Release,
  type ReleaseIndex,
  renderReleaseIndex,
  seedCount,
  type Wave,
} from './release-index.ts';
export { type FleetPart, parseFleetPart, wavesOf } from './release-waves.ts';
export { renderInstallManifest } from './render.ts';
export {
  certificateFile,
  type IdMap,
  parseSystemManifest,
  renderSystemManifest,
  type SystemManifest,
  type SystemTarget,
  type SystemVolume,
  signatureFile,
  sourceFile,
  systemManifestFile,
} from './system.ts';
export {
  type Health,
  isBootTarget,
  type Network,
  type NetworkType,
  type Port,
  type Resources,
  type ServiceType,
  type StorageUse,
  type TargetExtras,
  type Volume,
} from './target.ts';
