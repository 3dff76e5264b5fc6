import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { scratchFolder } from './folders.ts';
import { readWriteLog } from './write-log.ts';

const sector = 512;

function head(version = 1n): Buffer {
  const bytes = Buffer.alloc(sector);
  bytes.writeBigUInt64LE(0x6a736677736872n, 0);
  bytes.writeBigUInt64LE(version, 8);
  bytes.writeUInt32LE(sector, 24);
  return bytes;
}

/** An entry for so many sectors from a place on, and the bytes that follow it. */
function entry(at: number, sectors: number, flags: bigint, data = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(sector);
  bytes.writeBigUInt64LE(BigInt(at), 0);
  bytes.writeBigUInt64LE(BigInt(sectors), 8);
  bytes.writeBigUInt64LE(flags, 16);
  return Buffer.concat([bytes, data]);
}

async function read(t: ExecutionContext, ...parts: readonly Buffer[]) {
  const file = join(await scratchFolder(t), 'log');
  writeFileSync(file, Buffer.concat(parts));
  return readWriteLog(file);
}

const two = Buffer.alloc(2 * sector, 'x');

test('writes, forced writes, discards and flushes are read in their order', async (t) => {
  t.deepEqual(
    await read(t, head(), entry(7, 2, 0n, two), entry(0, 0, 1n), entry(3, 4, 4n), entry(9, 2, 2n, two)),
    [
      { kind: 'write', forced: false, at: 7 * sector, bytes: 2 * sector, data: 2 * sector },
      { kind: 'flush', forced: false, at: 0, bytes: 0, data: 5 * sector },
      { kind: 'discard', forced: false, at: 3 * sector, bytes: 4 * sector, data: 6 * sector },
      { kind: 'write', forced: true, at: 9 * sector, bytes: 2 * sector, data: 7 * sector },
    ],
  );
});

test('what was not written whole when the power went is left out', async (t) => {
  const whole = entry(7, 2, 0n, two);
  const kinds = async (...parts: readonly Buffer[]) =>
    (await read(t, head(), whole, ...parts)).map(({ kind }) => kind);
  t.deepEqual(await kinds(whole.subarray(0, 2 * sector)), ['write'], 'its bytes are cut');
  t.deepEqual(
    await kinds(Buffer.alloc(3 * sector), whole),
    ['write'],
    'a hole, and one that was done after it',
  );
  t.deepEqual(await kinds(entry(0, 0, 1n).subarray(0, 100)), ['write']);
});

test('another file, or a log of another version, is refused', async (t) => {
  await t.throwsAsync(read(t, Buffer.alloc(sector)), { message: /is no log of writes, version 1$/ });
  await t.throwsAsync(read(t, head(2n)), { message: /is no log of writes, version 1$/ });
});
