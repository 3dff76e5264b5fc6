import type { Program } from '../cli/command.ts';
import { completion } from './completion.ts';
import { install } from './install.ts';
import { update } from './update.ts';

export const mosctl: Program = {
  name: 'mosctl',
  summary: 'Runs a machine whose whole operating system is a set of signed OCI images.',
  groups: {},
  commands: [install, update, completion],
};
