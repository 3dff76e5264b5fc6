import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { type ManifestSha, parseManifestSha } from '../manifest/index.ts';
import { listGenerations } from './history.ts';
import type { StateLock } from './lock.ts';
import { numberTrailer, trailer } from './message.ts';
import type { State } from './paths.ts';
import { isCount, type RecordFile, readRecord, writeRecord } from './records.ts';

/** The highest release that this machine accepted; `sha` of its signed bytes, unknown where only the history told. */
export type AcceptedRelease = { readonly release: number; readonly sha?: ManifestSha };

/** What is known of a value, and where from. `problem`: the file was there and could not be read. */
export type Known<T> = { readonly value: T; readonly problem?: string };

/** The trailer by which the history remembers which manifest a release was. */
export const manifestTrailer = 'Manifest';

const acceptedFile: RecordFile<AcceptedRelease> = {
  name: 'accepted.json',
  parse: ({ release, sha }) =>
    isCount(release) && (sha === undefined || (typeof sha === 'string' && /^[0-9a-f]{64}$/.test(sha)))
      ? { release, ...(sha === undefined ? {} : { sha: parseManifestSha(sha) }) }
      : undefined,
  render: ({ release, sha }) => ({ release, ...(sha === undefined ? {} : { sha }) }),
};

/**
 * The file, or what the history says where that is higher or the file can't be read: who restores or deletes one of
 * them alone gains nothing.
 */
export async function readAcceptedRelease(
  host: Host,
  state: State,
): Promise<Known<AcceptedRelease | undefined>> {
  const record = await readRecord(host, state, acceptedFile);
  const told = record.kind === 'there' ? record.value : undefined;
  const history = await releaseOfHistory(host, state);
  const value =
    told !== undefined && (history === undefined || told.release >= history.release) ? told : history;
  return { value, ...(record.kind === 'unreadable' ? { problem: record.problem } : {}) };
}

async function releaseOfHistory(host: Host, state: State): Promise<AcceptedRelease | undefined> {
  let highest: AcceptedRelease | undefined;
  for (const { trailers } of await listGenerations(host, state)) {
    const release = numberTrailer(trailers, 'Release');
    if (release === undefined || release <= (highest?.release ?? -1)) continue;
    const sha = trailer(trailers, manifestTrailer);
    highest = {
      release,
      ...(sha !== undefined && /^[0-9a-f]{64}$/.test(sha) ? { sha: parseManifestSha(sha) } : {}),
    };
  }
  return highest;
}

/** A manifest about to be accepted. `what` names it in the message. */
export type Candidate = {
  readonly what: string;
  readonly release: number | undefined;
  readonly sha: ManifestSha;
};

/** DESIGN "Trust" 7: a release only grows. The same number means the same content. */
export function requireRelease(accepted: AcceptedRelease | undefined, candidate: Candidate): void {
  if (accepted === undefined) return;
  const refuse = (why: string): MosError =>
    new MosError('downgrade', `cannot accept ${candidate.what}: ${why}`, {
      hint: 'mosctl rollback goes back to a generation that this machine has kept',
    });
  const { release } = candidate;
  if (release === undefined)
    throw refuse(`it has no release number, and this machine accepted release ${accepted.release}`);
  if (release < accepted.release)
    throw refuse(`it is release ${release}, and this machine accepted release ${accepted.release}`);
  if (release === accepted.release && accepted.sha !== undefined && accepted.sha !== candidate.sha)
    throw refuse(`release ${release} was accepted with other content before`);
}

/** Remembers a release; call it before the switch that makes use of it. Repeating it changes nothing. */
export async function recordRelease(host: Host, lock: StateLock, candidate: Candidate): Promise<void> {
  const { value, problem } = await readAcceptedRelease(host, lock.state);
  requireRelease(value, candidate);
  const { release, sha } = candidate;
  if (release === undefined) return;
  const record = await readRecord(host, lock.state, acceptedFile);
  const isThere = record.kind === 'there' && record.value.release === release && record.value.sha === sha;
  if (!isThere || problem !== undefined) await writeRecord(host, lock, acceptedFile, { release, sha });
}
