import type { Program } from '../cli/command.ts';
import { activate } from './activate.ts';
import { boot } from './boot.ts';
import { completion } from './completion.ts';
import { createBootFs } from './create-boot-fs.ts';
import { install } from './install.ts';
import { mount } from './mount.ts';
import { umount } from './umount.ts';
import { update } from './update.ts';

export const mosctl: Program = {
  name: 'mosctl',
  summary: 'Runs a machine whose whole operating system is a set of signed OCI images.',
  groups: {},
  commands: [install, update, activate, boot, createBootFs, mount, umount, completion],
};
