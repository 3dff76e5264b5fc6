import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import type { DmTarget, HeldDevice } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { scratchFolder } from '../helpers/folders.ts';

const { devices } = linuxHost;
const blocks = 64;

/** A file of 64 blocks with a verity tree behind it, made by veritysetup; its root hash. */
async function layer(t: ExecutionContext): Promise<{ file: string; root: string }> {
  const file = `${await scratchFolder(t)}/layer`;
  writeFileSync(file, Buffer.alloc(blocks * 4096, 'mos'));
  const text = execFileSync('veritysetup', [
    'format',
    `--hash-offset=${blocks * 4096}`,
    `--salt=${'0'.repeat(64)}`,
    file,
    file,
  ]).toString();
  return { file, root: /Root hash:\s+([0-9a-f]{64})/.exec(text)?.[1] ?? '' };
}

const tableOf = (loop: HeldDevice, root: string): DmTarget[] => [
  {
    start: 0,
    length: blocks * 8,
    type: 'verity',
    parameters: `1 ${loop.number} ${loop.number} 4096 4096 ${blocks} ${blocks + 1} sha256 ${root} ${'0'.repeat(64)}`,
  },
];

const attach = (file: string) => devices.loopAttach(file, { readOnly: true, autoclear: true });

test('a verity device is made, read, checked, listed and gone with its last user', async (t) => {
  const { file, root } = await layer(t);
  t.true(await devices.hasDeviceMapper());
  const name = 'mos-test-whole';
  let number = '';
  {
    await using loop = await attach(file);
    const table = tableOf(loop, root);
    await using dm = await devices.dmCreate(name, `CRYPT-VERITY-1-${name}`, table, {
      readOnly: true,
      removeWithLastUser: true,
    });
    await loop[Symbol.asyncDispose]();
    number = dm.number;
    t.deepEqual(await devices.dmTable(name), table);
    t.is(readFileSync(dm.device).subarray(0, 3).toString(), 'mos');
    t.is((await devices.dmTable(name, { status: true }))?.[0]?.parameters, 'V');
    t.deepEqual(await devices.dmList(), [{ name, number }]);
    t.is((await devices.loops()).length, 1);
    await t.throwsAsync(devices.dmCreate(name, 'x', table), {
      message: `cannot create the device-mapper device ${name}: it exists already`,
    });
  }
  t.is(await devices.dmOpen(name), undefined);
  t.deepEqual(await devices.dmList(), []);
  t.deepEqual(await devices.loops(), []);
});

test('a wrong root hash shows in the status after a read, not at the creation', async (t) => {
  const { file, root } = await layer(t);
  const wrong = root.replace(/^../, root.startsWith('00') ? '11' : '00');
  await using loop = await attach(file);
  await using dm = await devices.dmCreate('mos-test-wrong', '', tableOf(loop, wrong), {
    readOnly: true,
    removeWithLastUser: true,
  });
  t.is((await devices.dmTable('mos-test-wrong', { status: true }))?.[0]?.parameters, 'V');
  t.throws(() => readFileSync(dm.device), { code: 'EIO' });
  t.is((await devices.dmTable('mos-test-wrong', { status: true }))?.[0]?.parameters, 'C');
});

test('a device without a table is what a dead process left, and is replaced', async (t) => {
  const { file, root } = await layer(t);
  execFileSync('dmsetup', ['create', '--notable', '--noudevsync', 'mos-test-half']);
  await using loop = await attach(file);
  await using dm = await devices.dmCreate('mos-test-half', '', tableOf(loop, root), {
    readOnly: true,
    removeWithLastUser: true,
  });
  t.is(readFileSync(dm.device).length, blocks * 4096);
});

test('a table that the kernel refuses leaves no device', async (t) => {
  const { file } = await layer(t);
  await using loop = await attach(file);
  const table = [{ start: 0, length: 8, type: 'nonsense', parameters: loop.number }];
  await t.throwsAsync(devices.dmCreate('mos-test-bad', '', table), {
    message: 'cannot load the table of the device-mapper device mos-test-bad: the kernel refused it',
  });
  t.is(await devices.dmTable('mos-test-bad'), undefined);
  t.false(await devices.dmRemove('mos-test-bad'));
});

test('a device in use outlives its removal and can be opened again until then', async (t) => {
  const { file, root } = await layer(t);
  const name = 'mos-test-shared';
  await using loop = await attach(file);
  const first = await devices.dmCreate(name, '', tableOf(loop, root), { readOnly: true });
  await t.throwsAsync(devices.dmRemove(name), {
    message: `cannot remove the device-mapper device ${name}: it is in use`,
  });
  t.true(await devices.dmRemove(name, { deferred: true }));
  const second = await devices.dmOpen(name);
  await first[Symbol.asyncDispose]();
  t.is((await devices.dmList()).length, 1);
  await second?.[Symbol.asyncDispose]();
  await t.notThrowsAsync(gone(name));
});

async function gone(name: string): Promise<void> {
  for (let i = 0; i < 100 && (await devices.dmTable(name)) !== undefined; i++)
    await linuxHost.clock.sleep(10);
  if (await devices.dmTable(name)) throw new Error('it is still there');
}
