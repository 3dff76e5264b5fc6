import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { listGenerations } from './history.ts';
import type { StateLock } from './lock.ts';
import { numberTrailer } from './message.ts';
import type { State } from './paths.ts';
import { isCount, type RecordFile, readRecord, writeRecord } from './records.ts';
import type { Known } from './release.ts';

const floorFile: RecordFile<number> = {
  name: 'floor.json',
  parse: ({ security_version }) => (isCount(security_version) ? security_version : undefined),
  render: (security_version) => ({ security_version }),
};

/**
 * The lowest security version that may run. From the file, because each boot asks; where it is missing or damaged, from
 * the generations that proved good.
 */
export async function readFloor(host: Host, state: State): Promise<Known<number>> {
  const record = await readRecord(host, state, floorFile);
  if (record.kind === 'there') return { value: record.value };
  const value = await floorOfHistory(host, state);
  return { value, ...(record.kind === 'unreadable' ? { problem: record.problem } : {}) };
}

async function floorOfHistory(host: Host, state: State): Promise<number> {
  const good = (await listGenerations(host, state)).filter(
    (entry) => entry.roles.includes('good') || entry.notes.some((note) => note.kind === 'good'),
  );
  return Math.max(0, ...good.map((entry) => numberTrailer(entry.trailers, 'Security-Version') ?? 0));
}

/** @param what names the generation in the message: `generation 3` */
export function requireFloor(floor: number, what: string, securityVersion: number): void {
  if (securityVersion >= floor) return;
  throw new MosError(
    'downgrade',
    `cannot use ${what}: its security version is ${securityVersion}, this machine requires ${floor}`,
    { hint: 'a hole that was closed stays closed; update to a newer release' },
  );
}

/** Raises the floor, when a generation proved good; it never sinks. */
export async function raiseFloor(host: Host, lock: StateLock, securityVersion: number): Promise<void> {
  const { value, problem } = await readFloor(host, lock.state);
  const record = await readRecord(host, lock.state, floorFile);
  const raised = Math.max(value, securityVersion);
  if (problem !== undefined || record.kind !== 'there' || record.value !== raised)
    await writeRecord(host, lock, floorFile, raised);
}
