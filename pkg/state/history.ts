import type { Host } from '../host/index.ts';
import { type GenerationCommit, readRoles, toGenerationCommit } from './generation.ts';
import { type ObjectId, readTyped } from './git/objects.ts';
import { parseCommit } from './git/parse.ts';
import { readRef } from './git/refs.ts';
import { type Note, readNotes } from './notes.ts';
import { mainRef, type Role, roles, type State } from './paths.ts';

/** A generation as `mosctl log` shows it. */
export type HistoryEntry = GenerationCommit & {
  readonly roles: readonly Role[];
  readonly notes: readonly Note[];
  /** The last verdict; undefined: nobody has judged yet. */
  readonly verdict?: 'good' | 'bad';
  readonly isPinned: boolean;
};

/** Every generation, newest first. Commits that a person made on the line are passed over. */
export async function listGenerations(
  host: Host,
  state: State,
  options: { readonly most?: number } = {},
): Promise<HistoryEntry[]> {
  const [held, notes] = await Promise.all([readRoles(host, state), readNotes(host, state)]);
  const entries: HistoryEntry[] = [];
  for await (const commit of walk(host, state)) {
    const ownRoles = roles.filter((role) => held[role] === commit.commit);
    entries.push(toEntry(commit, ownRoles, notes.get(commit.commit) ?? []));
    if (entries.length === options.most) break;
  }
  return entries;
}

/** The line from its newest commit on. */
async function* walk(host: Host, state: State): AsyncGenerator<GenerationCommit> {
  for (let at: ObjectId | undefined = await readRef(host, state, mainRef); at !== undefined; ) {
    const commit = parseCommit(await readTyped(host, state, 'commit', at));
    const generation = toGenerationCommit(at, commit);
    if (generation !== undefined) yield generation;
    at = commit.parents[0];
  }
}

export function toEntry(
  commit: GenerationCommit,
  held: readonly Role[],
  notes: readonly Note[],
): HistoryEntry {
  const verdict = notes.findLast((note) => note.kind === 'good' || note.kind === 'bad')?.kind;
  const pin = notes.findLast((note) => note.kind === 'pinned' || note.kind === 'unpinned')?.kind;
  return {
    ...commit,
    roles: held,
    notes,
    ...(verdict === 'good' || verdict === 'bad' ? { verdict } : {}),
    isPinned: pin === 'pinned',
  };
}

/** How many of the newest generations are kept whatever they are. */
export const keptNewest = 3;

/**
 * The generations whose images must stay: those with a role, pinned ones, the newest ones, and the last one that
 * proved good (where a boot falls back to).
 */
export function keptGenerations(
  entries: readonly HistoryEntry[],
  newest: number = keptNewest,
): HistoryEntry[] {
  const lastGood = entries.find((entry) => entry.verdict === 'good');
  return entries.filter(
    (entry, index) => index < newest || entry.roles.length > 0 || entry.isPinned || entry === lastGood,
  );
}

/** One thing that happened on the way to what runs now. */
export type Happening = { readonly time: Date; readonly number: number; readonly text: string };

/**
 * How the machine came to run what it runs, oldest first: everything since the last generation that had proved good
 * before the present one, made or judged, with its reasons.
 */
export function explainGenerations(entries: readonly HistoryEntry[]): Happening[] {
  const now = entries.findIndex((entry) => entry.roles.includes('current'));
  const before = entries.findIndex((entry, index) => index > now && entry.verdict === 'good');
  const span = before < 0 ? entries : entries.slice(0, before + 1);
  return span
    .flatMap(happeningsOf)
    .sort((a, b) => a.time.getTime() - b.time.getTime() || a.number - b.number);
}

function happeningsOf({ number, time, summary, trailers, notes }: HistoryEntry): Happening[] {
  const reason = trailers.filter(([key]) => key === 'Reason').map(([, value]) => value);
  const made = { time, number, text: [`made: ${summary}`, ...reason].join('; ') };
  const judged = notes.map((note) => ({
    time: note.time,
    number,
    text: note.reason === '' ? note.kind : `${note.kind}: ${note.reason}`,
  }));
  return [made, ...judged];
}
