import test from 'ava';
import { emptyRecord, type UpgradeRecord } from '../../../pkg/system/upgrade/record.ts';
import { type MachineLook, reconcile } from '../../../pkg/system/upgrade/state.ts';
import { chosenAt, trial } from '../../helpers/trial.ts';

const now = new Date('2027-03-01T12:00:00Z');
const record: UpgradeRecord = {
  ...emptyRecord,
  chosen: chosenAt('2027-03-01T00:00:00.000Z'),
  ...{ prepared: true, generation: 7, trial },
};
const look = (running: number, next: number | null, verdict: 'good' | 'bad' | null): MachineLook => ({
  ...{ running, next, bootId: 'b' },
  history: [{ generation: 7, commit: 'c', verdict, release: null, source: 'r' }],
});
const over = { ...record, chosen: null, prepared: false, generation: null, trial: null };

test('the machine is right about what became of an update', (t) => {
  t.is(reconcile(record, look(6, 7, null), now), record);
  t.deepEqual(reconcile(record, look(7, null, 'good'), now), over);
  const failed = [
    { digest: 'sha256:1', version: 'v', reason: 'generation 7 failed', time: '2027-03-01T12:00:00.000Z' },
  ];
  t.deepEqual(reconcile(record, look(6, null, 'bad'), now), { ...over, failed });
  t.deepEqual(reconcile(record, look(6, 7, 'bad'), now), { ...over, failed }); // it waits still, and is not wanted
  // It needed no reboot, and whoever activated it was killed before saying so.
  const killed = { ...record, generation: null };
  t.deepEqual(reconcile(killed, look(8, null, 'bad'), now), { ...over, failed });
});

test('a generation that runs and has no verdict yet is on trial since it was seen', (t) => {
  const seen = reconcile(record, look(7, null, null), now);
  t.deepEqual(seen, { ...over, trial: { ...trial, since: '2027-03-01T12:00:00.000Z', sinceBoot: 'b' } });
  t.is(reconcile(seen, look(7, null, null), new Date('2027-03-01T13:00:00Z')), seen);
  t.deepEqual(reconcile(seen, look(8, null, null), now), over); // somebody went elsewhere
  // By a clock that was set back since, it would be on trial for as long as it was wrong.
  const early = new Date('2026-03-01T12:00:00Z');
  t.is(reconcile(seen, look(7, null, null), early).trial?.since, '2026-03-01T12:00:00.000Z');
});

test('what was chosen and waits already, though nobody wrote it down, is known by where it came from', (t) => {
  const staged = { ...record, generation: null, trial: null };
  const adopted = { ...record, trial: { ...trial, automatic: false } };
  t.deepEqual(reconcile(staged, look(6, 7, null), now), adopted);
  const other = { ...staged, chosen: { ...record.chosen, reference: 'another' } as never };
  t.is(reconcile(other, look(6, 7, null), now), other);
});
