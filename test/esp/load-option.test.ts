import test from 'ava';
import { planFirmware, renderLoadOption } from '../../pkg/esp/index.ts';

const option = (description: string, id = 0xab): Uint8Array =>
  renderLoadOption({
    description,
    partition: { number: 1, first: 2048, sectors: 614_400, id: Buffer.alloc(16, id) },
    path: '\\EFI\\BOOT\\BOOTX64.EFI',
  });

test('a load option as the firmware reads it', (t) => {
  const bytes = Buffer.from(option('mos'));
  t.is(bytes.readUInt32LE(0), 1, 'active');
  t.is(bytes.readUInt16LE(4), bytes.length - 6 - 8, 'length of the device path');
  t.is(bytes.toString('utf16le', 6, 14), 'mos\0');
  t.is(
    bytes.subarray(14).toString('hex'),
    `04012a00${'01000000'}${'0008000000000000'}${'0060090000000000'}${'ab'.repeat(16)}0202` +
      `04043000${Buffer.from('\\EFI\\BOOT\\BOOTX64.EFI\0', 'utf16le').toString('hex')}7fff0400`,
  );
});

const [one, two] = [option('mos 1'), option('mos 2')];
const other = Buffer.from('somebody else');
const known = [Buffer.alloc(16, 0xab), Buffer.alloc(16, 0xac)];

test('ours get free numbers and come first; those of others stay', (t) => {
  const entries = { options: new Map([[0, other]]), order: [0, 7] };
  t.deepEqual(planFirmware(entries, [one, two], known), {
    create: [
      { number: 1, option: one },
      { number: 2, option: two },
    ],
    order: [1, 2, 0, 7],
    remove: [],
  });
});

test('what is there already is left as it is', (t) => {
  const entries = { options: new Map([[3, two], [1, one], [0, other]]), order: [1, 3, 0] }; // biome-ignore format: one line
  t.deepEqual(planFirmware(entries, [one, two], known), { create: [], order: undefined, remove: [] });
});

test('an order that somebody changed is set right again', (t) => {
  const entries = { options: new Map([[0, other], [1, one], [3, two]]), order: [0, 1] }; // biome-ignore format: one line
  t.deepEqual(planFirmware(entries, [one, two], known), { create: [], order: [1, 3, 0], remove: [] });
});

test('ours of a partition that is nowhere go; those of another partition and of others stay', (t) => {
  const options = new Map([[0, option('mos 1', 0xad)], [1, one], [3, two], [4, option('mos 2', 0xac)], [5, option('mos 1', 0xad).fill(1, 20)], [6, option('Fedora', 0xad)], [7, other]]); // biome-ignore format: one line
  const entries = { options, order: [1, 3, 0, 4, 5, 6, 7] };
  t.deepEqual(planFirmware(entries, [one, two], known), {
    ...{ create: [], order: [1, 3, 4, 5, 6, 7] },
    remove: [0],
  });
});
