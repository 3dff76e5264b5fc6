import type { Program } from '../cli/command.ts';
import { bootkitBuild, bootkitInspect } from './bootkit.ts';
import { imageConvert } from './image-convert.ts';
import { imageInspect } from './image-inspect.ts';
import { manifestInspect } from './manifest-inspect.ts';
import { manifestPublish } from './manifest-publish.ts';
import { manifestVerify } from './manifest-verify.ts';
import { mkboot, mkprovision } from './mkboot.ts';
import { releaseAdd } from './release-add.ts';
import { releaseSetMax, releaseSetWaves, releaseWithdraw } from './release-change.ts';
import { releaseShow, releaseSign } from './release-sign.ts';

export const mosb: Program = {
  name: 'mosb',
  summary: 'Builds, signs and publishes what machines run.',
  groups: {
    manifest: 'install manifests: what a machine runs, signed',
    release: 'channels: which release which machines are offered, and when',
    image: 'images with verified layers',
    bootkit: 'what machines boot from',
  },
  commands: [
    manifestPublish,
    manifestInspect,
    manifestVerify,
    releaseAdd,
    releaseSetWaves,
    releaseSetMax,
    releaseWithdraw,
    releaseSign,
    releaseShow,
    imageConvert,
    imageInspect,
    bootkitBuild,
    bootkitInspect,
    mkboot,
    mkprovision,
  ],
};
