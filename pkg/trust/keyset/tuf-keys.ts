import type { Root } from '@tufjs/models';
import { MosError } from '../../errors/index.ts';
import { type Host, sweepTemporary } from '../../host/index.ts';
import { type MetadataOf, signersOf, type TufRole, thresholdOf, tufRoles } from '../channel/metadata.ts';
import { renderMetadata, signMetadata } from '../channel/sign.ts';
import { daysAfter } from '../days.ts';
import { folderOfKeys, type KeysOptions, keysetFolder } from './folder.ts';
import { lockKeys, makeWhole, newFolder, writeDocument } from './store.ts';
import {
  checkCount,
  type Held,
  heldBy,
  makeRoot,
  type TufCount,
  type TufCounts,
  usualCounts,
  usualRootDays,
} from './tuf-root.ts';
import {
  addTufKey,
  generateTufKey,
  newTufFolders,
  readRoots,
  readTufKey,
  rootFile,
  type TufKey,
  tufFolder,
  writeTufKey,
} from './tuf-store.ts';

/** The keys of the roles as the newest root names them; `here`: its private half is in the keyset. */
export type TufKeys = {
  readonly keyset: string;
  readonly path: string;
  /** Version of the root, and when it ends (RFC 3339). */
  readonly root: number;
  readonly expires: string;
  readonly roles: readonly {
    readonly role: TufRole;
    readonly threshold: number;
    readonly keys: readonly { readonly id: string; readonly here: boolean }[];
  }[];
};

/** Makes the keys of all roles and the first root. It gets its name at the very end, or nothing is left. */
export async function addTufKeys(
  host: Host,
  keyset: string,
  counts: TufCounts = usualCounts,
  { days = usualRootDays, ...options }: KeysOptions & { readonly days?: number | undefined } = {},
): Promise<TufKeys> {
  const base = await keysetFolder(host, keyset, options);
  const made = new Map<TufRole, readonly TufKey[]>();
  for (const role of tufRoles) {
    checkCount(role, counts[role]);
    made.set(role, await Promise.all(Array.from({ length: counts[role].keys }, generateTufKey)));
  }
  const held = Object.fromEntries(
    tufRoles.map((role) => [role, { threshold: counts[role].threshold, keys: made.get(role) ?? [] }]),
  ) as unknown as Record<TufRole, Held>;
  const root = await makeRoot(1, daysAfter(host.clock.now(), days), held);
  await signMetadata(root, made.get('root') ?? []);
  await makeWhole(
    host,
    folderOfKeys(host, options),
    `${base}/tuf`,
    `channel keys of ${keyset}`,
    async (folder) => {
      await newTufFolders(host, folder, tufRoles);
      for (const [role, keys] of made)
        for (const key of keys) {
          await newFolder(host, `${folder}/${role}/${key.id}`);
          await writeTufKey(host, `${folder}/${role}/${key.id}`, key);
        }
      await writeDocument(host, rootFile(folder, 1), renderMetadata(root));
      for (const name of tufRoles) await host.files.syncFolder(`${folder}/${name}`);
    },
  );
  return showTufKeys(host, keyset, options);
}

export type TufRotation = {
  /** Whose keys are replaced; undefined: only the end of the root is put off. */
  readonly role?: TufRole | undefined;
  /** Undefined: as many as before. */
  readonly count?: TufCount | undefined;
  readonly days?: number | undefined;
};

/**
 * The next root: with new keys for a role, signed by enough keys of the root before and of its own (specification 6.1).
 * Old keys stay where they are; nothing is written unless the signatures are there.
 */
export async function rotateTufKeys(
  host: Host,
  keyset: string,
  { role, count, days = usualRootDays }: TufRotation,
  options: KeysOptions = {},
): Promise<TufKeys> {
  const folder = await tufFolder(host, keyset, options);
  const before = (await readRoots(host, keyset, options)).newest.root;
  const held = heldBy(before.signed);
  const next = count ?? (role && { threshold: held[role].threshold, keys: held[role].keys.length });
  if (role !== undefined && next !== undefined) checkCount(role, next);
  const made = await Promise.all(Array.from({ length: next?.keys ?? 0 }, generateTufKey));
  const roles =
    role === undefined ? held : { ...held, [role]: { threshold: next?.threshold ?? 1, keys: made } };
  const version = before.signed.version + 1;
  const root = await makeRoot(version, daysAfter(host.clock.now(), days), roles);
  const old = await keysOf(host, folder, 'root', before.signed);
  await signMetadata(root, role === 'root' ? [...old, ...made] : old);
  for (const signedBy of [before.signed, root.signed]) requireEnough(keyset, signedBy, root);
  for (const key of made) await addTufKey(host, folderOfKeys(host, options), folder, role as TufRole, key);
  await using _lock = await lockKeys(host, folderOfKeys(host, options), `tuf-keys rotate ${keyset}`);
  await sweepTemporary(host, `${folder}/roots`);
  await writeDocument(host, rootFile(folder, version), renderMetadata(root));
  return showTufKeys(host, keyset, options);
}

function requireEnough(keyset: string, by: Root, root: MetadataOf<'root'>): void {
  const [found, needed] = [signersOf(by, 'root', root).length, thresholdOf(by, 'root')];
  if (found >= needed) return;
  throw new MosError(
    'state',
    `cannot make root ${root.signed.version} of ${keyset}: ${found} of the ${needed} root keys that it needs are here`,
    { hint: 'bring the others to where trust tuf-keys show says, for this one time' },
  );
}

/** The keys of a role that are here. */
export async function keysOf(
  host: Host,
  folder: string,
  role: TufRole,
  root: Root,
): Promise<readonly TufKey[]> {
  const found = await Promise.all(
    (root.roles[role]?.keyIDs ?? []).map((id) => readTufKey(host, folder, role, id)),
  );
  return found.filter((key) => key !== undefined);
}

export async function showTufKeys(host: Host, keyset: string, options: KeysOptions = {}): Promise<TufKeys> {
  const path = await tufFolder(host, keyset, options);
  const { signed } = (await readRoots(host, keyset, options)).newest.root;
  const roles = await Promise.all(
    tufRoles.map(async (role) => {
      const here = new Set((await keysOf(host, path, role, signed)).map(({ id }) => id));
      const ids = signed.roles[role]?.keyIDs ?? [];
      return {
        role,
        threshold: thresholdOf(signed, role),
        keys: ids.map((id) => ({ id, here: here.has(id) })),
      };
    }),
  );
  return { keyset, path, root: signed.version, expires: signed.expires, roles };
}
