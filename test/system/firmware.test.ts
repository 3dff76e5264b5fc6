import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { MosError } from '../../pkg/errors/index.ts';
import type { Host } from '../../pkg/host/index.ts';
import { hasFirmware, keepFirmwareEntries, variablesFolder } from '../../pkg/system/firmware.ts';
import { memoryFolder } from '../helpers/folders.ts';
import { addHardDisk, hardwareIn } from '../helpers/hardware.ts';

const vendor = '8be4df61-93ca-11d2-aa0d-00e098032b8c';
const name = (what: string): string => `Boot${what}-${vendor}`;
const attributes = Buffer.from([7, 0, 0, 0]);

async function firmware(t: ExecutionContext) {
  const folder = await memoryFolder(t);
  const variables = join(folder, variablesFolder);
  mkdirSync(variables, { recursive: true });
  const put = (what: string, value: Uint8Array) =>
    writeFileSync(join(variables, name(what)), Buffer.concat([attributes, value]));
  addHardDisk(folder, 'vda', [{ role: 'esp', mebibytes: 3 }], 'A');
  const said: string[] = [];
  const keep = (host: Host, esp = '/dev/vda1') =>
    keepFirmwareEntries(host, esp, (event) => {
      if (event.kind === 'note') said.push(event.text);
    });
  const all = () =>
    Object.fromEntries(readdirSync(variables).map((one) => [one, readFileSync(join(variables, one)).toString('hex')])); // biome-ignore format: one line
  return { host: hardwareIn(folder), folder, put, keep, all, said };
}

test('the firmware gets an entry for each try and one more, before those of others', async (t) => {
  const { host, put, keep, all, said } = await firmware(t);
  t.false(await hasFirmware(host));
  put('Current', Buffer.from([0, 0]));
  t.true(await hasFirmware(host));
  put('0000', Buffer.from('theirs'));
  put('Order', Buffer.from([0, 0]));
  await keep(host);
  const kept = all();
  t.is(kept[name('Order')], '0700000001000200030004000000');
  t.deepEqual(Object.keys(kept).filter((one) => /^Boot000[1-4]/.test(one)).length, 4);
  await keep(host);
  t.deepEqual(all(), kept);
  t.deepEqual(said, []);
});

const entriesOf = (kept: object): string =>
  Object.keys(kept).flatMap((one) => /^Boot([0-9]{4})/.exec(one)?.[1] ?? []).join(); // biome-ignore format: one line

test('the entries of a former install go, as long as every disk can be looked at', async (t) => {
  const { host, folder, keep, put, all, said } = await firmware(t);
  put('Current', Buffer.from([0, 0]));
  put('0000', Buffer.from('theirs'));
  put('Order', Buffer.from([0, 0]));
  addHardDisk(folder, 'vdb', [{ role: 'esp', mebibytes: 3 }], 'B');
  await keep(host, '/dev/vdb1');
  await keep(host);
  t.is(entriesOf(all()), '0000,0001,0002,0003,0004,0005,0006,0007,0008', 'both disks are there');
  const front = readFileSync(join(folder, 'dev/vdb'));
  writeFileSync(join(folder, 'dev/vdb'), Buffer.from(front).fill(7, 600, 700));
  await keep(host);
  t.is(entriesOf(all()), '0000,0001,0002,0003,0004,0005,0006,0007,0008', 'its table is damaged');
  rmSync(join(folder, 'sys/block/vdb'), { recursive: true });
  await keep(host);
  t.is(entriesOf(all()), '0000,0005,0006,0007,0008');
  t.is(all()[name('Order')], '0700000005000600070008000000');
  t.deepEqual(said, []);
});

test('firmware that has no room left is told of, and keeps what it had', async (t) => {
  const { host, put, keep, all, said } = await firmware(t);
  put('Current', Buffer.from([0, 0]));
  put('0000', Buffer.from('theirs'));
  put('Order', Buffer.from([0, 0]));
  const before = all();
  const full: Host = {
    ...host,
    files: {
      ...host.files,
      create: async (path) => {
        throw new MosError('no-space', `cannot make ${path}: no space left on the file system`);
      },
    },
  };
  await keep(full);
  t.regex(said.join(), /^warning: the firmware lacks boot entries of ours, so a boot file that it refuses stops the machine: cannot make .*Boot0001-.*: no space left/); // biome-ignore format: one line
  t.deepEqual(all(), before);
});

test('an ESP that is in no partition table is told of', async (t) => {
  const { host, keep, said } = await firmware(t);
  await keep(host, '/dev/vdz1');
  t.regex(said.join(), /cannot find \/dev\/vdz1 in a partition table$/);
});
