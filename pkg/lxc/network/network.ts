import { MosError } from '../../errors/index.ts';
import { type Host, readTextIfThere } from '../../host/index.ts';
import { applyLines, hasIpv6, type Link, planBridge, readLinks, readRoutes } from './bridge.ts';
import type { Attachment } from './config.ts';
import { bridgeName, type Instance, slots, wireOf } from './instance.ts';
import { resolverFile, serveNames, stopNames } from './names.ts';
import { type Claim, findConflict, parseListeners } from './ports.ts';
import { type Outcome, Rounds } from './rounds.ts';
import { noRules, renderRules } from './rules.ts';
import { lockNetworks, type NetworkState, networkFolder, readState, stateFile, writeState } from './state.ts';
import { setSwitches, write } from './switches.ts';

type Member = Pick<Claim, 'machine' | 'service' | 'container'>;

/** One thing that is to be otherwise on the bridge. */
type Change = {
  /** Whether the bridge must be as it should be afterwards, or only what leads where on it. */
  readonly concerns: 'bridge' | 'rules';
  /** Whether it must know what listens on the host. */
  readonly asksListeners?: boolean;
  /** undefined where it is so already. */
  make(state: NetworkState, listeners: ReadonlySet<string>): NetworkState | undefined;
};
type Made = { readonly folder: string; readonly state: NetworkState };

/**
 * A container of a service comes to the bridge, which is made where it is missing. Nothing leads to it before `switchNetwork`:
 * who asks an address that nobody has yet waits a second for a second try. The same again answers the same slot.
 */
export async function joinNetwork(host: Host, claim: Claim): Promise<Attachment> {
  const { folder, state } = await change(host, {
    concerns: 'bridge',
    asksListeners: claim.ports.length > 0,
    make: (before, listeners) => ({ ...before, instances: joined(before.instances, claim, listeners) }),
  });
  const slot = state.instances.find((one) => isContainer(one, claim))?.slot ?? slots.first;
  return { slot, ipv4: claim.ipv4, ipv6: claim.ipv6, hasIpv6: state.hasIpv6, resolver: resolverFile(folder) };
}

function joined(
  instances: readonly Instance[],
  claim: Claim,
  listeners: ReadonlySet<string>,
): readonly Instance[] {
  const conflict = findConflict(claim, instances, listeners);
  if (conflict !== undefined)
    throw new MosError('busy', `cannot start ${claim.service}: ${conflict}`, {
      hint: 'stop the other one, or give this one another address or port',
    });
  const same = instances.find((one) => isContainer(one, claim));
  const slot = same?.slot ?? freeSlot(instances, claim.service);
  return [...instances.filter((one) => one !== same), { ...claim, slot, isActive: false }];
}

/** The persistent addresses and the ports lead to this container from now on; what is connected to the other one stays so. */
export async function switchNetwork(host: Host, to: Member): Promise<void> {
  await change(host, {
    concerns: 'rules',
    make: (state) => {
      if (!state.instances.some((one) => isContainer(one, to)))
        throw new MosError(
          'state',
          `cannot lead the address of ${to.service} to ${to.container}: it is not on ${bridgeName}`,
        );
      return { ...state, instances: withActive(state.instances, to) };
    },
  });
}

/** New connections to a container that is about to end are not answered, until `switchNetwork`: who asks then tries again and is served. */
export async function pauseNetwork(host: Host, of: Omit<Member, 'service'>): Promise<void> {
  await change(host, {
    concerns: 'rules',
    make: (state) => {
      if (!state.instances.some((one) => isContainer(one, of))) return undefined;
      const paused = (one: Instance) => (isContainer(one, of) ? { ...one, isPaused: true } : one);
      return { ...state, instances: state.instances.map(paused) };
    },
  });
}

/** A container leaves; with the last of all goes what was made for them. */
export async function leaveNetwork(host: Host, of: Omit<Member, 'service'>): Promise<void> {
  if ((await host.files.stat(stateFile(await networkFolder(host)))) === undefined) return;
  await change(host, {
    concerns: 'bridge',
    make: (state) => {
      const instances = state.instances.filter((one) => !isContainer(one, of));
      return instances.length === state.instances.length ? undefined : { ...state, instances };
    },
  });
}

/**
 * What others took away since (rules, bridge, name server) is there again, and a service is reached whose addresses a kill left
 * leading elsewhere; nothing where no service is on the bridge.
 */
export async function repairNetwork(host: Host, of: Member): Promise<void> {
  await change(host, {
    concerns: 'bridge',
    make(state) {
      if (state.instances.length === 0) return undefined;
      if (!state.instances.some((one) => isContainer(one, of))) return state;
      return { ...state, instances: withActive(state.instances, of) };
    },
  });
}

/** Rules are swapped as a whole: services that start together share that, and what is read before it. */
const rounds = new WeakMap<Host, Rounds<Change, Made>>();

function change(host: Host, one: Change): Promise<Made> {
  const known = rounds.get(host) ?? new Rounds((changes: readonly Change[]) => makeChanges(host, changes));
  rounds.set(host, known);
  return known.ask(one);
}

async function makeChanges(host: Host, changes: readonly Change[]): Promise<Outcome<Made>[]> {
  const folder = await networkFolder(host);
  await using _lock = await lockNetworks(host);
  const listeners = changes.some((one) => one.asksListeners) ? await readListeners(host) : new Set<string>();
  let state = await withoutOrphans(host, await readState(host, folder));
  const effective: Change[] = [];
  const outcomes = changes.map((one): { error: unknown } | undefined => {
    try {
      const next = one.make(state, listeners);
      if (next === undefined) return undefined;
      state = next;
      effective.push(one);
      return undefined;
    } catch (error) {
      return { error };
    }
  });
  const value = { folder, state: await bring(host, folder, state, effective) };
  return outcomes.map((failed) => failed ?? { value });
}

/** Makes the machine what the state says, as far as the changes concern it. */
async function bring(
  host: Host,
  folder: string,
  state: NetworkState,
  changes: readonly Change[],
): Promise<NetworkState> {
  if (changes.length === 0) return state;
  if (state.instances.length === 0) await takeDown(host, folder, state);
  else if (changes.some(({ concerns }) => concerns === 'bridge')) return apply(host, folder, state);
  else await lead(host, folder, state);
  return state;
}

/** Without containers whose machine was removed while they were on the bridge. */
async function withoutOrphans(host: Host, state: NetworkState): Promise<NetworkState> {
  const isThere = async ({ folder }: Instance) =>
    folder === undefined || (await host.files.stat(folder)) !== undefined;
  const there = await Promise.all(state.instances.map(isThere));
  return { ...state, instances: state.instances.filter((_, index) => there[index]) };
}

const isContainer = (one: Instance, { machine, container }: Omit<Member, 'service'>): boolean =>
  one.machine === machine && one.container === container;

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
  const [links, routes] = await Promise.all([readLinks(host), readRoutes(host)]);
  const plan = planBridge(links, routes);
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

async function readListeners(host: Host): Promise<Set<string>> {
  const tables = (['tcp', 'udp'] as const).flatMap((protocol) =>
    [protocol, `${protocol}6`].map(async (name) =>
      parseListeners((await readTextIfThere(host, `/proc/net/${name}`)) ?? '', protocol),
    ),
  );
  return new Set((await Promise.all(tables)).flat());
}
