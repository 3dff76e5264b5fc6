import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { MosError } from '../../pkg/errors/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openLayout } from '../../pkg/layout/index.ts';
import type { Digest } from '../../pkg/oci/index.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { chunks, content, type Image, makeImage, makeReferrer, putImage } from '../helpers/images.ts';
import { quickHost } from '../helpers/quick-host.ts';

const type = 'application/vnd.machine.signature';

async function made(t: ExecutionContext) {
  const folder = await scratchFolder(t);
  const layout = await openLayout(linuxHost, folder, { create: true, owner: 'mosctl update' });
  const blobs = async () => (await readdir(join(folder, 'blobs/sha256'))).map((hex) => `sha256:${hex}`);
  return { folder, layout, blobs };
}

const digestsOf = (...images: Image[]): string[] =>
  [
    ...new Set(
      images.flatMap(({ root, config, layers }) => [
        root.digest,
        config.descriptor.digest,
        ...layers.map(({ descriptor }) => descriptor.digest),
      ]),
    ),
  ].sort();

test('a folder with the name of a blob goes with what is in it', async (t) => {
  const { folder, layout, blobs } = await made(t);
  const path = join(folder, 'blobs/sha256', 'a'.repeat(64));
  await mkdir(path);
  await writeFile(join(path, 'stray'), '');
  await layout.gc();
  t.deepEqual(await blobs(), []);
});

test('what nothing names goes, a dry run tells the same and changes nothing', async (t) => {
  const { folder, layout, blobs } = await made(t);
  const [kept, gone] = [makeImage(['shared', 'a']), makeImage(['shared', 'b'])];
  await putImage(layout, kept, 'v1');
  await putImage(layout, gone, 'v2');
  const stray = content('', randomBytes(5000));
  await layout.put(stray.descriptor, chunks(stray.bytes));
  await layout.untag('v2');
  const unfinished = content('', randomBytes(2000));
  const broken = async function* () {
    yield unfinished.bytes.subarray(0, 1500);
    throw new Error('broken');
  };
  await t.throwsAsync(layout.put(unfinished.descriptor, broken()));
  await writeFile(join(folder, 'blobs/sha256/README'), 'not ours');
  const before = await blobs();
  const planned = await layout.gc({ dryRun: true });
  t.deepEqual(await blobs(), before);
  t.deepEqual(await layout.gc(), planned);
  const own = gone.layers[1]?.descriptor;
  const removed = [gone.root, gone.config.descriptor, own, stray.descriptor];
  t.deepEqual(
    planned.blobs.map(({ digest, bytes }) => [digest, bytes]).sort(),
    removed.map((d) => [d?.digest, d?.size]).sort(),
  );
  t.is(planned.partial, 1500);
  t.is(
    planned.bytes,
    removed.reduce((sum, d) => sum + (d?.size ?? 0), 1500),
  );
  t.deepEqual(await blobs(), [...digestsOf(kept), 'sha256:README'].sort());
  t.deepEqual(await readdir(join(folder, '.mos/partial')), []);
  t.deepEqual((await readdir(join(folder, '.mos/hashed'))).length, digestsOf(kept).length);
  t.deepEqual((await layout.verify()).problems, []);
  t.deepEqual(await layout.gc(), { entries: [], blobs: [], partial: 0, bytes: 0 });
});

test('a list of what to keep decides; referrers go with their subject, directly and through each other', async (t) => {
  const { layout, blobs } = await made(t);
  const [one, two] = [makeImage(['1']), makeImage(['2'])];
  const signed = [makeReferrer(one.root, type, 's1'), makeReferrer(two.root, type, 's2')] as const;
  const attested = makeReferrer(signed[0].root, type, 'of the signature');
  await putImage(layout, one, 'one');
  await putImage(layout, two, 'two');
  for (const each of [...signed, attested]) await putImage(layout, each);
  const result = await layout.gc({ keep: new Set([one.root.digest]) });
  t.deepEqual(
    result.entries.map(({ digest }) => digest),
    [two.root.digest, signed[1].root.digest],
  );
  t.deepEqual(await blobs(), digestsOf(one, signed[0], attested));
  t.deepEqual(await layout.tags(), ['one']);
  await layout.untag('one');
  await layout.gc();
  t.deepEqual(await blobs(), [], 'without their subject referrers are of no use');
});

test('a mounted layer is never removed', async (t) => {
  const { layout, blobs } = await made(t);
  const image = makeImage(['mounted', 'other']);
  await putImage(layout, image, 'v1');
  const live = new Set<Digest>([image.layers[0]?.descriptor.digest as Digest]);
  await layout.gc({ keep: new Set(), live });
  t.deepEqual(await blobs(), [...live]);
  t.deepEqual(await layout.tags(), []);
});

test('a lost manifest stops gc, because its layers would look like garbage', async (t) => {
  const { folder, layout, blobs } = await made(t);
  const [image, other] = [makeImage(['1']), makeImage(['2'])];
  await putImage(layout, image, 'v1');
  await putImage(layout, other, 'v2');
  const { digest } = image.root;
  const bytes = await readFile(join(folder, 'blobs/sha256', digest.slice(7)));
  await rm(join(folder, 'blobs/sha256', digest.slice(7)));
  const before = await blobs();
  await t.throwsAsync(layout.gc(), {
    code: 'corrupt',
    message: `cannot tell what is garbage in ${folder}: ${digest}, a manifest of v1, is missing or incomplete`,
  });
  t.deepEqual(await blobs(), before);
  await layout.gc({ keep: new Set([other.root.digest]) });
  t.deepEqual(await blobs(), digestsOf(other), 'what is not kept stops nothing');
  t.true(bytes.length > 0);
});

test('gc waits for those who put and have not named yet', async (t) => {
  const { folder, layout } = await made(t);
  const image = makeImage(['1']);
  const other = await openLayout(quickHost(), folder, { owner: 'mosctl gc' });
  {
    await using _session = await layout.session();
    await putImage(layout, image);
    const collecting = other.gc();
    await layout.tag(image.root, 'v1');
    await _session[Symbol.asyncDispose]();
    t.deepEqual((await collecting).blobs, []);
  }
  t.deepEqual((await layout.verify()).problems, []);
});

test('on a full disk the shorter index takes the room of notes, which only save a hashing', async (t) => {
  const { folder, blobs } = await made(t);
  const notes = join(folder, '.mos/hashed');
  const create: typeof linuxHost.files.create = async (path, options) => {
    if (path.includes('.mos-tmp-') && (await readdir(notes)).length > 0)
      throw new MosError('no-space', `cannot create ${path}: no space left on the file system`);
    return linuxHost.files.create(path, options);
  };
  const [kept, gone] = [makeImage(['1']), makeImage(['2'])];
  const full = await openLayout({ ...linuxHost, files: { ...linuxHost.files, create } }, folder);
  const layout = await openLayout(linuxHost, folder);
  await putImage(layout, kept, 'v1');
  await putImage(layout, gone, 'v2');
  t.deepEqual(
    (await full.gc({ keep: new Set([kept.root.digest]) })).entries.map(({ digest }) => digest),
    [gone.root.digest],
  );
  t.deepEqual(await blobs(), digestsOf(kept));
  t.deepEqual((await layout.verify()).problems, []);
});
