export { listenMirror, type MirrorOptions } from './listen.ts';
