import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { changeUpgradeFile, readUpgradeFile, type UpgradeFile, upgradeFolder } from './folder.ts';

/** Somebody asks that the machine is not changed until then: a service in the middle of its work, a person. */
export type UpdateHold = {
  readonly owner: string;
  readonly reason: string;
  readonly since: string;
  readonly until: string;
};

export const mostHoldMinutes = 7 * 24 * 60;
const usualMinutes = 60;
const most = 100;
const minute = 60_000;

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= 500 && !/[\p{Cc}\u2028\u2029]/u.test(value);
const isTime = (value: unknown): boolean => isText(value) && !Number.isNaN(Date.parse(value));
const isHold = (value: unknown): value is UpdateHold => {
  const { owner, reason, since, until } = (value ?? {}) as Partial<UpdateHold>;
  return isText(owner) && isText(reason) && isTime(since) && isTime(until);
};

type Holds = { readonly holds: readonly UpdateHold[] };
const holdsFile: UpgradeFile<Holds> = {
  name: 'holds.json',
  empty: { holds: [] },
  read: ({ holds }) => (Array.isArray(holds) && holds.every(isHold) ? { holds } : undefined),
};

const still = (holds: readonly UpdateHold[], now: Date): UpdateHold[] =>
  holds.filter(({ until }) => Date.parse(until) > now.getTime());

/** Those that count now. */
export const readUpdateHolds = async (host: Host, folder: string): Promise<readonly UpdateHold[]> =>
  still((await readUpgradeFile(host, folder, holdsFile)).holds, host.clock.now());

export const listUpdateHolds = async (
  host: Host,
  { root }: { readonly root: string },
): Promise<{ readonly holds: readonly UpdateHold[] }> => ({
  holds: await readUpdateHolds(host, await upgradeFolder(host, root)),
});

export type HoldOptions = {
  readonly root: string;
  readonly owner: string;
  readonly reason: string;
  readonly minutes?: number | undefined;
};

/** Holds automatic updates back; the same owner again begins anew. */
export async function holdUpdates(
  host: Host,
  { root, owner, reason, minutes = usualMinutes }: HoldOptions,
): Promise<{ readonly holds: readonly UpdateHold[] }> {
  if (owner === '' || owner.length > 100 || !isText(owner) || !isText(reason) || reason === '')
    throw new MosError('usage', 'cannot hold updates: say who and why, in at most 100 and 500 characters');
  if (!Number.isInteger(minutes) || minutes < 1 || minutes > mostHoldMinutes)
    throw new MosError('usage', `cannot hold updates for ${minutes} minutes: it is 1 to ${mostHoldMinutes}`);
  const now = host.clock.now();
  const until = new Date(now.getTime() + minutes * minute);
  const added = { owner, reason, since: now.toISOString(), until: until.toISOString() };
  return changeUpgradeFile(host, await upgradeFolder(host, root), holdsFile, ({ holds }) => {
    const others = still(holds, now).filter((hold) => hold.owner !== owner);
    if (others.length >= most)
      throw new MosError('state', `cannot hold updates: ${most} others do so already`);
    return { holds: [...others, added] };
  });
}

/** `not-found` where the owner holds nothing. */
export async function releaseUpdates(
  host: Host,
  { root, owner }: { readonly root: string; readonly owner: string },
): Promise<{ readonly holds: readonly UpdateHold[] }> {
  const now = host.clock.now();
  return changeUpgradeFile(host, await upgradeFolder(host, root), holdsFile, ({ holds }) => {
    const left = still(holds, now);
    if (!left.some((hold) => hold.owner === owner))
      throw new MosError('not-found', `cannot release updates: ${owner} does not hold them`);
    return { holds: left.filter((hold) => hold.owner !== owner) };
  });
}
