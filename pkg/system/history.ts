import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import {
  addNote,
  type HistoryEntry,
  listGenerations,
  lockState,
  readGenerationCommit,
  trailer,
} from '../state/index.ts';
import { notInstalled, openMachine } from './machine.ts';

/** One generation as `log` shows it. */
export type LogEntry = {
  readonly generation: number;
  readonly commit: string;
  readonly time: string;
  readonly summary: string;
  readonly release: number | null;
  readonly securityVersion: number | null;
  /** Where its manifest came from, and why it was made. */
  readonly source: string | null;
  readonly reason: string | null;
  readonly roles: readonly string[];
  readonly verdict: 'good' | 'bad' | null;
  readonly pinned: boolean;
  readonly notes: readonly { readonly time: string; readonly kind: string; readonly reason: string }[];
};

export type LogOptions = { readonly root: string; readonly most?: number | undefined };

/** Every generation, newest first. */
export async function log(host: Host, { root, most }: LogOptions): Promise<LogEntry[]> {
  if (most !== undefined && most < 1)
    throw new MosError('usage', `cannot list the newest ${most} generations: say at least 1`);
  const machine = await openMachine(host, root);
  const entries = await listGenerations(host, machine.state, most === undefined ? {} : { most });
  if (entries.length === 0) throw notInstalled(machine, 'show the history');
  return entries.map(toLogEntry);
}

const toLogEntry = (entry: HistoryEntry): LogEntry => ({
  generation: entry.number,
  commit: entry.commit,
  time: entry.time.toISOString(),
  summary: entry.summary,
  release: numberOf(entry, 'Release'),
  securityVersion: numberOf(entry, 'Security-Version'),
  source: trailer(entry.trailers, 'Source') ?? null,
  reason: trailer(entry.trailers, 'Reason') ?? null,
  roles: entry.roles,
  verdict: entry.verdict ?? null,
  pinned: entry.isPinned,
  notes: entry.notes.map(({ time, kind, reason }) => ({ time: time.toISOString(), kind, reason })),
});

function numberOf({ trailers }: HistoryEntry, key: string): number | null {
  const text = trailer(trailers, key);
  return text === undefined || !/^\d{1,15}$/.test(text) ? null : Number(text);
}

export type PinOptions = {
  readonly root: string;
  readonly generation: number;
  readonly remove?: boolean;
  readonly reason?: string | undefined;
};
export type PinResult = { readonly generation: number; readonly pinned: boolean };

/** Keeps the images of a generation from being collected, or no longer. */
export async function pin(
  host: Host,
  { root, generation, remove = false, reason = '' }: PinOptions,
): Promise<PinResult> {
  const machine = await openMachine(host, root);
  const { commit } = await readGenerationCommit(host, machine.state, generation);
  await using lock = await lockState(host, machine.state, { owner: 'mosctl pin', wait: 0 });
  await addNote(host, lock, commit, { kind: remove ? 'unpinned' : 'pinned', reason });
  return { generation, pinned: !remove };
}
