export { checkLayer, inspectLayer } from './check.ts';
export {
  type ConvertOptions,
  chooseManifest,
  convertImage,
  defaultFormat,
  defaultLimit,
  type Platform,
  parsePlatform,
  platformOf,
} from './convert/index.ts';
export { type FileSystem, parseFileSystem } from './filesystem.ts';
export { type LayerFrame, readFrame } from './frame.ts';
export { findMolecule, type LayerState, listMolecules, verifyMolecule } from './inspect.ts';
export { type Inspection, type LayerWatch, openInspection } from './inspection/index.ts';
export type { LayerInspector } from './inspector.ts';
export {
  isAtomfsLayer,
  type LayerFormat,
  type LayerType,
  parseLayerType,
  renderLayerType,
  rootHashOf,
} from './layer.ts';
export type {
  Integrity,
  LayerUse,
  Molecule,
  MoleculeLayer,
  MoleculeRequest,
  Mounted,
  Runtime,
  Upper,
} from './molecule.ts';
export { mountMolecule } from './mount.ts';
export { layersInUse, type Swept, sweepMolecules } from './sweep.ts';
export { type Unmounted, unmountMolecule } from './unmount.ts';
export {
  parseVeritySuperblock,
  planVerity,
  renderVeritySuperblock,
  type VerityLevel,
  type VerityPlan,
  type VeritySuperblock,
  veritySalt,
} from './verity.ts';
