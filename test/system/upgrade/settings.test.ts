import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Host } from '../../../pkg/host/index.ts';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import {
  changeSettings,
  holdUpdates,
  listUpdateHolds,
  releaseUpdates,
  updateSettings,
} from '../../../pkg/system/index.ts';
import { machineSeed } from '../../../pkg/system/upgrade/seed.ts';
import { temporaryFolder } from '../../helpers/folder.ts';

const usual = {
  ...{ source: null, automatic: false, window: null, delay: 0 },
  ...{ ignoreWaves: false, versionLock: null, checkEvery: 6 },
};

test('settings are kept, and what is not named stays', async (t) => {
  const root = await temporaryFolder(t);
  t.deepEqual(await updateSettings(linuxHost, { root }), usual);
  const source = {
    kind: 'manifest' as const,
    reference: 'registry.example.com/machine/web:stable',
    plainHttp: false,
    acceptExpired: false,
  };
  await changeSettings(linuxHost, { root, source, window: 'sat,sun 02:00-04:00' });
  await changeSettings(linuxHost, { root, automatic: true, delay: 12, versionLock: '1.2.0' });
  const all = {
    ...usual,
    source,
    window: 'sat,sun 02:00-04:00',
    automatic: true,
    delay: 12,
    versionLock: '1.2.0',
  };
  t.deepEqual(await updateSettings(linuxHost, { root }), all);
  await changeSettings(linuxHost, { root, window: null });
  t.deepEqual(await updateSettings(linuxHost, { root }), { ...all, window: null });
});

const from = (kind: 'manifest' | 'channel', reference: string) =>
  ({ kind, reference, plainHttp: false, acceptExpired: false }) as const;

for (const [change, message] of [
  [{ window: 'noon' }, 'cannot use "noon" as a maintenance window'],
  [{ delay: -1 }, 'cannot set delay to -1: it is 0 to 8760 hours'],
  [{ delay: 1.5 }, 'cannot set delay to 1.5: it is 0 to 8760 hours'],
  [{ checkEvery: 0 }, 'cannot set check-every to 0: it is 1 to 8760 hours'],
  [{ versionLock: '' }, 'cannot set version-lock: a version is 1 to 128 printable characters'],
  [{ source: from('manifest', '../x') }, undefined],
  [
    { source: from('manifest', 'zot:repo:machine/web:1') },
    'cannot take updates from zot:repo:machine/web:1: a machine has no working directory',
  ],
  [
    { source: from('channel', 'zot:repo:machine/stable') },
    'cannot take updates from zot:repo:machine/stable: a machine has no working directory',
  ],
] as const)
  test(`${JSON.stringify(change)} is refused, and nothing is changed`, async (t) => {
    const root = await temporaryFolder(t);
    await t.throwsAsync(changeSettings(linuxHost, { root, ...change }), {
      code: 'usage',
      ...(message === undefined ? {} : { message }),
    });
    t.deepEqual(await updateSettings(linuxHost, { root }), usual);
  });

test('damaged settings are told and not taken for usual ones', async (t) => {
  const root = await temporaryFolder(t);
  await changeSettings(linuxHost, { root, automatic: true });
  const file = join(root, 'config/mos/upgrade/settings.json');
  for (const text of ['{', '[]', '{"more":1}', '{"delay":"1"}', '{"window":"noon"}']) {
    writeFileSync(file, text);
    await t.throwsAsync(updateSettings(linuxHost, { root }), { code: 'corrupt' });
  }
});

test('the seed of a machine is drawn once', async (t) => {
  const folders = await Promise.all([1, 2, 3, 4].map(() => temporaryFolder(t)));
  const seeds = await Promise.all(folders.map((folder) => machineSeed(linuxHost, `${folder}/upgrade`)));
  t.true(new Set(seeds).size > 1);
  for (const [at, folder] of folders.entries()) {
    t.is(await machineSeed(linuxHost, `${folder}/upgrade`), seeds[at] ?? -1);
    t.deepEqual(JSON.parse(readFileSync(`${folder}/upgrade/seed.json`, 'utf8')), { seed: seeds[at] });
  }
});

test('updates are held by somebody, for a reason, and for so long', async (t) => {
  const root = await temporaryFolder(t);
  let now = new Date('2027-03-01T12:00:00Z');
  const host: Host = { ...linuxHost, clock: { ...linuxHost.clock, now: () => now } };
  const held = async () => (await listUpdateHolds(host, { root })).holds.map(({ owner }) => owner);
  await holdUpdates(host, { root, owner: 'backup', reason: 'it runs', minutes: 30 });
  await holdUpdates(host, { root, owner: 'web', reason: 'a sale' });
  t.deepEqual((await listUpdateHolds(host, { root })).holds[0], {
    ...{ owner: 'backup', reason: 'it runs' },
    ...{ since: '2027-03-01T12:00:00.000Z', until: '2027-03-01T12:30:00.000Z' },
  });
  now = new Date('2027-03-01T12:30:00Z');
  t.deepEqual(await held(), ['web']);
  await holdUpdates(host, { root, owner: 'web', reason: 'a longer sale', minutes: 120 });
  now = new Date('2027-03-01T14:00:00Z');
  t.deepEqual(await held(), ['web']);
  await releaseUpdates(host, { root, owner: 'web' });
  t.deepEqual(await held(), []);
  await t.throwsAsync(releaseUpdates(host, { root, owner: 'web' }), {
    code: 'not-found',
    message: 'cannot release updates: web does not hold them',
  });
  for (const minutes of [0, 10_081, 1.5])
    await t.throwsAsync(holdUpdates(host, { root, owner: 'web', reason: 'x', minutes }), { code: 'usage' });
  await t.throwsAsync(holdUpdates(host, { root, owner: 'web', reason: 'a\nb' }), { code: 'usage' });
});
