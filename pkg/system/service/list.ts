import { type Host, readTextIfThere } from '../../host/index.ts';
import { type ContainerEnd, containerProcess, parseEnd } from '../../lxc/index.ts';
import { openMachine } from '../machine.ts';
import type { MachinePaths } from '../paths.ts';
import { listServices, type RestartPolicy, readRecord, type ServiceFolder, serviceFolder } from './record.ts';

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
  const states: ServiceState[] = [];
  for (const name of await listServices(host, paths)) {
    const state = await stateOf(host, serviceFolder(paths, name));
    if (state !== undefined) states.push(state);
  }
  return states;
}

async function stateOf(host: Host, folder: ServiceFolder): Promise<ServiceState | undefined> {
  const record = await readRecord(host, folder);
  if (record === undefined) return undefined;
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
