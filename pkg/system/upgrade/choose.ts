import type { Candidate } from './candidate.ts';
import type { ChosenUpdate, UpgradeRecord, WaitingUpdate } from './record.ts';
import type { UpdateSettings } from './settings.ts';

const hour = 3_600_000;

/** Whether what the source offers is for this machine, and from when on. */
export function choose(
  { version, digest, turn }: Candidate,
  reference: string,
  settings: Pick<UpdateSettings, 'ignoreWaves' | 'delay' | 'versionLock'>,
  seen: NonNullable<UpgradeRecord['seen']>,
  now: Date,
): { readonly chosen: ChosenUpdate | null; readonly waiting: WaitingUpdate | null } {
  const { ignoreWaves, delay, versionLock } = settings;
  const wait = (available_at: string | null, why: string) => ({
    chosen: null,
    waiting: { version, digest, available_at, why },
  });
  if (versionLock !== null && versionLock !== version)
    return wait(null, `version-lock allows ${versionLock} only`);
  const first = Date.parse(seen.time);
  const own = turn === undefined || ignoreWaves ? Math.min(first, turn ?? first) : turn;
  if (own === Number.POSITIVE_INFINITY) return wait(null, 'no wave of the release has this machine');
  const at = own + delay * hour;
  const available_at = new Date(at).toISOString();
  if (at <= now.getTime()) return { chosen: { version, digest, reference, available_at }, waiting: null };
  return wait(
    available_at,
    own > now.getTime() ? 'the turn of this machine comes later' : `the delay of ${delay} hours is not over`,
  );
}
