import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { isObjectId, type ObjectId, readTyped } from './git/objects.ts';
import { parseCommit, parseTree } from './git/parse.ts';
import { readRef } from './git/refs.ts';
import type { StateLock } from './lock.ts';
import { notesRef, type State } from './paths.ts';
import { moveRefs, prepareBlob, prepareCommit, prepareTree, writeObjects } from './write.ts';

/** What became of a generation: it proved good or bad, a person keeps it, a ticket lowered the floor while it ran, or something to be remembered. */
export const noteKinds = ['good', 'bad', 'pinned', 'unpinned', 'ticket', 'remark'] as const;
export type NoteKind = (typeof noteKinds)[number];
export type Note = { readonly time: Date; readonly kind: NoteKind; readonly reason: string };

const line = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z) ([a-z]+): (.*)$/;

/** One line per note, oldest first: `git notes --ref=mos show generation-3` shows it. */
export const renderNotes = (notes: readonly Note[]): string =>
  notes.map(({ time, kind, reason }) => `${secondsOf(time)} ${kind}: ${plain(reason)}\n`).join('');

const secondsOf = (time: Date): string => `${time.toISOString().slice(0, 19)}Z`;
/** Reasons quote errors: whatever stands in them, a note stays one line. */
const plain = (reason: string): string => reason.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').slice(0, 500);

/** Lines of another form are a person's and are passed over. */
export const parseNotes = (text: string): Note[] =>
  text.split('\n').flatMap((each) => {
    const match = line.exec(each);
    const kind = noteKinds.find((known) => known === match?.[2]);
    return match === null || kind === undefined
      ? []
      : [{ time: new Date(match[1] ?? ''), kind, reason: match[3] ?? '' }];
  });

/** The notes of every commit that has some. */
export async function readNotes(host: Host, state: State): Promise<Map<ObjectId, Note[]>> {
  const blobs = await readNoteBlobs(host, state, await readRef(host, state, notesRef));
  const read = [...blobs].map(
    async ([commit, blob]) =>
      [commit, parseNotes((await readTyped(host, state, 'blob', blob)).toString('utf8'))] as const,
  );
  return new Map(await Promise.all(read));
}

async function readNoteBlobs(
  host: Host,
  state: State,
  head: ObjectId | undefined,
): Promise<Map<ObjectId, ObjectId>> {
  if (head === undefined) return new Map();
  const { tree } = parseCommit(await readTyped(host, state, 'commit', head));
  return noteEntries(host, state, tree, '');
}

/** git-notes(1) spreads many notes over folders: `ab/cdef…`. */
async function noteEntries(
  host: Host,
  state: State,
  tree: ObjectId,
  prefix: string,
): Promise<Map<ObjectId, ObjectId>> {
  const found = new Map<ObjectId, ObjectId>();
  for (const { mode, name, id } of parseTree(await readTyped(host, state, 'tree', tree))) {
    const full = prefix + name;
    if (mode === '40000' && full.length < 40)
      for (const [commit, blob] of await noteEntries(host, state, id, full)) found.set(commit, blob);
    else if (isObjectId(full)) found.set(full, id);
  }
  return found;
}

/** Adds a note to a generation. One that says the same as the last one is not added again. */
export async function addNote(
  host: Host,
  lock: StateLock,
  commit: ObjectId,
  note: { readonly kind: NoteKind; readonly reason: string },
): Promise<void> {
  const { state } = lock;
  if (!isObjectId(commit)) throw new MosError('internal', `cannot add a note to ${commit}: it is no commit`);
  const head = await readRef(host, state, notesRef);
  const blobs = await readNoteBlobs(host, state, head);
  const blob = blobs.get(commit);
  const before = blob === undefined ? '' : (await readTyped(host, state, 'blob', blob)).toString('utf8');
  const last = parseNotes(before).at(-1);
  if (last?.kind === note.kind && last.reason === plain(note.reason)) return;
  const time = host.clock.now();
  const text =
    before + (before === '' || before.endsWith('\n') ? '' : '\n') + renderNotes([{ time, ...note }]);
  const added = prepareBlob(Buffer.from(text));
  const tree = prepareTree(blobs.set(commit, added.id));
  const parents = head === undefined ? [] : [head];
  const written = prepareCommit({ tree: tree.id, parents, message: `${note.kind} ${commit}\n`, time });
  await writeObjects(host, lock, [added, tree, written]);
  await moveRefs(host, lock, [{ ref: notesRef, from: head, to: written.id }]);
}
