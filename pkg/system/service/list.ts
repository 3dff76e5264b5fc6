import { type Host, readTextIfThere } from '../../host/index.ts';
import { type ContainerEnd, containerProcess, parseEnd } from '../../lxc/index.ts';
import { openMachine } from '../machine.ts';
import type { MachinePaths } from '../paths.ts';
import {
  findService,
  type Instance,
  listInstances,
  type RestartPolicy,
  type ServiceFolder,
} from './record.ts';

export type ServiceState = {
  readonly name: string;
  readonly version: string;
  readonly image: string;
  readonly generation: number;
  /** `waiting`: it ended and will be started again. */
  readonly state: 'running' | 'ended' | 'waiting';
  /** As the host sees it. */
  readonly process: number | null;
  readonly firstId: number | null;
  readonly started: string;
  readonly restart: RestartPolicy;
  readonly restarts: number;
  readonly lastEnd: ContainerEnd | null;
};

/** The services that were started and not stopped. */
export async function ps(host: Host, options: { readonly root: string }): Promise<readonly ServiceState[]> {
  const { paths } = await openMachine(host, options.root);
  return serviceStates(host, paths);
}

export async function serviceStates(host: Host, paths: MachinePaths): Promise<readonly ServiceState[]> {
  const instances = await listInstances(host, paths);
  const services = [...new Set(instances.map(({ folder }) => folder.service))].sort();
  const found = await Promise.all(services.map((service) => findService(host, paths, service)));
  return Promise.all(found.flatMap((instance) => (instance === undefined ? [] : [stateOf(host, instance)])));
}

async function stateOf(host: Host, { folder, record }: Instance): Promise<ServiceState> {
  const process = await containerProcess(host, folder);
  const lastEnd = process === undefined ? await endOf(host, folder) : record.lastEnd;
  return {
    name: record.name,
    version: record.imageVersion,
    image: record.image,
    generation: record.generation,
    state: process !== undefined ? 'running' : isOver(record.restart, lastEnd) ? 'ended' : 'waiting',
    process: process ?? null,
    firstId: record.firstId ?? null,
    started: record.started,
    restart: record.restart,
    restarts: record.restarts,
    lastEnd: lastEnd ?? null,
  };
}

/** Of a container that does not run. */
export const endOf = async (host: Host, folder: ServiceFolder): Promise<ContainerEnd> =>
  parseEnd((await readTextIfThere(host, folder.lxcLog)) ?? '');

/** Whether the policy leaves it as it is. */
export const isOver = (policy: RestartPolicy, end: ContainerEnd | undefined): boolean =>
  policy === 'no' || (policy === 'on-failure' && end !== undefined && 'code' in end && end.code === 0);
