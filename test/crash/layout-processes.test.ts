import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openLayout } from '../../pkg/layout/index.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { chunks, content, makeImage, putImage } from '../helpers/images.ts';

const run = promisify(execFile);
const program = (name: string) => join(import.meta.dirname, '../helpers/layout', name);

test('three processes that write one layout lose nothing of each other, and a reader needs no lock', async (t) => {
  const folder = join(await scratchFolder(t), 'layout');
  const layout = await openLayout(linuxHost, folder, { create: true });
  const count = 8;
  const prefixes = ['a', 'b', 'c'];
  let isRunning = true;
  const writers = Promise.all(
    prefixes.map((prefix) => run(process.execPath, [program('tagger.ts'), folder, prefix, `${count}`])),
  ).finally(() => {
    isRunning = false;
  });
  let seen: readonly string[] = [];
  for (let reads = 0; isRunning || reads === 0; reads++) {
    const now = await layout.tags();
    t.true(
      seen.every((name) => now.includes(name)),
      'a name never goes',
    );
    for (const name of now) await layout.resolve(name);
    seen = now;
    await linuxHost.clock.sleep(5);
  }
  await writers;
  const names = prefixes.flatMap((prefix) => Array.from({ length: count }, (_, i) => `${prefix}-${i}`));
  t.deepEqual(await layout.tags(), names);
  t.is((await layout.descriptors()).length, 2 * names.length, 'each with its referrer');
  for (const name of names) t.is((await layout.referrers(await layout.resolve(name))).length, 1);
  t.deepEqual((await layout.gc()).blobs.length, 0);
  t.deepEqual((await layout.verify()).problems, []);
});

/** Starts a writer that stops after 2 MiB and waits until it is there. */
async function slowWriter(t: ExecutionContext, folder: string, file: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [program('slow-writer.ts'), folder, file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  for await (const line of createInterface({ input: child.stdout ?? process.stdin }))
    if (Number(line) >= 2 * 1024 * 1024) break;
  return child;
}

test('after kill -9 the next process goes on where the first one was', async (t) => {
  const scratch = await scratchFolder(t);
  const [folder, file] = [join(scratch, 'layout'), join(scratch, 'file')];
  const { descriptor, bytes } = content('application/octet-stream', randomBytes(5 * 1024 * 1024));
  await writeFile(file, bytes);
  const child = await slowWriter(t, folder, file);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const layout = await openLayout(linuxHost, folder);
  const left = await layout.partialSize(descriptor);
  t.true(left > 1024 * 1024 && left <= 2 * 1024 * 1024, `${left}`);
  const starts: number[] = [];
  await layout.putFrom(descriptor, (start) => {
    starts.push(start);
    return chunks(bytes.subarray(start));
  });
  t.deepEqual(starts, [left]);
  t.deepEqual(await readdir(join(folder, '.mos/partial')), []);
  t.deepEqual(await layout.read({ ...descriptor, size: descriptor.size }).catch((e) => e.code), 'invalid');
  t.true(await layout.has(descriptor));
});

test('gc and a sweep leave alone what a living process writes; who wants the same blob waits for it', async (t) => {
  const scratch = await scratchFolder(t);
  const [folder, file] = [join(scratch, 'layout'), join(scratch, 'file')];
  const { descriptor, bytes } = content('application/octet-stream', randomBytes(5 * 1024 * 1024));
  await writeFile(file, bytes);
  const child = await slowWriter(t, folder, file);
  const layout = await openLayout(linuxHost, folder);
  await putImage(layout, makeImage(['other']), 'v1');
  await layout.gc();
  t.true((await layout.partialSize(descriptor)) > 1024 * 1024);
  let isDone = false;
  const waiting = layout
    .putFrom(descriptor, (start) => chunks(bytes.subarray(start)))
    .finally(() => {
      isDone = true;
    });
  await linuxHost.clock.sleep(300);
  t.false(isDone);
  child.kill('SIGKILL');
  await waiting;
  t.true(await layout.has(descriptor));
});

test('a writer that finds the index locked names the one who holds it', async (t) => {
  const folder = join(await scratchFolder(t), 'layout');
  const layout = await openLayout(linuxHost, folder, { create: true });
  const image = makeImage(['1']);
  await putImage(layout, image);
  await using _held = await linuxHost.files.lock(join(folder, '.mos/index.lock'), {
    wait: 0,
    owner: 'mosctl gc',
  });
  let now = 0;
  const host = {
    ...linuxHost,
    files: {
      ...linuxHost.files,
      lock: (path: string, options: { wait: number; owner: string }) => {
        now = options.wait;
        return linuxHost.files.lock(path, { ...options, wait: 20 });
      },
    },
  };
  const other = await openLayout(host, folder, { owner: 'mosctl update' });
  await t.throwsAsync(other.tag(image.root, 'v1'), {
    code: 'busy',
    message: `cannot lock ${folder}/.mos/index.lock: mosctl gc (process ${process.pid}) holds it`,
  });
  t.is(now, 60_000, 'it waited for a while');
});
