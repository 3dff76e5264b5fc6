import { cp, rm } from 'node:fs/promises';
import test from 'ava';
import type { Host } from '../../../pkg/host/index.ts';
import { parseChannel, readReleaseIndex } from '../../../pkg/system/index.ts';
import { call } from '../../helpers/cli.ts';
import { countingHost, crashingHost } from '../../helpers/counting-host.ts';
import { openDesk } from '../../helpers/release.ts';

/** All points of few, else some spread over them and the last ones. CRASH_POINTS=all tries every one. */
const pointsOf = (count: number): readonly number[] => {
  const all = Array.from({ length: count }, (_, index) => index + 1);
  const step = process.env.CRASH_POINTS === 'all' ? 1 : Math.ceil(count / 6);
  return all.filter((n) => n % step === 0 || n > count - 2);
};

test('wherever signing or reading is stopped, machines see the old index or the new one, and the next run ends it', async (t) => {
  const desk = await openDesk(t);
  const { folder } = desk;
  const channel = `zot:${desk.vendor.repository}:machine/stable`;
  await desk.trust('tuf-keys', 'add', 'acme');
  await desk.release('add', channel, await desk.publish(1), '--arch', 'amd64');
  await desk.release('sign', channel);
  const read = async (host: Host) => {
    const given = { ca: desk.vendor.ca, product: desk.vendor.product, access: {}, builtAt: new Date(0) };
    const options = { root: `${folder}/root`, channel: parseChannel(channel, '/'), ...given };
    return (await readReleaseIndex(host, options, () => {})).index.releases.map(({ release }) => release);
  };
  const { host } = desk.call;
  t.deepEqual(await read(host), [1]);
  await desk.release('add', channel, await desk.publish(2), '--arch', 'amd64');
  const parts = ['repository', 'machine', 'root'];
  const keep = async (from: string, to: string) => {
    for (const part of parts) {
      await rm(`${to}/${part}`, { recursive: true, force: true });
      await cp(`${from}/${part}`, `${to}/${part}`, { recursive: true });
    }
  };
  const sign = (on: Host) =>
    call(['mosb', '--quiet', 'release', 'sign', '--project', 'acme:default', channel], {
      ...desk.call,
      host: on,
    });

  await keep(folder, `${folder}/before`);
  const signing = countingHost(host);
  t.is((await sign(signing.host)).exit, 0);
  for (const n of pointsOf(signing.names.length)) {
    await keep(`${folder}/before`, folder);
    t.not((await sign(crashingHost(host, n).host)).exit, 0);
    const seen = await read(host);
    t.true(['[1]', '[1,2]'].includes(JSON.stringify(seen)), `${JSON.stringify(seen)} before ${n}`);
    t.is((await sign(host)).exit, 0);
    t.deepEqual(await read(host), [1, 2], `before ${n} of ${signing.names.length}`);
  }

  await rm(`${folder}/root`, { recursive: true });
  await cp(`${folder}/before/root`, `${folder}/root`, { recursive: true });
  await keep(folder, `${folder}/after`);
  const reading = countingHost(host);
  t.deepEqual(await read(reading.host), [1, 2]);
  for (const n of pointsOf(reading.names.length)) {
    await keep(`${folder}/after`, folder);
    await t.throwsAsync(read(crashingHost(host, n).host));
    t.deepEqual(await read(host), [1, 2], `before ${n} of ${reading.names.length}`);
  }
  t.log(`${signing.names.length} points of sign, ${reading.names.length} of reading`);
});
