export { tarCompressionOf, tarMagicSize } from './compression.ts';
export type {
  ContentSource,
  ContentStore,
  ImageSource,
  ReadOptions,
  Referrers,
  Repository,
  Tags,
} from './content.ts';
export {
  applyCopy,
  type CopyOptions,
  type CopyPlan,
  type CopyProgress,
  copyGraph,
  planCopy,
} from './copy.ts';
export type { Descriptor } from './descriptor.ts';
export { type Digest, digestFromHex, digestHex, isDigest, parseDigest } from './digest.ts';
export {
  type ImageIndex,
  type ImageManifest,
  isDescriptor,
  parseImageIndex,
  parseImageManifest,
  parseJson,
} from './documents.ts';
export { childrenOf, type GraphNode, isDocument, parseManifestOrIndex, walkGraph } from './graph.ts';
export { annotationKeys, isIndexType, isManifestType, media } from './media.ts';
export { runPool } from './pool.ts';
export {
  isRegistry,
  isRepositoryName,
  isTag,
  type LayoutReference,
  parseReference,
  type Reference,
  type RegistryReference,
  redacted,
  renderReference,
  type ZotReference,
} from './reference.ts';
export { type BodyCheck, checkBody, digestOf, documentLimit, readVerified, verifiedBody } from './stream.ts';
