import { rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openLayout } from '../../pkg/layout/index.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { chunks, content, makeImage, makeReferrer, putImage } from '../helpers/images.ts';

test('every kind of damage is told with who needs the blob', async (t) => {
  const folder = await scratchFolder(t);
  const layout = await openLayout(linuxHost, folder, { create: true });
  const [good, bad] = [makeImage(['shared', 'good']), makeImage(['shared', 'lost', 'short', 'altered'])];
  await putImage(layout, good, 'good');
  await putImage(layout, bad, 'bad');
  const signature = makeReferrer(good.root, 'a/b', 'signed');
  await putImage(layout, signature);
  const orphan = content('', 'orphan');
  await layout.put(orphan.descriptor, chunks(orphan.bytes));
  const of = (text: string) => content('', text).descriptor.digest;
  const file = (text: string) => join(folder, 'blobs/sha256', of(text).slice('sha256:'.length));
  await rm(file('lost'));
  await truncate(file('short'), 2);
  await writeFile(file('altered'), 'Altered');
  await writeFile(
    join(folder, 'blobs/sha256', signature.root.digest.slice(7)),
    'x'.repeat(signature.root.size),
  );
  const events: number[] = [];
  const { blobs, bytes, problems } = await layout.verify({
    report: ({ done, total, what }) => {
      t.is(what, `verify ${folder}`);
      events.push(done / total);
    },
  });
  t.is(blobs, 12);
  t.true(bytes > 1000 && events.length > 5 && (events.at(-1) ?? 0) <= 1);
  const byDigest = (a: { digest: string }, b: { digest: string }) => (a.digest < b.digest ? -1 : 1);
  t.deepEqual(
    problems,
    [
      {
        kind: 'missing' as const,
        digest: of('lost'),
        message: `${of('lost')} is missing`,
        neededBy: ['bad'],
      },
      {
        kind: 'truncated' as const,
        digest: of('short'),
        message: `${of('short')} has 2 bytes in place of 5`,
        neededBy: ['bad'],
      },
      {
        kind: 'altered' as const,
        digest: of('altered'),
        message: `${of('altered')} has other bytes than its name says`,
        neededBy: ['bad'],
      },
      {
        kind: 'altered' as const,
        digest: signature.root.digest,
        message: `${signature.root.digest} has other bytes than its name says`,
        neededBy: [signature.root.digest],
      },
      { kind: 'orphan' as const, digest: of('{}'), message: `nothing names ${of('{}')}`, neededBy: [] },
      {
        kind: 'orphan' as const,
        digest: of('signed'),
        message: `nothing names ${of('signed')}`,
        neededBy: [],
      },
      {
        kind: 'orphan' as const,
        digest: of('orphan'),
        message: `nothing names ${of('orphan')}`,
        neededBy: [],
      },
    ].sort(byDigest),
  );
});

test('verify is stopped by a signal', async (t) => {
  const folder = await scratchFolder(t);
  const layout = await openLayout(linuxHost, folder, { create: true });
  await putImage(layout, makeImage(['1']), 'v1');
  const stop = new AbortController();
  const reason = new Error('enough');
  const report = () => stop.abort(reason);
  await t.throwsAsync(layout.verify({ signal: stop.signal, report }), { is: reason });
});
