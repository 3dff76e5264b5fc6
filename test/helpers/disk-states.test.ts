import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { markSector, Recording, spread } from './disk-states.ts';
import { scratchFolder } from './folders.ts';

const sector = 512;
const sectors = markSector + 8;

type Request = {
  readonly at?: number;
  readonly text?: string;
  readonly sectors?: number;
  readonly forced?: boolean;
};

/** A disk of zeros, and a log of writes of text and, without a place, flushes. */
async function recorded(t: ExecutionContext, requests: readonly Request[]) {
  const folder = await scratchFolder(t);
  const [disk, log, state] = ['disk', 'log', 'state'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(disk, Buffer.alloc(sectors * sector));
  const head = Buffer.alloc(sector);
  head.writeBigUInt64LE(0x6a736677736872n, 0);
  head.writeBigUInt64LE(1n, 8);
  head.writeUInt32LE(sector, 24);
  const entries = requests.flatMap(({ at, text = '', sectors: count = 1, forced = false }) => {
    const entry = Buffer.alloc(sector);
    if (at === undefined) {
      entry.writeBigUInt64LE(1n, 16);
      return [entry];
    }
    entry.writeBigUInt64LE(BigInt(at), 0);
    entry.writeBigUInt64LE(BigInt(count), 8);
    entry.writeBigUInt64LE(forced ? 2n : 0n, 16);
    const data = Buffer.alloc(count * sector);
    for (let index = 0; index < count; index++) data.write(text, index * sector);
    return [entry, data];
  });
  writeFileSync(log, Buffer.concat([head, ...entries]));
  const recording = new Recording(disk, log, 'start');
  /** The first letters of the first sectors at a moment. */
  const lettersAt = async (moment: Parameters<typeof recording.take>[0], length = 6): Promise<string> => {
    await recording.take(moment, state);
    const bytes = readFileSync(state);
    return Array.from({ length }, (_, index) => String.fromCharCode(bytes[index * sector] || 46)).join('');
  };
  return { recording, lettersAt };
}

const flush = {};
const write = (at: number, text: string, more: Request = {}): Request => ({ at, text, ...more });

test('what was flushed is there at each moment after it, of the rest what the world says', async (t) => {
  const { recording, lettersAt } = await recorded(t, [
    write(0, 'a'),
    flush,
    write(1, 'b'),
    write(2, 'c'),
    write(3, 'd'),
    write(4, 'e', { sectors: 2 }),
    flush,
  ]);
  const seen: string[] = [];
  for (const moment of recording.moments(['start'])) seen.push(`${moment.world} ${await lettersAt(moment)}`);
  t.deepEqual(
    seen.filter((one) => !one.startsWith('half')),
    ['nothing ......', 'torn ......', 'nothing a.....', 'torn ab....', 'newest a...ee'],
    'half of a block is none',
  );
  t.regex(seen.findLast((one) => one.startsWith('half')) ?? '', /^half a[.b][.c][.d](\.\.|ee)$/);
});

test('a write that is cut in the middle leaves whole blocks of 4096 bytes', async (t) => {
  const { recording, lettersAt } = await recorded(t, [write(4, 'a', { sectors: 16 }), flush]);
  const torn = recording.moments(['start']).find(({ world }) => world === 'torn');
  t.is(torn && (await lettersAt(torn, 14)), '....aaaa......');
});

test('a forced write is on the disk without a flush', async (t) => {
  const { recording, lettersAt } = await recorded(t, [write(0, 'a', { forced: true }), write(1, 'b'), flush]);
  for (const moment of recording.moments(['start'])) t.regex(await lettersAt(moment), /^a/);
});

test('a mark on the disk begins a phase', async (t) => {
  const { recording } = await recorded(t, [
    write(0, 'a'),
    flush,
    write(markSector, 'update'),
    flush,
    write(1, 'b'),
    flush,
  ]);
  t.deepEqual(
    recording.requestsIn('update').map(({ kind, at }) => [kind, at]),
    [
      ['flush', 0],
      ['write', sector],
      ['flush', 0],
    ],
  );
  t.deepEqual([...new Set(recording.moments(['update']).map(({ flushed }) => flushed))], [2, 4]);
});

test('what a phase changes in a part of the disk is told, and what it writes as it was is not', async (t) => {
  const { recording } = await recorded(t, [
    write(0, 'a'),
    write(markSector, 'update'),
    write(0, 'a'),
    write(1, 'b'),
    write(3, 'd'),
    write(markSector, 'end'),
    write(2, 'c'),
  ]);
  t.deepEqual(recording.changesIn('update', { at: 0, bytes: 3 * sector }), [sector]);
});

test('moments are taken in their order', async (t) => {
  const { recording, lettersAt } = await recorded(t, [write(0, 'a'), flush, write(1, 'b'), flush]);
  const moments = recording.moments(['start']);
  const [first, last] = [moments[0], moments.at(-1)];
  if (first === undefined || last === undefined) return t.fail();
  await lettersAt(last);
  await t.throwsAsync(lettersAt(first), { message: /the disk is at 2 already, and not at 0/ });
});

test('some of many are the first, the last, and those between in even steps', (t) => {
  t.deepEqual(spread([1, 2, 3, 4, 5, 6, 7, 8, 9], 3), [1, 5, 9]);
  t.deepEqual(spread([1, 2], 3), [1, 2]);
});
