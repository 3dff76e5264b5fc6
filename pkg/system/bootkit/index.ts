export { type BuildBootkitOptions, type BuiltBootkit, buildBootkit } from './build.ts';
export { type BootFile, readBootFile } from './inspect.ts';
