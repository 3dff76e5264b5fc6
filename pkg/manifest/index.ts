export {
  type Allocations,
  bridge,
  type IdRange,
  idRanges,
  noAllocations,
  parseSubordinateIds,
  type ServiceAddress,
} from './allocate.ts';
export {
  type ImportFile,
  type ImportTarget,
  isBootTarget,
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
export {
  isHostIds,
  type ManifestSha,
  type NsGroup,
  type Product,
  parseManifestSha,
  parseProduct,
  parseServiceName,
  type ServiceName,
  type VolumeLabel,
} from './names.ts';
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
export type {
  Health,
  Network,
  Port,
  Resources,
  ServiceType,
  StorageUse,
  TargetExtras,
  Volume,
} from './target.ts';
