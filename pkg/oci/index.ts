export type { ContentSource, ContentStore, Referrers, Repository, Tags } from './content.ts';
export { Descriptor, digestSchema } from './descriptor.ts';
export { type Digest, digestFromHex, digestHex, isDigest, parseDigest } from './digest.ts';
export {
  ImageIndex,
  ImageManifest,
  parseDocument,
  parseImageIndex,
  parseImageManifest,
} from './documents.ts';
export { annotationKeys, isIndexType, isManifestType, media } from './media.ts';
export {
  isRepositoryName,
  isTag,
  type LayoutReference,
  parseReference,
  type Reference,
  type RegistryReference,
  renderReference,
  type ZotReference,
} from './reference.ts';
export { digestOf, documentLimit, readVerified, verifiedBody } from './stream.ts';
