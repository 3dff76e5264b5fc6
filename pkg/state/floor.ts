import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { type HistoryEntry, listGenerations } from './history.ts';
import type { StateLock } from './lock.ts';
import { numberTrailer } from './message.ts';
import type { State } from './paths.ts';
import { isCount, type RecordFile, readRecord, writeRecord } from './records.ts';
import type { Known } from './release.ts';
import { isNonce, parseTicketNote } from './tickets.ts';

/** The lowest security version that may run; `ticket` is the nonce of the last one that lowered it. */
export type Floor = { readonly value: number; readonly ticket?: string | undefined };
export type KnownFloor = Known<number> & Floor;

const floorFile: RecordFile<Floor> = {
  name: 'floor.json',
  parse: ({ security_version, ticket }) =>
    isCount(security_version) && (ticket === undefined || isNonce(ticket))
      ? { value: security_version, ...(ticket === undefined ? {} : { ticket }) }
      : undefined,
  render: ({ value, ticket }) => ({ security_version: value, ...(ticket === undefined ? {} : { ticket }) }),
};

/**
 * From the file, because each boot asks; where it is missing or damaged, from the generations that proved good, and the
 * tickets that came between.
 */
export async function readFloor(host: Host, state: State): Promise<KnownFloor> {
  const record = await readRecord(host, state, floorFile);
  if (record.kind === 'there') return record.value;
  const floor = floorOfHistory(await listGenerations(host, state));
  return { ...floor, ...(record.kind === 'unreadable' ? { problem: record.problem } : {}) };
}

type FloorEvent = { readonly time: Date; apply(floor: Floor): Floor };

/** What happened to the floor, in its order. */
function floorOfHistory(entries: readonly HistoryEntry[]): Floor {
  const events = entries.flatMap((entry) => [...provedGood(entry), ...lowered(entry)]);
  return events
    .toSorted((a, b) => a.time.getTime() - b.time.getTime())
    .reduce<Floor>((floor, { apply }) => apply(floor), { value: 0 });
}

/** The first verdict alone: what proved good before a ticket does not raise the floor again after it. */
function provedGood({ roles, notes, trailers, time }: HistoryEntry): FloorEvent[] {
  const first = notes.find(({ kind }) => kind === 'good');
  if (first === undefined && !roles.includes('good')) return [];
  const version = numberTrailer(trailers, 'Security-Version') ?? 0;
  return [{ time: first?.time ?? time, apply: (floor) => raised(floor, version) }];
}

const lowered = ({ notes }: HistoryEntry): FloorEvent[] =>
  notes.flatMap(({ time, kind, reason }) => {
    const ticket = kind === 'ticket' ? parseTicketNote(reason) : undefined;
    return ticket === undefined ? [] : [{ time, apply: () => ({ value: ticket.to, ticket: ticket.nonce }) }];
  });

/** @param what names the generation in the message: `generation 3`; `problem` is why the floor may be higher than it was */
export function requireFloor(floor: number, what: string, securityVersion: number, problem?: string): void {
  if (securityVersion >= floor) return;
  throw new MosError(
    'downgrade',
    `cannot use ${what}: its security version is ${securityVersion}, this machine requires ${floor}`,
    {
      hint: 'a hole that was closed stays closed: update to a newer release; the publisher alone may open it again, by a ticket (mosctl ticket accept)',
      ...(problem === undefined ? {} : { cause: new MosError('corrupt', problem) }),
    },
  );
}

/** What it becomes when a generation of this version proves good: without a ticket it never sinks. */
export const raised = (floor: Floor, securityVersion: number): Floor => ({
  ...floor,
  value: Math.max(floor.value, securityVersion),
});

/** Writes the file; one that says the same already stays. */
export async function recordFloor(host: Host, lock: StateLock, { value, ticket }: Floor): Promise<void> {
  const record = await readRecord(host, lock.state, floorFile);
  const isThere = record.kind === 'there' && record.value.value === value && record.value.ticket === ticket;
  if (!isThere) await writeRecord(host, lock, floorFile, { value, ticket });
}
