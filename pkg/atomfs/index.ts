export { checkLayer, inspectLayer } from './check.ts';
export { type FileSystem, parseFileSystem } from './filesystem.ts';
export { type LayerFrame, readFrame } from './frame.ts';
export type { LayerInspector } from './inspector.ts';
export {
  isAtomfsLayer,
  type LayerFormat,
  type LayerType,
  parseLayerType,
  renderLayerType,
  rootHashOf,
} from './layer.ts';
export {
  parseVeritySuperblock,
  planVerity,
  renderVeritySuperblock,
  type VerityLevel,
  type VerityPlan,
  type VeritySuperblock,
  veritySalt,
} from './verity.ts';
