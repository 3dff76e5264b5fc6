export { listVolumes, type VolumeState } from './list.ts';
export { closeVolumes, openVolume, type VolumeRoot } from './open.ts';
export { volumesIn } from './place.ts';
export { type PurgeResult, purgeVolume } from './purge.ts';
