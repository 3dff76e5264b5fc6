import { MosError } from '../../errors/index.ts';
import { type Host, readRuntime, writeRuntime } from '../../host/index.ts';
import type { Instance } from './instance.ts';
import type { Switches } from './switches.ts';

/** All that is on the bridge; it is gone after a reboot, and so is the bridge. */
export type NetworkState = {
  readonly version: 1;
  /** The network namespace that it tells of; the folder's name, an inode, is another one's later. undefined where the kernel does not tell. */
  readonly cookie?: string;
  readonly madeBridge: boolean;
  /** Settings of the kernel as they were before. */
  readonly before: Switches;
  readonly hasIpv6: boolean;
  readonly instances: readonly Instance[];
};

const empty: NetworkState = { version: 1, madeBridge: false, before: {}, hasIpv6: false, instances: [] };
const lockWait = 60_000;
const networks = '/run/mos/network';
export const stateFile = (folder: string): string => `${folder}/state.json`;

/** One per network namespace: what is below /run is shared with those that have another one. */
export async function networkFolder(host: Host): Promise<string> {
  const inode = /^net:\[(\d+)\]$/.exec(await host.files.readLink('/proc/self/ns/net'))?.[1];
  if (inode === undefined) throw new MosError('io', 'cannot tell the network namespace of this process');
  return `${networks}/${inode}`;
}

export async function lockNetworks(host: Host): Promise<AsyncDisposable> {
  await host.files.makeFolder(networks, { parents: true });
  return host.files.lock(`${networks}/.lock`, { wait: lockWait, owner: 'mosctl' });
}

/** What a namespace left that had the inode before is not ours: nothing of it is there any more. */
export async function readState(host: Host, folder: string): Promise<NetworkState> {
  const text = await readRuntime(host, stateFile(folder));
  const cookie = await host.machine.networkCookie();
  const here = cookie === undefined ? empty : { ...empty, cookie };
  if (text === undefined) return here;
  const state = JSON.parse(text) as NetworkState; // only root writes there
  // An older mos wrote no cookie.
  const isOther = state.cookie !== undefined && cookie !== undefined && state.cookie !== cookie;
  return isOther ? here : { ...here, ...state };
}

export const writeState = (host: Host, folder: string, state: NetworkState): Promise<void> =>
  writeRuntime(host, stateFile(folder), `${JSON.stringify(state)}\n`);
