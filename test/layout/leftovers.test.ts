import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openLayout } from '../../pkg/layout/index.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { chunks, content } from '../helpers/images.ts';

const day = 86_400_000;

async function made(t: ExecutionContext) {
  const folder = await scratchFolder(t);
  await openLayout(linuxHost, folder, { create: true });
  const partial = join(folder, '.mos/partial');
  const leave = async (name: string, daysAgo: number) => {
    const path = join(partial, name);
    await writeFile(path, 'part');
    const time = new Date(Date.now() - daysAgo * day);
    await utimes(path, time, time);
  };
  /** The first write of another process. */
  const write = async () => {
    const { descriptor, bytes } = content('', 'something');
    await (await openLayout(linuxHost, folder)).put(descriptor, chunks(bytes));
  };
  return { folder, partial, leave, write };
}

const hex = (n: number) => n.toString(16).padStart(64, '0');

test('unfinished blobs of a week ago, finished ones and strangers are removed by the next writer', async (t) => {
  const { folder, partial, leave, write } = await made(t);
  await leave(hex(1), 1);
  await leave(hex(2), 8);
  await leave(hex(3), 0);
  await leave('stranger', 0);
  await mkdir(join(partial, 'a/folder'), { recursive: true });
  await writeFile(join(folder, 'blobs/sha256', hex(3)), 'whole');
  await writeFile(join(folder, '.mos-tmp-0123'), '{"schema');
  const layout = await openLayout(linuxHost, folder);
  await layout.tags();
  t.is((await readdir(partial)).length, 5, 'reading removes nothing');
  await write();
  t.deepEqual(await readdir(partial), [hex(1)]);
  t.deepEqual((await readdir(folder)).sort(), ['.mos', 'blobs', 'index.json', 'oci-layout']);
});

test('of many unfinished blobs the newest 32 stay', async (t) => {
  const { partial, leave, write } = await made(t);
  for (let n = 0; n < 40; n++) await leave(hex(n), n / 10);
  await write();
  t.deepEqual(
    await readdir(partial),
    Array.from({ length: 32 }, (_, n) => hex(n)),
  );
});
