import type { Program } from '../cli/command.ts';
import { mount } from './mount.ts';
import { umount } from './umount.ts';
import { verify } from './verify.ts';

export const atomfs: Program = {
  name: 'atomfs',
  summary: 'Mounts images of an OCI layout, block by block verified, as container managers call it.',
  groups: {},
  commands: [mount, umount, verify],
};
