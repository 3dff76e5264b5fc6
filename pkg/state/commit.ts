import type { Host } from '../host/index.ts';
import {
  certificateFile,
  type ManifestSha,
  signatureFile,
  sourceFile,
  systemManifestFile,
} from '../manifest/index.ts';
import {
  type GenerationCommit,
  listTagged,
  readRoles,
  type SignedFile,
  toGenerationCommit,
} from './generation.ts';
import { type ObjectId, readTyped } from './git/objects.ts';
import { type Commit, parseCommit } from './git/parse.ts';
import { readRef } from './git/refs.ts';
import type { StateLock } from './lock.ts';
import { parseMessage, renderMessage, type Trailers } from './message.ts';
import { readNotes } from './notes.ts';
import { mainRef, type Role, roleRef, type State, tagRef } from './paths.ts';
import { ensureRepository } from './repository.ts';
import { moveRefs, type Prepared, prepareBlob, prepareCommit, prepareTree, writeObjects } from './write.ts';

export type NewGeneration = {
  /** Text of manifest.yaml. */
  readonly system: string;
  readonly files: ReadonlyMap<ManifestSha, SignedFile>;
  /** What changed; the subject becomes `generation N: <summary>`. */
  readonly summary: string;
  readonly trailers: Trailers;
};

/**
 * Puts a generation at the end of the line (refs/heads/main, its tag) and makes it durable. Nothing runs or boots it
 * yet: `moveRole` is the switch. Repeated after a crash it goes on with the generation that was committed and never
 * used, when that is the same one; another one gets a new number.
 */
export async function commitGeneration(
  host: Host,
  lock: StateLock,
  content: NewGeneration,
): Promise<GenerationCommit> {
  await ensureRepository(host, lock);
  const { state } = lock;
  const files = prepareFiles(content);
  const tree = prepareTree(new Map([...files].map(([name, { id }]) => [name, id])));
  const objects = [...files.values(), tree];
  const tip = await readTip(host, state);
  const unused = await findUnused(host, state, tip, tree.id, content);
  if (unused !== undefined) {
    await writeObjects(host, lock, objects);
    await moveRefs(host, lock, [await tagMove(host, state, unused.number, unused.commit)]);
    return unused;
  }
  const number = (await highestNumber(host, state, tip?.commit)) + 1;
  const time = latest(host.clock.now(), tip?.parsed.time);
  const message = renderMessage({ number, summary: content.summary, trailers: content.trailers });
  const parents = tip === undefined ? [] : [tip.commit];
  const commit = prepareCommit({ tree: tree.id, parents, message, time });
  await writeObjects(host, lock, [...objects, commit]);
  await moveRefs(host, lock, [
    ...(await missingTag(host, state, tip)),
    { ref: mainRef, from: tip?.commit, to: commit.id },
    await tagMove(host, state, number, commit.id),
  ]);
  const seconds = new Date(Math.floor(time.getTime() / 1000) * 1000);
  const { summary, trailers } = content;
  const made = { number, commit: commit.id, tree: tree.id, time: seconds, summary, trailers };
  return { ...made, ...(tip ? { parent: tip.commit } : {}) };
}

function prepareFiles({ system, files }: NewGeneration): Map<string, Prepared> {
  const contents: [string, Uint8Array][] = [[systemManifestFile, Buffer.from(system)]];
  for (const [sha, { bytes, signature, certificate }] of files)
    contents.push(
      [sourceFile(sha), bytes],
      [signatureFile(sha), signature],
      [certificateFile(sha), certificate],
    );
  return new Map(contents.map(([name, content]) => [name, prepareBlob(content)]));
}

type Tip = { readonly commit: ObjectId; readonly parsed: Commit };

async function readTip(host: Host, state: State): Promise<Tip | undefined> {
  const commit = await readRef(host, state, mainRef);
  return commit === undefined
    ? undefined
    : { commit, parsed: parseCommit(await readTyped(host, state, 'commit', commit)) };
}

/** A clock that went back doesn't turn the order of the history round. */
const latest = (now: Date, before: Date | undefined): Date =>
  before !== undefined && before > now ? before : now;

/** The newest generation, where it has this content and nothing ever used it. */
async function findUnused(
  host: Host,
  state: State,
  tip: Tip | undefined,
  tree: ObjectId,
  { summary, trailers }: NewGeneration,
): Promise<GenerationCommit | undefined> {
  const last = tip && toGenerationCommit(tip.commit, tip.parsed);
  if (tip === undefined || last === undefined || last.tree !== tree) return undefined;
  if (renderMessage({ number: last.number, summary, trailers }) !== tip.parsed.message) return undefined;
  if (Object.values(await readRoles(host, state)).includes(tip.commit)) return undefined;
  return (await readNotes(host, state)).has(tip.commit) ? undefined : last;
}

/** The highest number ever given: by a tag, or by a commit on the line whose tag a crash prevented. */
async function highestNumber(host: Host, state: State, tip: ObjectId | undefined): Promise<number> {
  let highest = Math.max(0, ...(await listTagged(host, state)));
  for (let at = tip; at !== undefined; ) {
    const commit = parseCommit(await readTyped(host, state, 'commit', at));
    const message = parseMessage(commit.message);
    highest = Math.max(highest, message?.number ?? 0);
    at = message === undefined ? commit.parents[0] : undefined;
  }
  return highest;
}

const tagMove = async (host: Host, state: State, number: number, commit: ObjectId) => ({
  ref: tagRef(number),
  from: await readRef(host, state, tagRef(number)),
  to: commit,
});

async function missingTag(host: Host, state: State, tip: Tip | undefined) {
  const last = tip && toGenerationCommit(tip.commit, tip.parsed);
  if (last === undefined || (await readRef(host, state, tagRef(last.number))) !== undefined) return [];
  return [await tagMove(host, state, last.number, last.commit)];
}

export type RoleMove = {
  readonly role: Role;
  readonly from: ObjectId | undefined;
  readonly to: ObjectId | undefined;
};

/** The switch: what runs, what boots next, what is good. One role is one atomic act; of several see `moveRefs`. */
export const moveRoles = (host: Host, lock: StateLock, moves: readonly RoleMove[]): Promise<void> =>
  moveRefs(
    host,
    lock,
    moves.map(({ role, from, to }) => ({ ref: roleRef(role), from, to })),
  );
