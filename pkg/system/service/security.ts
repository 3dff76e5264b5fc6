import type { Host } from '../../host/index.ts';
import { findTarget, type ServiceName } from '../../manifest/index.ts';
import { runningCommit } from '../current.ts';
import { loadGeneration } from '../generation.ts';
import { openMachine, openStore } from '../machine.ts';
import type { MachinePaths } from '../paths.ts';
import { readAbilities } from './abilities.ts';
import { idsOf, readProcess } from './prepare.ts';
import { findService } from './record.ts';
import { judgeSecurity, type SecurityFacts, type SecurityPoint } from './score.ts';

export type ServiceSecurity = {
  readonly name: string;
  /** From 0 to 100. */
  readonly score: number;
  readonly points: readonly SecurityPoint[];
};
export type SecurityResult = { readonly services: readonly ServiceSecurity[] };

/** How well each service of the running generation is confined, and what makes it so. */
export async function security(
  host: Host,
  { root, ca }: { readonly root: string; readonly ca?: string | undefined },
): Promise<SecurityResult> {
  const machine = await openMachine(host, root);
  const commit = await runningCommit(host, machine, 'tell how services are confined');
  const { machine: system } = await loadGeneration(host, machine, commit, { ca });
  const store = await openStore(host, machine);
  const able = await readAbilities(host);
  const services: ServiceSecurity[] = [];
  for (const { name, target } of system.targets) {
    if (target.service_type !== 'container') continue;
    const points = judgeSecurity({
      ...{ target, ...able },
      firstId: idsOf(findTarget(system, name))?.start,
      user: (await readProcess(target, store)).User ?? '',
      integrity: await integrityOf(host, machine.paths, name),
    });
    services.push({ name, score: points.reduce((sum, { got }) => sum + got, 0), points });
  }
  return { services };
}

async function integrityOf(
  host: Host,
  paths: MachinePaths,
  name: ServiceName,
): Promise<SecurityFacts['integrity']> {
  const found = await findService(host, paths, name);
  if (found === undefined) return undefined;
  const { listMolecules } = await import('../../atomfs/index.ts');
  const { rootfs } = found.folder;
  const mounted = (await listMolecules(host, { runtime: paths.run })).find(({ target }) => target === rootfs);
  if (mounted === undefined) return undefined;
  if (mounted.layers.some(({ copy }) => copy !== undefined)) return 'unpacked';
  return mounted.layers.every(({ check }) => check === 'verity') ? 'verity' : 'digest';
}
