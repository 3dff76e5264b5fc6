import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { MosError } from '../../pkg/errors/index.ts';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openLayout } from '../../pkg/layout/index.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { type Content, chunks, content } from '../helpers/images.ts';

const big = content('application/octet-stream', randomBytes(3_000_000));
const hexOf = ({ descriptor }: Content) => descriptor.digest.slice('sha256:'.length);

async function made(t: ExecutionContext, host: Host = linuxHost) {
  const folder = await scratchFolder(t);
  const layout = await openLayout(host, folder, { create: true });
  const names = async () => ({
    blobs: await readdir(join(folder, 'blobs/sha256')),
    partial: await readdir(join(folder, '.mos/partial')),
    hashed: await readdir(join(folder, '.mos/hashed')),
  });
  return { folder, layout, names, partial: join(folder, '.mos/partial', hexOf(big)) };
}

/** A body that breaks off with an error after so many bytes. */
async function* breaking(bytes: Uint8Array, after: number, error: unknown): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks(bytes.subarray(0, after))) yield chunk;
  throw error;
}

const lost = new MosError('network', 'cannot read: the connection broke');

test('a broken transfer leaves a part, and the next one asks for the rest only', async (t) => {
  const { layout, names, partial } = await made(t);
  await t.throwsAsync(
    layout.putFrom(big.descriptor, () => breaking(big.bytes, 1_000_000, lost)),
    { is: lost },
  );
  t.is((await stat(partial)).size, 1_000_000);
  t.deepEqual((await names()).blobs, []);
  t.false(await layout.has(big.descriptor));
  t.is(await layout.partialSize(big.descriptor), 1_000_000);
  const starts: number[] = [];
  await layout.putFrom(big.descriptor, (start) => {
    starts.push(start);
    return chunks(big.bytes.subarray(start));
  });
  t.deepEqual(starts, [1_000_000]);
  t.deepEqual(await names(), { blobs: [hexOf(big)], partial: [], hashed: [hexOf(big)] });
  t.deepEqual(
    (await layout.verify()).problems.map(({ kind }) => kind),
    ['orphan'],
  );
});

test('a part that was altered is noticed at the end and fetched again from the beginning', async (t) => {
  const { layout, names, partial } = await made(t);
  await mkdir(join(partial, '..'), { recursive: true });
  await writeFile(partial, Buffer.alloc(1_000_000));
  const starts: number[] = [];
  await layout.putFrom(big.descriptor, (start) => {
    starts.push(start);
    return chunks(big.bytes.subarray(start));
  });
  t.deepEqual(starts, [1_000_000, 0]);
  t.deepEqual((await names()).partial, []);
  t.true(await layout.has(big.descriptor));
});

test('a part that is longer than the blob is not used', async (t) => {
  const { layout, partial } = await made(t);
  await writeFile(partial, Buffer.alloc(4_000_000));
  const starts: number[] = [];
  await layout.putFrom(big.descriptor, (start) => {
    starts.push(start);
    return chunks(big.bytes.subarray(start));
  });
  t.deepEqual(starts, [0]);
});

test('a whole part needs no further byte', async (t) => {
  const { layout, partial } = await made(t);
  await writeFile(partial, big.bytes);
  await layout.putFrom(big.descriptor, () => {
    throw new Error('it was opened');
  });
  t.true(await layout.has(big.descriptor));
});

test('put of a body that begins at the beginning does not go on with a part', async (t) => {
  const { layout, partial } = await made(t);
  await writeFile(partial, big.bytes.subarray(0, 1000));
  await layout.put(big.descriptor, chunks(big.bytes));
  t.deepEqual(await layout.read({ ...big.descriptor }), Buffer.from(big.bytes));
});

const wrong = test.macro({
  exec: async (t, bytes: Uint8Array, why: string) => {
    const { layout, names } = await made(t);
    await t.throwsAsync(layout.put(big.descriptor, chunks(bytes)), {
      code: 'corrupt',
      message: `cannot accept the bytes of ${big.descriptor.digest}: ${why}`,
    });
    t.deepEqual(await names(), { blobs: [], partial: [], hashed: [] });
  },
  title: (title) => `refused, and nothing stays: ${title}`,
});
const other = Buffer.from(big.bytes);
other.writeUInt8(other.readUInt8(5) ^ 1, 5);
const { digest } = content('', other).descriptor;
test('a flipped bit', wrong, other, `they hash to ${digest}`);
test('too few bytes', wrong, big.bytes.subarray(1), '2999999 bytes in place of 3000000');
test('too many bytes', wrong, Buffer.concat([big.bytes, other]), 'more than 3000000 bytes');
test('no bytes', wrong, Buffer.alloc(0), '0 bytes in place of 3000000');

test('what is there is not read again, and the body is told so', async (t) => {
  const { layout } = await made(t);
  await layout.put(big.descriptor, chunks(big.bytes));
  let isReleased = false;
  const body = {
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.reject(new Error('it was read')),
      return: async () => {
        isReleased = true;
        return { done: true as const, value: undefined };
      },
    }),
  };
  await layout.put(big.descriptor, body);
  t.true(isReleased);
  await layout.putFrom(big.descriptor, () => {
    throw new Error('it was opened');
  });
});

test('a blob of strangers is hashed before it is trusted, once', async (t) => {
  const { folder, layout, names } = await made(t);
  const blob = join(folder, 'blobs/sha256', hexOf(big));
  await writeFile(blob, other);
  t.false(await layout.has(big.descriptor), 'as long as it must be, but other bytes');
  await writeFile(blob, big.bytes);
  t.true(await layout.has(big.descriptor));
  t.deepEqual((await names()).hashed, [hexOf(big)]);
  const note = await readFile(join(folder, '.mos/hashed', hexOf(big)), 'utf8');
  const { ino, ctimeMs } = await stat(blob);
  t.is(note, `3000000 ${ino} ${ctimeMs}\n`);
});

test('a blob that was changed after we hashed it is not trusted, though its time is set back', async (t) => {
  const { folder, layout } = await made(t);
  await layout.put(big.descriptor, chunks(big.bytes));
  const blob = join(folder, 'blobs/sha256', hexOf(big));
  const { atime, mtime } = await stat(blob);
  await writeFile(blob, other);
  await utimes(blob, atime, mtime);
  t.false(await layout.has(big.descriptor));
  await layout.put(big.descriptor, chunks(big.bytes));
  t.true(await layout.has(big.descriptor), 'put repairs it');
});

/** A disk that is full after so many bytes. */
function fullAfter(limit: number): Host {
  let left = limit;
  return {
    ...linuxHost,
    files: {
      ...linuxHost.files,
      create: async (path, options) => {
        const file = await linuxHost.files.create(path, options);
        return {
          get size() {
            return file.size;
          },
          write: async (chunk) => {
            left -= chunk.length;
            if (left < 0)
              throw new MosError('no-space', `cannot write ${path}: no space left on the file system`);
            await file.write(chunk);
          },
          sync: () => file.sync(),
          [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
        };
      },
    },
  };
}

test('a full disk in the middle gives its room back', async (t) => {
  const { folder, layout, names } = await made(t, fullAfter(1_000_000));
  await t.throwsAsync(layout.put(big.descriptor, chunks(big.bytes)), {
    code: 'no-space',
    message: `cannot write ${folder}/.mos/partial/${hexOf(big)}: no space left on the file system`,
  });
  t.deepEqual(await names(), { blobs: [], partial: [], hashed: [] });
});

test('two puts of one blob in one process: one writes, the other waits for it', async (t) => {
  const { layout, names } = await made(t);
  let opened = 0;
  const open = (start: number) => {
    opened++;
    return chunks(big.bytes.subarray(start), 10_000);
  };
  await Promise.all([layout.putFrom(big.descriptor, open), layout.putFrom(big.descriptor, open)]);
  t.is(opened, 1);
  t.deepEqual((await names()).partial, []);
});
