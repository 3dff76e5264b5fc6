export { type BuildBootkitOptions, type BuiltBootkit, buildBootkit } from './build.ts';
export { bootFileOf, type DescribedBootFile, inBootkit, parseBuildId } from './contents.ts';
export { type BootFile, readBootFile } from './inspect.ts';
export type { PackInitrd } from './parts.ts';
