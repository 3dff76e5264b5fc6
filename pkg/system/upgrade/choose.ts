import { renderReference } from '../../oci/index.ts';
import type { Candidate } from './candidate.ts';
import type { ChosenUpdate, SeenUpdate, WaitingUpdate } from './record.ts';
import type { UpdateSettings } from './settings.ts';

const hour = 3_600_000;

export type Choice = { readonly chosen: ChosenUpdate | null; readonly waiting: WaitingUpdate | null };
type Rules = Pick<UpdateSettings, 'ignoreWaves' | 'delay' | 'versionLock'>;

/** The newest update whose time has come for this machine; where there is none, the one whose time comes first. */
export function choose(
  candidates: readonly Candidate[],
  rules: Rules,
  seen: readonly SeenUpdate[],
  now: Date,
): Choice {
  const choices = candidates.map((candidate) => chooseOne(candidate, rules, seen, now));
  const due = choices.find(({ chosen }) => chosen !== null);
  return due ?? choices.toSorted((a, b) => timeOf(a) - timeOf(b))[0] ?? { chosen: null, waiting: null };
}

const timeOf = ({ waiting }: Choice): number =>
  waiting?.available_at == null ? Number.POSITIVE_INFINITY : Date.parse(waiting.available_at);

function chooseOne(candidate: Candidate, rules: Rules, seen: readonly SeenUpdate[], now: Date): Choice {
  const { version, digest, reference, release, turn } = candidate;
  const { ignoreWaves, delay, versionLock } = rules;
  const wait = (available_at: string | null, why: string): Choice => ({
    chosen: null,
    waiting: { version, digest, available_at, why },
  });
  if (versionLock !== null && versionLock !== version)
    return wait(null, `version-lock allows ${versionLock} only`);
  const first = Date.parse(seen.find((one) => one.digest === digest)?.time ?? now.toISOString());
  const own = turn === undefined || ignoreWaves ? Math.min(first, turn ?? first) : turn;
  if (own === Number.POSITIVE_INFINITY) return wait(null, 'no wave of the release has this machine yet');
  const at = own + delay * hour;
  const available_at = new Date(at).toISOString();
  if (at <= now.getTime())
    return {
      chosen: { version, digest, reference: renderReference(reference), release, available_at },
      waiting: null,
    };
  const isEarly = own > now.getTime();
  return wait(
    available_at,
    isEarly ? 'the turn of this machine comes later' : `the delay of ${delay} hours is not over`,
  );
}
