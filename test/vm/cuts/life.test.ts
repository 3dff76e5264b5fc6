import { mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';
import { forEachPoint } from '../../crash/points.ts';
import { addBootkit } from '../../helpers/bootkit-image.ts';
import { describeMoment, type Moment, Recording, spread } from '../../helpers/disk-states.ts';
import { bootOnce, type CutMachine, contents, copyDisk, makeCutMachine } from './machine.ts';
import { type Phase, phases, recordLife } from './recording.ts';
import { checkDisk, placesOn } from './state.ts';

// The power goes at any moment of a machine's life. It is lived once, each request of its disk is written down, and each
// cut is a disk made of that: what was flushed by then, and of the rest what survives. The kernel is started without
// firmware here.

/** POWER_CUTS=all, by `make power-cuts`, tries every moment; a number, so many, each of them booted. */
const wanted = process.env.POWER_CUTS;
const [looks, boots] =
  wanted === undefined ? [24, 4] : wanted === 'all' ? [Number.POSITIVE_INFINITY, 200] : [+wanted, +wanted];

let machine: CutMachine;
let life: Recording;
const hooks: (() => unknown)[] = [];

test.before(async (t) => {
  const folder = mkdtempSync('/dev/shm/mos-cuts-');
  hooks.push(() => rmSync(folder, { recursive: true }));
  const owner = { teardown: (hook: () => unknown) => void hooks.push(hook) };
  machine = await makeCutMachine(owner, folder, (_, name) =>
    addBootkit(resolve(folder, 'images'), `bootkit-${name}`, Buffer.alloc(3_000_000, name)),
  );
  const { kernel, initrd } = machine.kit;
  life = await recordLife(t, machine, (disk) => ({ kernel, initrd, disk }));
});
test.after.always(async () => {
  for (const hook of hooks.toReversed()) await hook();
});

/** A machine with so little memory boots, so these have no more. */
const mebibytes = 512;

/** One at a time: the processors have the looks at other disks to do. */
let lastBoot: Promise<unknown> = Promise.resolve();

function bootDisk(disk: string): ReturnType<typeof bootOnce> {
  const { kernel, initrd } = machine.kit;
  const booted = lastBoot.then(() => bootOnce({ kernel, initrd, disk, mebibytes }));
  lastBoot = booted.catch(() => {});
  return booted;
}

test.serial(
  'after a power cut at any moment of updates, boots, a rollback and gc a machine is sound, and boots the old or the new generation',
  async (t) => {
    const all = life.moments(Object.keys(phases));
    const looked = spread(all, looks);
    const booted = new Set(spread(looked, boots));
    let damaged = 0;
    const counts = new Map<string, number>();
    await forEachPoint(
      looked.map((_, index) => index),
      async (index) => {
        const moment = looked[index] as Moment;
        const generations: readonly number[] = phases[moment.phase as Phase];
        const what = describeMoment(moment);
        const disk = join(machine.kit.folder, `cut-${index}.img`);
        await life.take(moment, disk);
        if ((await checkDisk(t, disk, { ca: machine.kit.ca, generations, what })) !== '') damaged++;
        if (booted.has(moment)) {
          const { running, content } = await bootDisk(disk);
          t.true(generations.includes(running), `${what}: it runs generation ${running}`);
          t.is(content, contents[running] ?? 'no content', what);
        }
        rmSync(disk);
        counts.set(moment.phase, (counts.get(moment.phase) ?? 0) + 1);
      },
    );
    for (const [phase, count] of counts) t.log(`power cuts during ${phase}: ${count}`);
    t.log(`power cuts: ${looked.length} of ${all.length} moments, ${booted.size} of them booted`);
    t.log(`an ESP on which fsck.vfat found a damaged file that was not in use: ${damaged}`);
  },
);

test.serial('a machine with 512 MiB boots', async (t) => {
  const disk = copyDisk(machine.disk, join(machine.kit.folder, 'small.img'));
  t.deepEqual(await bootDisk(disk), { running: 1, content: contents[1] ?? '' });
});

test.serial('an update that changes a service only writes nothing to the ESP', (t) => {
  const esp = placesOn(machine.disk)('esp');
  const { folder } = machine.kit;
  const again = new Recording(copyDisk(machine.disk, join(folder, 'again.img')), join(folder, 'life.log'));
  const changes = again.changesIn('update of a service', esp).map((place) => place - esp.at);
  // Linux keeps a count of free clusters in the second sector.
  t.deepEqual(
    changes.filter((place) => place < 512 || place >= 1024),
    [],
  );
  t.true(life.requestsIn('update of a service').length > 50);
});
