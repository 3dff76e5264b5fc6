import test from 'ava';
import { planStack, planVerityDevice, type StackPlan, verityNames } from '../../pkg/atomfs/plan.ts';

const verity = { root: 'ab'.repeat(32), salt: new Uint8Array(32), dataBlocks: 10, hashOffset: 40_960 };
const zeros = '0'.repeat(64);

test('a verity device has the table that veritysetup would load', (t) => {
  t.deepEqual(planVerityDevice('x-verity', verity, '7:3', { panicOnCorruption: false }), {
    name: 'x-verity',
    uuid: `CRYPT-VERITY-${'ab'.repeat(16)}-x-verity`,
    table: [
      {
        start: 0,
        length: 80,
        type: 'verity',
        parameters: `1 7:3 7:3 4096 4096 10 11 sha256 ${verity.root} ${zeros}`,
      },
    ],
  });
  const panic = planVerityDevice('x', { ...verity, salt: new Uint8Array(0) }, '7:3', {
    panicOnCorruption: true,
  });
  t.is(panic.table[0]?.parameters, `1 7:3 7:3 4096 4096 10 11 sha256 ${verity.root} - 1 panic_on_corruption`);
});

test('the second name of a device differs by options and by backing file', (t) => {
  const names = [
    verityNames('x', { panicOnCorruption: false }, { device: 1, inode: 2 }),
    verityNames('x', { panicOnCorruption: true }, { device: 1, inode: 2 }),
    verityNames('x', { panicOnCorruption: false }, { device: 1, inode: 3 }),
  ];
  t.deepEqual(
    names.map(([first]) => first),
    ['x-verity', 'x-verity', 'x-verity'],
  );
  t.is(new Set(names.map(([, second]) => second)).size, 3);
});

const plan: StackPlan = {
  id: 'i',
  stage: '/run/stage',
  target: '/sysroot',
  flags: [],
  count: 2,
  marks: 'trusted',
  upper: undefined,
};
const options = ['index=off', 'xino=on', 'metacopy=off', 'redirect_dir=nofollow'];
const overlay = { fstype: 'overlay', source: 'mos:i', base: '/run/stage' };
const upper = { upper: '/s/upper', work: '/s/work', isVolatile: true };

test('two layers read-only are one overlay', (t) => {
  t.deepEqual(planStack({ ...plan, flags: ['nosuid', 'nodev'] }), {
    folders: [],
    calls: [{ ...overlay, target: '/sysroot', flags: ['ro', 'nodev', 'nosuid'], options, lower: ['0', '1'] }],
  });
});

test('one layer read-only has an empty one below it', (t) => {
  t.deepEqual(planStack({ ...plan, count: 1 }), {
    folders: ['/run/stage/empty'],
    calls: [{ ...overlay, target: '/sysroot', flags: ['ro', 'nodev'], options, lower: ['0', 'empty'] }],
  });
});

test('an upper folder that goes with the mount is not synced', (t) => {
  t.deepEqual(planStack({ ...plan, count: 1, upper }), {
    folders: [],
    calls: [
      {
        ...overlay,
        target: '/sysroot',
        flags: ['nodev'],
        options: [...options, 'volatile'],
        lower: ['0'],
        upper: '/s/upper',
        work: '/s/work',
      },
    ],
  });
});

test('what is written above layers with user attributes lies in a second overlay', (t) => {
  t.deepEqual(planStack({ ...plan, marks: 'user', upper: { ...upper, isVolatile: false } }), {
    folders: ['/run/stage/below'],
    calls: [
      {
        ...overlay,
        target: '/run/stage/below',
        flags: ['ro', 'nodev'],
        options: [...options, 'userxattr'],
        lower: ['0', '1'],
      },
      {
        ...overlay,
        target: '/sysroot',
        flags: ['nodev'],
        options,
        lower: ['below'],
        upper: '/s/upper',
        work: '/s/work',
      },
    ],
  });
});
