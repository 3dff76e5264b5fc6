import { MosError } from '../../errors/index.ts';
import { type Host, readRuntime, readTextIfThere, writeRuntime } from '../../host/index.ts';
import { applyLines, hasIpv6, type Link, planBridge, readLinks } from './bridge.ts';
import type { Attachment } from './config.ts';
import { bridgeName, type Instance, slots, wireOf } from './instance.ts';
import { resolverFile, serveNames, stopNames } from './names.ts';
import { type Claim, findConflict, parseListeners } from './ports.ts';
import { noRules, renderRules } from './rules.ts';
import { type Switches, setSwitches, write } from './switches.ts';

/** All that is on the bridge; it is gone after a reboot, and so is the bridge. */
type NetworkState = {
  readonly version: 1;
  readonly madeBridge: boolean;
  /** Settings of the kernel as they were before. */
  readonly before: Switches;
  readonly hasIpv6: boolean;
  readonly instances: readonly Instance[];
};

const empty: NetworkState = { version: 1, madeBridge: false, before: {}, hasIpv6: false, instances: [] };
const lockWait = 60_000;

/**
 * A container of a service comes to the bridge, which is made where it is missing. Nothing leads to it before `switchNetwork`:
 * who asks an address that nobody has yet waits a second for a second try. The same again answers the same slot.
 */
export async function joinNetwork(host: Host, claim: Claim): Promise<Attachment> {
  const folder = await networkFolder(host);
  await using _lock = await lock(host);
  const state = await withoutOrphans(host, await readState(host, folder));
  const listeners = claim.ports.length === 0 ? new Set<string>() : await readListeners(host);
  const conflict = findConflict(claim, state.instances, listeners);
  if (conflict !== undefined)
    throw new MosError('busy', `cannot start ${claim.service}: ${conflict}`, {
      hint: 'stop the other one, or give this one another address or port',
    });
  const same = state.instances.find((one) => isContainer(one, claim));
  const slot = same?.slot ?? freeSlot(state.instances, claim.service);
  const others = state.instances.filter((one) => one !== same);
  const instances = [...others, { ...claim, slot, isActive: false }];
  const next = await apply(host, folder, { ...state, instances });
  return { slot, ipv4: claim.ipv4, ipv6: claim.ipv6, hasIpv6: next.hasIpv6, resolver: resolverFile(folder) };
}

/** Without containers whose machine was removed while they were on the bridge. */
async function withoutOrphans(host: Host, state: NetworkState): Promise<NetworkState> {
  const instances: Instance[] = [];
  for (const one of state.instances)
    if (one.folder === undefined || (await host.files.stat(one.folder)) !== undefined) instances.push(one);
  return { ...state, instances };
}

type Member = Pick<Claim, 'machine' | 'service' | 'container'>;

/** The persistent addresses and the ports lead to this container from now on; what is connected to the other one stays so. */
export async function switchNetwork(host: Host, to: Member): Promise<void> {
  const folder = await networkFolder(host);
  await using _lock = await lock(host);
  const state = await readState(host, folder);
  if (!state.instances.some((one) => isContainer(one, to)))
    throw new MosError(
      'state',
      `cannot lead the address of ${to.service} to ${to.container}: it is not on ${bridgeName}`,
    );
  await lead(host, folder, { ...state, instances: withActive(state.instances, to) });
}

/** New connections to a container that is about to end are not answered, until `switchNetwork`: who asks then tries again and is served. */
export async function pauseNetwork(host: Host, of: Omit<Member, 'service'>): Promise<void> {
  const folder = await networkFolder(host);
  await using _lock = await lock(host);
  const state = await readState(host, folder);
  const instances = state.instances.map((one) => (isContainer(one, of) ? { ...one, isPaused: true } : one));
  await lead(host, folder, { ...state, instances });
}

/** A container leaves; with the last of all goes what was made for them. */
export async function leaveNetwork(host: Host, of: Omit<Member, 'service'>): Promise<void> {
  const folder = await networkFolder(host);
  if ((await host.files.stat(stateFile(folder))) === undefined) return;
  await using _lock = await lock(host);
  const state = await readState(host, folder);
  const instances = state.instances.filter((one) => !isContainer(one, of));
  if (instances.length === state.instances.length) return;
  if (instances.length > 0) await apply(host, folder, { ...state, instances });
  else await takeDown(host, folder, state);
}

const isContainer = (one: Instance, { machine, container }: Omit<Member, 'service'>): boolean =>
  one.machine === machine && one.container === container;

/** What others took away since (rules, bridge, name server) is there again; nothing where no service is on the bridge. */
export async function repairNetwork(host: Host): Promise<void> {
  const folder = await networkFolder(host);
  await using _lock = await lock(host);
  const state = await readState(host, folder);
  if (state.instances.length > 0) await apply(host, folder, state);
}

/** Of a service one container is active. */
const withActive = (instances: readonly Instance[], to: Member): Instance[] =>
  instances.map((one) =>
    one.machine === to.machine && one.service === to.service
      ? { ...one, isActive: one.container === to.container, isPaused: false }
      : one,
  );

function freeSlot(instances: readonly Instance[], service: string): number {
  const taken = new Set(instances.map(({ slot }) => slot));
  for (let slot: number = slots.first; slot <= slots.last; slot++) if (!taken.has(slot)) return slot;
  throw new MosError(
    'no-space',
    `cannot start ${service}: ${taken.size} containers are on ${bridgeName} already`,
  );
}

/** Makes the machine what the state says, whatever it was: bridge, settings, rules, names. */
async function apply(host: Host, folder: string, state: NetworkState): Promise<NetworkState> {
  const links = await readLinks(host);
  const plan = planBridge(links);
  const withIpv6 = hasIpv6(links);
  const first = { ...state, hasIpv6: withIpv6, madeBridge: state.madeBridge || plan.isNew };
  await host.files.makeFolder(folder, { parents: true });
  await writeState(host, folder, first);
  await applyLines(host, [...plan.lines, ...(plan.isNew ? reattach(links, state.instances) : [])]);
  const before = { ...(await setSwitches(host, withIpv6)), ...state.before };
  const next = { ...first, before };
  await lead(host, folder, next);
  return next;
}

/** Where the bridge is as it should be: what leads where on it. */
async function lead(host: Host, folder: string, state: NetworkState): Promise<void> {
  await writeState(host, folder, state);
  await host.processes.run(['nft', '-f', '-'], { input: renderRules(state.instances) });
  await serveNames(host, folder, state.instances);
}

/** Wires of containers that a bridge which somebody deleted left behind. */
const reattach = (links: readonly Link[], instances: readonly Instance[]): string[] =>
  instances
    .map(({ slot }) => wireOf(slot))
    .filter((wire) => links.some(({ name }) => name === wire))
    .map((wire) => `link set ${wire} master ${bridgeName}`);

async function takeDown(host: Host, folder: string, state: NetworkState): Promise<void> {
  await stopNames(host, folder);
  await host.processes.run(['nft', '-f', '-'], { input: noRules });
  await write(host, state.before);
  if (state.madeBridge && (await readLinks(host)).some(({ name }) => name === bridgeName))
    await applyLines(host, [`link delete ${bridgeName}`]);
  await host.files.removeTree(folder);
}

const networks = '/run/mos/network';
const stateFile = (folder: string): string => `${folder}/state.json`;

/** One per network namespace: what is below /run is shared with those that have another one. */
async function networkFolder(host: Host): Promise<string> {
  const inode = /^net:\[(\d+)\]$/.exec(await host.files.readLink('/proc/self/ns/net'))?.[1];
  if (inode === undefined) throw new MosError('io', 'cannot tell the network namespace of this process');
  return `${networks}/${inode}`;
}

async function lock(host: Host): Promise<AsyncDisposable> {
  await host.files.makeFolder(networks, { parents: true });
  return host.files.lock(`${networks}/.lock`, { wait: lockWait, owner: 'mosctl' });
}

async function readState(host: Host, folder: string): Promise<NetworkState> {
  const text = await readRuntime(host, stateFile(folder));
  return text === undefined ? empty : (JSON.parse(text) as NetworkState); // only root writes there
}

const writeState = (host: Host, folder: string, state: NetworkState): Promise<void> =>
  writeRuntime(host, stateFile(folder), `${JSON.stringify(state)}\n`);

async function readListeners(host: Host): Promise<Set<string>> {
  const tables = (['tcp', 'udp'] as const).flatMap((protocol) =>
    [protocol, `${protocol}6`].map(async (name) =>
      parseListeners((await readTextIfThere(host, `/proc/net/${name}`)) ?? '', protocol),
    ),
  );
  return new Set((await Promise.all(tables)).flat());
}
