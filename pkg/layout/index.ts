export { type DockerArchive, openDockerArchive } from './archive/open.ts';
export { isLayout, type OpenLayoutOptions, openLayout } from './open.ts';
export type {
  GcOptions,
  GcResult,
  Layout,
  Problem,
  RebuildOptions,
  RemovedBlob,
  VerifyOptions,
  VerifyResult,
  ZotRoot,
} from './types.ts';
export { openZotRoot, requireRepositoryName } from './zot.ts';
