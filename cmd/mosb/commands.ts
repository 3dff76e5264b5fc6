import type { Program } from '../cli/command.ts';
import { bootkitBuild, bootkitInspect } from './bootkit.ts';
import { imageConvert } from './image-convert.ts';
import { imageInspect } from './image-inspect.ts';
import { manifestInspect } from './manifest-inspect.ts';
import { manifestPublish } from './manifest-publish.ts';
import { manifestVerify } from './manifest-verify.ts';

export const mosb: Program = {
  name: 'mosb',
  summary: 'Builds, signs and publishes what machines run.',
  groups: {
    manifest: 'install manifests: what a machine runs, signed',
    image: 'images with verified layers',
    bootkit: 'what machines boot from',
  },
  commands: [
    manifestPublish,
    manifestInspect,
    manifestVerify,
    imageConvert,
    imageInspect,
    bootkitBuild,
    bootkitInspect,
  ],
};
