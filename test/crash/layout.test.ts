import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openLayout } from '../../pkg/layout/index.ts';
import { copyGraph } from '../../pkg/oci/index.ts';
import { countingHost, crashingHost } from '../helpers/counting-host.ts';
import { memoryFolder } from '../helpers/folders.ts';
import { ForgetfulHost } from '../helpers/forgetful-host.ts';
import { makeImage, makeReferrer, putImage } from '../helpers/images.ts';

const old = makeImage(['shared', 'old']);
const next = makeImage(['shared', randomBytes(300_000)]);
const signature = makeReferrer(next.root, 'a/signature', 'signed');

/** What an update does to the store: fetch, name, forget the old one, clean. */
async function update(host: Host, source: string, target: string): Promise<void> {
  const from = await openLayout(linuxHost, source);
  const to = await openLayout(host, target, { create: true });
  await copyGraph(from, to, next.root, { tag: 'next', referrers: true });
  if ((await to.tags()).includes('old')) await to.untag('old');
  await to.gc();
}

async function prepared(t: ExecutionContext) {
  const scratch = await memoryFolder(t, 'crash');
  const source = join(scratch, 'source');
  const from = await openLayout(linuxHost, source, { create: true });
  await putImage(from, next);
  await putImage(from, signature);
  let made = 0;
  const fresh = async (): Promise<{ target: string; stash: string }> => {
    const target = join(scratch, `target-${made}`);
    const stash = join(scratch, `stash-${made++}`);
    await mkdir(stash);
    const layout = await openLayout(linuxHost, target, { create: true });
    await putImage(layout, old, 'old');
    return { target, stash };
  };
  return { source, fresh };
}

const filesBelow = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

/** After the stop all that has a name is whole; then the same again ends as if nothing had happened. */
async function checkAndRepeat(t: ExecutionContext, source: string, target: string, point: string) {
  const layout = await openLayout(linuxHost, target);
  const { problems } = await layout.verify();
  t.deepEqual(
    problems.filter(({ kind }) => kind !== 'orphan'),
    [],
    point,
  );
  const tags = await layout.tags();
  t.true(tags.includes('old') || tags.includes('next'), point);
  await update(linuxHost, source, target);
  t.deepEqual(await filesBelow(target), await expectedFiles(t, source), point);
  t.deepEqual((await openLayout(linuxHost, target).then((l) => l.verify())).problems, [], point);
}

const expected = new Map<string, Promise<string[]>>();
function expectedFiles(t: ExecutionContext, source: string): Promise<string[]> {
  const known = expected.get(source) ?? undisturbed(t, source);
  expected.set(source, known);
  return known;
}

async function undisturbed(t: ExecutionContext, source: string): Promise<string[]> {
  const target = join(await memoryFolder(t, 'crash'), 'layout');
  await putImage(await openLayout(linuxHost, target, { create: true }), old, 'old');
  await update(linuxHost, source, target);
  return filesBelow(target);
}

test('stopped before any mutation the layout is whole, and the same again completes it', async (t) => {
  const { source, fresh } = await prepared(t);
  const { host, names } = countingHost(linuxHost);
  await update(host, source, (await fresh()).target);
  t.true(names.length > 50, `${names.length} points`);
  for (let n = 1; n <= names.length; n++) {
    const { target } = await fresh();
    const crashing = crashingHost(linuxHost, n);
    await t.throwsAsync(update(crashing.host, source, target), undefined, `point ${n}`);
    await checkAndRepeat(t, source, target, `point ${n}: ${names[n - 1]}`);
    await rm(target, { recursive: true });
  }
});

for (const survives of ['nothing', 'names'] as const)
  test(`after a power cut at any mutation the layout is whole (${survives} that was not synced survives)`, async (t) => {
    const { source, fresh } = await prepared(t);
    for (let n = 1; ; n++) {
      const { target, stash } = await fresh();
      const forgetful = new ForgetfulHost(linuxHost, stash, n);
      await update(forgetful.host, source, target).catch(() => {});
      const isOver = !forgetful.crashed;
      await forgetful.powerCut(survives);
      await checkAndRepeat(t, source, target, `point ${n}`);
      await rm(target, { recursive: true });
      if (isOver) return t.true(n > 50, `${n} points`);
    }
  });

test('a new layout that was stopped in the making is completed', async (t) => {
  const scratch = await memoryFolder(t, 'crash');
  const { host, names } = countingHost(linuxHost);
  await openLayout(host, join(scratch, 'a/b/whole'), { create: true });
  for (let n = 1; n <= names.length; n++) {
    const folder = join(scratch, `${n}/a/layout`);
    await t.throwsAsync(openLayout(crashingHost(linuxHost, n).host, folder, { create: true }));
    const layout = await openLayout(linuxHost, folder, { create: true });
    await putImage(layout, old, 'old');
    t.deepEqual((await layout.verify()).problems, []);
    t.deepEqual(
      (await filesBelow(folder)).filter((name) => name.includes('tmp')),
      [],
    );
  }
});
