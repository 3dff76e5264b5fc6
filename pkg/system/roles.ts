import type { RoleMove } from '../state/index.ts';
import type { CommitId, Roles } from './current.ts';

/**
 * The moves that make a new generation real: by the next boot where that must do it; else now, and then nothing waits
 * for the next boot any more. After a power cut between the two see `effectiveRoles`.
 */
export const rolesFor = ({ current, next }: Roles, to: CommitId, needsReboot: boolean): RoleMove[] =>
  needsReboot
    ? [{ role: 'next', from: next, to }]
    : [
        { role: 'current', from: current, to },
        { role: 'next', from: next, to: undefined },
      ];

/** Takes that back. */
export const rolesBack = (now: Roles, before: Roles): RoleMove[] =>
  (['current', 'next'] as const).map((role) => ({ role, from: now[role], to: before[role] }));
