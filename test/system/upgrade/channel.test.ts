import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { Host } from '../../../pkg/host/index.ts';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { parseReference } from '../../../pkg/oci/index.ts';
import { changeSettings, install, status, updateCommand } from '../../../pkg/system/index.ts';
import { makeRoot } from '../../helpers/machine.ts';
import { openDesk } from '../../helpers/release.ts';
import { builtAt } from '../../helpers/vendor.ts';

const seconds = (time: Date): string => `${time.toISOString().slice(0, 19)}Z`;

test('a machine follows a channel: its turn, its rules, what the publisher takes back', async (t) => {
  const desk = await openDesk(t);
  const channel = `zot:${desk.vendor.repository}:machine/stable`;
  await desk.trust('tuf-keys', 'add', 'acme');
  const release = (word: string, ...words: string[]) => desk.release(word, channel, ...words);
  const first = await desk.publish(1);
  await release('add', first, '--arch', 'amd64');
  await release(
    'add',
    await desk.publish(2),
    '--arch',
    'amd64',
    '--wave',
    `100@${seconds(desk.at(1))}/${seconds(desk.at(3))}`,
  );
  await release(
    'add',
    await desk.publish(3),
    '--arch',
    'amd64',
    '--wave',
    `1@${seconds(desk.at(1))}/${seconds(desk.at(2))}`,
  );
  await release('add', await desk.publish(4), '--arch', 'arm64');
  await release('sign');

  let day = 0;
  const host: Host = {
    ...linuxHost,
    clock: { ...linuxHost.clock, now: () => desk.at(day) },
    machine: { ...linuxHost.machine, architecture: 'x86_64' },
  };
  const root = await makeRoot(t, desk.vendor);
  await install(host, { root, builtAt, reference: parseReference(first), access: {} }, () => {});
  const folder = join(root, 'config/mos/upgrade');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'seed.json'), JSON.stringify({ seed: 2 ** 31 })); // the middle of all
  const source = { kind: 'channel', reference: channel, plainHttp: false, acceptExpired: false } as const;
  const set = (change: object) => changeSettings(host, { root, ...change });
  const notes: string[] = [];
  const report = (event: { readonly kind: string; readonly text?: string }) =>
    void (event.kind === 'note' && notes.push(event.text ?? ''));
  const check = async () => {
    const { update_state, available_updates, available_at, not_yet, recalled } = await updateCommand(
      host,
      'refresh',
      { root, builtAt },
      report,
    );
    return [
      update_state,
      available_updates.join(),
      available_at?.slice(0, 19) ?? null,
      not_yet.join(),
      recalled,
    ];
  };
  const turn = desk.at(2).toISOString().slice(0, 19);
  await set({ source });

  const early = ['Idle', '', turn, 'the turn of this machine comes later', null];
  t.deepEqual(await check(), early);
  t.deepEqual((await status(host, { root })).update, {
    ...{ state: 'Idle', version: '1.2.0', notYet: 'the turn of this machine comes later' },
    availableAt: desk
      .at(2)
      .toISOString()
      .replace(/\.\d+Z/, '.000Z'),
  });
  day = 1.99;
  t.deepEqual(await check(), early);
  await set({ ignoreWaves: true });
  t.deepEqual((await check()).slice(0, 2), ['Available', '1.3.0']);
  await set({ versionLock: '1.2.0' });
  t.deepEqual((await check()).slice(0, 2), ['Available', '1.2.0']);
  await set({ versionLock: null, ignoreWaves: false, delay: 12 });
  day = 2.1;
  const delayed = desk.at(2.5).toISOString().slice(0, 19);
  t.deepEqual(await check(), ['Idle', '', delayed, 'the delay of 12 hours is not over', null]);
  await set({ delay: 0 });
  t.deepEqual(await check(), ['Available', '1.2.0', turn, '', null]);
  await updateCommand(host, 'prepare', { root, builtAt }, report);
  t.is((await check())[0], 'Staged'); // it is still the same

  desk.setDay(2.2);
  day = 2.2;
  await release('withdraw', '1.2.0', '--reason', 'loses its clock');
  await release('set-max', '0');
  await release('sign');
  const recalled = 'its publisher recalled everything above release 0';
  t.deepEqual(await check(), ['Idle', '', null, '', recalled]);
  t.true(notes.includes(`warning: generation 1: ${recalled}`));

  day = 100;
  await t.throwsAsync(check(), { code: 'untrusted' });
  await set({ source: { ...source, acceptExpired: true } });
  t.deepEqual((await check())[4], recalled);
});
