import test from 'ava';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { noAllocations, parseManifestSha, parseProduct } from '../../pkg/manifest/index.ts';
import {
  addNote,
  commitGeneration,
  isInstalled,
  lockState,
  moveRoles,
  readAllocations,
  readGeneration,
  readRoles,
  recordAllocations,
  recordProduct,
  recordRelease,
  refreshView,
  type State,
  verifyRepository,
} from '../../pkg/state/index.ts';
import { Crash, countingHost, crashingHost } from '../helpers/counting-host.ts';
import { ForgetfulHost, type Survives } from '../helpers/forgetful-host.ts';
import { advance, content, git, temporaryState, withClock } from './samples.ts';

const sha = parseManifestSha('a'.repeat(64));

/** All that an update writes to the state, in its order. */
async function update(host: Host, state: State): Promise<void> {
  await using lock = await lockState(host, state, { owner: 'test', wait: 0 });
  await recordProduct(host, lock, { product: parseProduct('p'), origin: 'option' });
  await recordAllocations(host, lock, { ...noAllocations, nsgroups: new Map([['web', 100_000]] as never) });
  const { current } = await readRoles(host, state);
  const isDone =
    current !== undefined && (await readGeneration(host, state, current)).system === content('new').system;
  const made = isDone ? { commit: current } : await commitGeneration(host, lock, content('new'));
  await recordRelease(host, lock, { what: 'it', release: 1, sha });
  await moveRoles(host, lock, [{ role: 'current', from: current, to: made.commit }]);
  await addNote(host, lock, made.commit, { kind: 'good', reason: 'it runs' });
  await refreshView(host, lock);
}

/** Everything below the folder but what names a moment or a process. */
async function snapshot(state: State): Promise<unknown> {
  const refs = await git(state, 'for-each-ref', '--format=%(refname) %(objectname)');
  const { value } = await readAllocations(linuxHost, state);
  return { refs, value, status: await git(state, 'status', '--porcelain') };
}

const summaryOf = async (host: Host, state: State): Promise<string | undefined> =>
  (await isInstalled(host, state)) ? (await readGeneration(host, state, 'current')).summary : undefined;

/** Stops an update of the state at each of its mutations. */
export const campaign = test.macro({
  exec: async (t, before: readonly string[]) => {
    const { host } = withClock('2026-11-21T10:00:00Z');
    const undisturbed = await temporaryState(t);
    for (const text of before) await advance(host, undisturbed, text);
    const counted = countingHost(host);
    await update(counted.host, undisturbed);
    const expected = await snapshot(undisturbed);
    const old = before.length === 0 ? undefined : 'hostfs old';
    t.true(counted.names.length > 20);
    for (let n = 1; n <= counted.names.length; n++) {
      const state = await temporaryState(t);
      for (const text of before) await advance(host, state, text);
      const crashing = crashingHost(host, n);
      await t.throwsAsync(update(crashing.host, state), { instanceOf: Crash }, `${n}`);
      const found = await summaryOf(host, state);
      t.true(found === old || found === 'hostfs new', `${n}: ${counted.names[n - 1]}`);
      t.deepEqual((await verifyRepository(host, state)).problems, []);
      await update(host, state);
      t.deepEqual(await snapshot(state), expected, `${n}: ${counted.names[n - 1]}`);
      t.is(await git(state, 'fsck', '--full', '--no-dangling'), '');
    }
    t.log(`${counted.names.length} points`);
  },
  title: (name = '') => name,
});

/** Cuts the power at each of its mutations. */
export const powerCuts = test.macro({
  exec: async (t, survives: Survives) => {
    const { host } = withClock('2026-11-21T10:00:00Z');
    let points = 0;
    for (let n = 1, isDone = false; !isDone; n++) {
      const state = await temporaryState(t);
      const stash = await temporaryState(t);
      await host.files.makeFolder(stash.folder, { parents: true });
      await advance(host, state, 'old');
      const forgetful = new ForgetfulHost(host, stash.folder, n);
      isDone = await update(forgetful.host, state).then(
        () => true,
        () => false,
      );
      await forgetful.powerCut(survives);
      const found = await summaryOf(host, state);
      t.true(found === 'hostfs old' || found === 'hostfs new', `${n}: ${found}`);
      if (isDone) t.is(found, 'hostfs new');
      t.deepEqual((await verifyRepository(host, state)).problems, []);
      await update(host, state);
      t.is(await summaryOf(host, state), 'hostfs new');
      points = n;
    }
    t.true(points > 20);
  },
  title: (name = '') => name,
});
