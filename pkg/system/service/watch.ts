import { isMosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { openMachine } from '../machine.ts';
import type { MachinePaths } from '../paths.ts';
import { type ServiceState, serviceStates } from './list.ts';
import { servicesFolder } from './record.ts';

/** Held by the supervisor as long as it is there. */
export const supervisorLock = (paths: MachinePaths): string => `${servicesFolder(paths)}/.supervisor`;

/** Looks by taking the lock for an instant. */
export async function isSupervised(host: Host, paths: MachinePaths, owner: string): Promise<boolean> {
  try {
    await using _free = await host.files.lock(supervisorLock(paths), { owner, wait: 0 });
    return false;
  } catch (error) {
    if (isMosError(error, 'busy')) return true;
    throw error;
  }
}

export type ServiceList = {
  readonly services: readonly ServiceState[];
  /** False where there are services that nobody would start again: the supervisor was killed. */
  readonly supervised: boolean;
};

/** The services that were started and not stopped, and whether somebody watches them. */
export async function listServices(host: Host, options: { readonly root: string }): Promise<ServiceList> {
  const { paths } = await openMachine(host, options.root);
  const services = await serviceStates(host, paths);
  return { services, supervised: services.length === 0 || (await isSupervisedSoon(host, paths)) };
}

/** One that an activate started just now takes a moment. Milliseconds. */
const [moment, look] = [1000, 50];

async function isSupervisedSoon(host: Host, paths: MachinePaths): Promise<boolean> {
  const end = host.clock.monotonic() + moment;
  while (!(await isSupervised(host, paths, 'mosctl ps'))) {
    if (host.clock.monotonic() > end) return false;
    await host.clock.sleep(look);
  }
  return true;
}
