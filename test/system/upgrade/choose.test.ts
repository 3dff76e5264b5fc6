import test from 'ava';
import { parseReference } from '../../../pkg/oci/index.ts';
import { choose } from '../../../pkg/system/upgrade/choose.ts';

const hour = 3_600_000;
const now = new Date('2027-03-01T12:00:00Z');
const at = (hours: number): number => now.getTime() + hours * hour;
const iso = (hours: number): string => new Date(at(hours)).toISOString();
const usual = { ignoreWaves: false, delay: 0, versionLock: null };
const reference = 'registry.example.com/machine/web:2';
const offered = (turn: number | undefined) => ({
  version: '2.0.0',
  digest: 'sha256:2',
  reference: parseReference(reference),
  release: 2,
  turn,
  isNewer: true,
});
const seen = [{ digest: 'sha256:2', time: iso(-1) }];
const look = (turn: number | undefined, settings: Partial<Parameters<typeof choose>[1]> = {}) =>
  choose([offered(turn)], { ...usual, ...settings }, seen, now);

const chosen = (available_at: string) => ({
  chosen: { version: '2.0.0', digest: 'sha256:2', reference, release: 2, available_at },
  waiting: null,
});
const waiting = (available_at: string | null, why: string) => ({
  chosen: null,
  waiting: { version: '2.0.0', digest: 'sha256:2', available_at, why },
});

test('an update is for a machine from its turn on', (t) => {
  t.deepEqual(look(undefined), chosen(iso(-1))); // a source without waves: as soon as it is seen
  t.deepEqual(look(at(-2)), chosen(iso(-2)));
  t.deepEqual(look(at(0)), chosen(iso(0)));
  t.deepEqual(look(at(2)), waiting(iso(2), 'the turn of this machine comes later'));
  t.deepEqual(look(Number.POSITIVE_INFINITY), waiting(null, 'no wave of the release has this machine yet'));
});

test('waves can be ignored, a delay comes on top, and a version can be locked', (t) => {
  t.deepEqual(look(at(2), { ignoreWaves: true }), chosen(iso(-1)));
  t.deepEqual(look(Number.POSITIVE_INFINITY, { ignoreWaves: true }), chosen(iso(-1)));
  t.deepEqual(look(at(-2), { delay: 3 }), waiting(iso(1), 'the delay of 3 hours is not over'));
  t.deepEqual(look(at(2), { delay: 3 }), waiting(iso(5), 'the turn of this machine comes later'));
  t.deepEqual(
    look(at(2), { delay: 3, ignoreWaves: true }),
    waiting(iso(2), 'the delay of 3 hours is not over'),
  );
  t.deepEqual(look(undefined, { versionLock: '2.0.0' }), chosen(iso(-1)));
  t.deepEqual(look(undefined, { versionLock: '1.0.0' }), waiting(null, 'version-lock allows 1.0.0 only'));
});

test('of several, the newest whose time has come is for the machine, else the one whose time comes first', (t) => {
  const one = (version: string, turn: number | undefined) => ({ ...offered(turn), version, digest: version });
  const pick = (...turns: readonly (number | undefined)[]) => {
    const all = turns.map((turn, index) => one(`${9 - index}`, turn));
    const { chosen: due, waiting: later } = choose(all, usual, [], now);
    return due === null ? `wait for ${later?.version}` : due.version;
  };
  t.is(pick(at(1), at(-1), at(-2)), '8');
  t.is(pick(at(-1), at(-2)), '9');
  t.is(pick(at(3), at(2), Number.POSITIVE_INFINITY), 'wait for 8');
  t.is(pick(), 'wait for undefined');
});
