import { MosError } from '../errors/index.ts';
import { type Host, type Peer, readTextIfThere } from '../host/index.ts';
import type { ServiceGrant } from '../system/index.ts';
import { type ApiRole, apiRoles } from '../trust/index.ts';

/** Who calls, and what they may do. */
export type Caller = {
  readonly name: string;
  readonly role: ApiRole;
  /** Where it is a service of the machine. */
  readonly service?: string;
};

/** The group whose members may operate the machine without a certificate. */
export const apiGroup = 'mos';

/** Each role may do what those before it may. */
export const mayCall = (role: ApiRole, needed: ApiRole): boolean =>
  apiRoles.indexOf(role) >= apiRoles.indexOf(needed);

/** Number of a group in /etc/group (group(5)); undefined where there is none. */
export function parseGroup(text: string, name: string): number | undefined {
  for (const line of text.split('\n')) {
    const [group, , id] = line.split(':');
    if (group === name && /^\d+$/.test(id ?? '')) return Number(id);
  }
  return undefined;
}

export const readApiGroup = async (host: Host): Promise<number | undefined> =>
  parseGroup((await readTextIfThere(host, '/etc/group')) ?? '', apiGroup);

/** A service of the machine, by its ids and by what its signed manifest grants. */
export function callerOfService({ uid }: Peer, grants: readonly ServiceGrant[]): Caller {
  const grant = grants.find(({ start, count }) => uid >= start && uid < start + count);
  if (grant === undefined)
    throw new MosError('denied', `cannot answer uid ${uid}: it is no service that may ask`, {
      hint: 'its signed manifest grants it: api_role',
    });
  const service = grant.services.join(',');
  return { name: `service ${service}`, role: grant.role, service };
}

/** Who is at the other end of the Unix socket: root is admin, the group operator, others nobody. */
export function callerOfPeer({ uid, groups }: Peer, group: number | undefined): Caller {
  if (uid === 0) return { name: 'uid 0', role: 'admin' };
  if (group !== undefined && groups.includes(group)) return { name: `uid ${uid}`, role: 'operator' };
  throw new MosError('denied', `cannot answer uid ${uid}: it is not in the group ${apiGroup}`, {
    hint: `add the user to the group: usermod -a -G ${apiGroup} USER`,
  });
}
