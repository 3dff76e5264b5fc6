import type { Host } from '../../host/index.ts';
import type { MachineSystem } from '../../manifest/index.ts';
import { type ApiRole, apiRoles } from '../../trust/index.ts';
import { runningCommit } from '../current.ts';
import { loadGeneration } from '../generation.ts';
import { openMachine } from '../machine.ts';
import type { MachinePaths } from '../paths.ts';

/** Where a service that may call the API finds its socket. */
export const grantedPlace = '/run/mos';

/**
 * The folder with the socket for services; they are given the folder, so that a new daemon's socket is seen in them too.
 * LXC mounts it with the ids of the service, so it can't be closed to users of the host: the kernel tells who they are.
 */
export async function makeGrantedFolder(host: Host, { run }: MachinePaths): Promise<string> {
  const folder = `${run}/granted`;
  await host.files.makeFolder(folder, { parents: true, mode: 0o755 });
  return folder;
}

/** An id range on the host, the services that have it, and what they may do. */
export type ServiceGrant = {
  readonly services: readonly string[];
  readonly role: ApiRole;
  readonly start: number;
  readonly count: number;
};

/**
 * What the signed manifests grant. The kernel tells services apart by their ids only, so those of one nsgroup have one
 * role: the least that any of them has, and none where one has none. Who has the ids of the host has no role.
 */
export function grantsOf({ targets }: Pick<MachineSystem, 'targets'>): readonly ServiceGrant[] {
  const containers = targets.filter(({ target }) => target.service_type === 'container');
  const maps = new Map(
    containers.flatMap(({ idmap }) => (idmap === undefined ? [] : [[idmap.hostid, idmap] as const])),
  );
  return [...maps.values()].flatMap(({ hostid, count }) => {
    const members = containers.filter(({ idmap }) => idmap?.hostid === hostid);
    const least = Math.min(
      ...members.map(({ target }) => apiRoles.indexOf(target.api_role ?? ('none' as ApiRole))),
    );
    const role = apiRoles[least];
    return role === undefined
      ? []
      : [{ services: members.map(({ name }) => name), role, start: hostid, count }];
  });
}

/** Those of the running generation, verified. */
export async function serviceGrants(
  host: Host,
  { root, ca }: { readonly root: string; readonly ca?: string | undefined },
): Promise<readonly ServiceGrant[]> {
  const machine = await openMachine(host, root);
  const commit = await runningCommit(host, machine, 'tell services apart');
  return grantsOf((await loadGeneration(host, machine, commit, { ca })).machine);
}
