import { hash } from 'node:crypto';
import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import {
  certificateFile,
  type ManifestSha,
  parseManifestSha,
  signatureFile,
  sourceFile,
  systemManifestFile,
} from '../manifest/index.ts';
import { isObjectId, type ObjectId, readTyped } from './git/objects.ts';
import { type Commit, parseCommit, parseTree, type TreeEntry } from './git/parse.ts';
import { listRefs, readRef } from './git/refs.ts';
import { parseMessage, type Trailers } from './message.ts';
import { mainRef, type Role, roleRef, roles, type State, tagRef } from './paths.ts';

/** An install manifest as it was signed. */
export type SignedFile = {
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array;
  readonly certificate: Uint8Array;
};

/** One commit on the line of generations, without its files. */
export type GenerationCommit = {
  readonly number: number;
  readonly commit: ObjectId;
  readonly parent?: ObjectId;
  readonly tree: ObjectId;
  readonly time: Date;
  /** What changed: the subject without "generation N: ". */
  readonly summary: string;
  readonly trailers: Trailers;
};

/** All of a generation. Nothing of it is verified but that git's hashes fit; manifest.yaml is not signed at all. */
export type Generation = GenerationCommit & {
  /** Text of manifest.yaml. */
  readonly system: string;
  readonly files: ReadonlyMap<ManifestSha, SignedFile>;
};

/** By role, by number, or by commit. */
export type Which = Role | number | ObjectId;

export async function readRoles(host: Host, state: State): Promise<Partial<Record<Role, ObjectId>>> {
  const found = await Promise.all(
    roles.map(async (role) => [role, await readRef(host, state, roleRef(role))] as const),
  );
  return Object.fromEntries(found.filter(([, id]) => id !== undefined));
}

/** True where a first install has ended: something runs or is to be booted. */
export async function isInstalled(host: Host, state: State): Promise<boolean> {
  const { current, next } = await readRoles(host, state);
  return (current ?? next) !== undefined;
}

/** The commit that `which` names; undefined where there is none. */
export async function resolveGeneration(
  host: Host,
  state: State,
  which: Which,
): Promise<ObjectId | undefined> {
  if (typeof which === 'number')
    return (await readRef(host, state, tagRef(which))) ?? untaggedTip(host, state, which);
  return isRole(which) ? readRef(host, state, roleRef(which)) : which;
}

/** The newest generation may lack its tag: a kill came between the two refs. The next one that is made repairs it. */
async function untaggedTip(host: Host, state: State, number: number): Promise<ObjectId | undefined> {
  const tip = await readRef(host, state, mainRef);
  if (tip === undefined) return undefined;
  const { message } = parseCommit(await readTyped(host, state, 'commit', tip));
  return parseMessage(message)?.number === number ? tip : undefined;
}

const isRole = (which: string): which is Role => (roles as readonly string[]).includes(which);

/** Reads a generation in this process: no git program is needed. */
export async function readGeneration(host: Host, state: State, which: Which): Promise<Generation> {
  const header = await readGenerationCommit(host, state, which);
  const what = `generation ${header.number}`;
  const entries = new Map<string, TreeEntry>();
  for (const entry of parseTree(await readTyped(host, state, 'tree', header.tree))) {
    if (entry.mode !== '100644' || entries.has(entry.name)) throw foreign(what, entry.name);
    entries.set(entry.name, entry);
  }
  const read = async (name: string): Promise<Buffer> => {
    const entry = entries.get(name);
    if (entry === undefined) throw new MosError('untrusted', `cannot use ${what}: it lacks ${name}`);
    return readTyped(host, state, 'blob', entry.id);
  };
  const shas = [...entries.keys()].flatMap((name) => shaOf(name) ?? []);
  const known = new Set([systemManifestFile, ...shas.flatMap(namesOf)]);
  for (const name of entries.keys()) if (!known.has(name)) throw foreign(what, name);
  const files = await Promise.all(shas.map(async (sha) => [sha, await readSigned(what, sha, read)] as const));
  return { ...header, system: (await read(systemManifestFile)).toString('utf8'), files: new Map(files) };
}

export const namesOf = (sha: ManifestSha): [string, string, string] => [
  sourceFile(sha),
  signatureFile(sha),
  certificateFile(sha),
];

const foreign = (what: string, name: string): MosError =>
  new MosError('untrusted', `cannot use ${what}: ${JSON.stringify(name)} does not belong there`);

const shaOf = (name: string): ManifestSha | undefined =>
  /^[0-9a-f]{64}\.yaml$/.test(name) ? parseManifestSha(name.slice(0, 64)) : undefined;

async function readSigned(
  what: string,
  sha: ManifestSha,
  read: (name: string) => Promise<Buffer>,
): Promise<SignedFile> {
  const [bytes, signature, certificate] = await Promise.all(namesOf(sha).map(read));
  if (bytes === undefined || signature === undefined || certificate === undefined)
    throw new MosError('internal', `cannot read the files of ${sha}`);
  if (hash('sha256', bytes, 'hex') !== sha)
    throw new MosError(
      'untrusted',
      `cannot use ${what}: ${sourceFile(sha)} holds other bytes than its name says`,
    );
  return { bytes, signature, certificate };
}

/** The commit alone. A number must be the one that the commit itself says. */
export async function readGenerationCommit(
  host: Host,
  state: State,
  which: Which,
): Promise<GenerationCommit> {
  const commit = await resolveGeneration(host, state, which);
  if (commit === undefined)
    throw new MosError('not-found', `cannot find ${nameOf(which)} in ${state.repository}`, {
      hint: 'mosctl log lists the generations',
    });
  const read = toGenerationCommit(commit, parseCommit(await readTyped(host, state, 'commit', commit)));
  if (read === undefined)
    throw new MosError(
      'untrusted',
      `cannot use ${nameOf(which)}: its commit ${commit} is not one of mosctl`,
      {
        hint: `mosctl log lists its own; git -C ${state.repository} update-ref refs/mos/current generation-N goes back to one`,
      },
    );
  if (typeof which === 'number' && read.number !== which)
    throw new MosError(
      'untrusted',
      `cannot use ${nameOf(which)}: its commit says that it is generation ${read.number}`,
    );
  return read;
}

const nameOf = (which: Which): string => {
  if (typeof which === 'number') return `generation ${which}`;
  return isObjectId(which) ? `the generation of commit ${which}` : `the ${which} generation`;
};

export function toGenerationCommit(id: ObjectId, commit: Commit): GenerationCommit | undefined {
  const message = parseMessage(commit.message);
  const [parent, ...others] = commit.parents;
  if (message === undefined || others.length > 0) return undefined;
  return {
    ...message,
    commit: id,
    tree: commit.tree,
    time: commit.time,
    ...(parent === undefined ? {} : { parent }),
  };
}

/** Numbers that have a tag. */
export async function listTagged(host: Host, state: State): Promise<number[]> {
  const refs = await listRefs(host, state, 'refs/tags/');
  return [...refs.keys()].flatMap((ref) => {
    const match = /^refs\/tags\/generation-([1-9]\d{0,8})$/.exec(ref);
    return match === null ? [] : [Number(match[1])];
  });
}
