import { atomfs } from './atomfs/commands.ts';
import type { Program } from './cli/command.ts';
import { mosb } from './mosb/commands.ts';
import { mosctl } from './mosctl/commands.ts';
import { trust } from './trust/commands.ts';

/** The names the executable answers to. */
export const programs: Readonly<Record<string, Program>> = { mosctl, mosb, trust, atomfs };
