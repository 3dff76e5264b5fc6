import type { Root } from '@tufjs/models';
import { MosError } from '../../errors/index.ts';
import {
  type MetadataOf,
  specification,
  type TufRole,
  thresholdOf,
  tuf,
  tufRoles,
} from '../channel/metadata.ts';

/** How many keys a role has, and how many of them must sign. */
export type TufCount = { readonly threshold: number; readonly keys: number };
export type TufCounts = Readonly<Record<TufRole, TufCount>>;

/** Two of three people for the root; one key each for the rest. */
export const usualCounts: TufCounts = {
  root: { threshold: 2, keys: 3 },
  targets: { threshold: 1, keys: 1 },
  snapshot: { threshold: 1, keys: 1 },
  timestamp: { threshold: 1, keys: 1 },
};
export const usualRootDays = 365;

/** `2/3`: two of three keys must sign. */
export function parseTufCount(text: string): TufCount {
  const match = /^(\d{1,2})\/(\d{1,2})$/.exec(text);
  if (match !== null) return { threshold: Number(match[1]), keys: Number(match[2]) };
  throw new MosError('usage', `cannot use ${JSON.stringify(text.slice(0, 100))} as a number of keys`, {
    hint: 'the form is SIGNERS/KEYS, for example 2/3',
  });
}

const mostKeys = 16;

export function checkCount(role: TufRole, { threshold, keys }: TufCount): void {
  if (threshold >= 1 && keys >= threshold && keys <= mostKeys) return;
  throw new MosError(
    'usage',
    `cannot give ${role} ${keys} keys of which ${threshold} must sign: 1 to ${mostKeys} keys, and not more signers than keys`,
  );
}

export type Held = {
  readonly threshold: number;
  readonly keys: readonly { readonly id: string; readonly publicHex: string }[];
};

/** An unsigned root. */
export async function makeRoot(
  version: number,
  expires: string,
  roles: Readonly<Record<TufRole, Held>>,
): Promise<MetadataOf<'root'>> {
  const { Key, Metadata, Root } = await tuf();
  const root = new Root({ version, expires, specVersion: specification, consistentSnapshot: true });
  for (const role of tufRoles)
    for (const { id, publicHex } of roles[role].keys) {
      const given = { keyID: id, keyType: 'ed25519', scheme: 'ed25519', keyVal: { public: publicHex } };
      root.addKey(new Key(given), role);
    }
  const thresholds = Object.fromEntries(
    tufRoles.map((role) => [
      role,
      { keyids: root.roles[role]?.keyIDs ?? [], threshold: roles[role].threshold },
    ]),
  );
  return new Metadata(Root.fromJSON({ ...root.toJSON(), roles: thresholds }));
}

/** The keys that a root names, to be named again. */
export const heldBy = (root: Root): Readonly<Record<TufRole, Held>> =>
  Object.fromEntries(
    tufRoles.map((role) => [
      role,
      {
        threshold: thresholdOf(root, role),
        keys: (root.roles[role]?.keyIDs ?? []).map((id) => ({
          id,
          publicHex: root.keys[id]?.keyVal.public ?? '',
        })),
      },
    ]),
  ) as unknown as Record<TufRole, Held>;
