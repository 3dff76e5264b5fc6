import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openLayout } from '../../pkg/layout/index.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { makeImage, makeReferrer, putImage } from '../helpers/images.ts';

const type = 'application/vnd.machine.signature';

async function made(t: ExecutionContext) {
  const folder = await scratchFolder(t);
  const layout = await openLayout(linuxHost, folder, { create: true });
  const entries = async () =>
    (await layout.descriptors()).map(({ digest, annotations }) => [
      digest,
      annotations?.['org.opencontainers.image.ref.name'],
    ]);
  const indexBytes = () => readFile(join(folder, 'index.json'), 'utf8');
  return { folder, layout, entries, indexBytes };
}

test('a name moves from one manifest to the other, and several may name one', async (t) => {
  const { layout, entries } = await made(t);
  const [one, two] = [makeImage(['1']), makeImage(['2'])];
  await putImage(layout, one, 'latest');
  await putImage(layout, one, 'v1');
  await putImage(layout, two, 'latest');
  t.deepEqual(await entries(), [
    [one.root.digest, 'v1'],
    [two.root.digest, 'latest'],
  ]);
  t.deepEqual(await layout.tags(), ['latest', 'v1']);
});

test('tagging the same again changes no byte', async (t) => {
  const { layout, indexBytes } = await made(t);
  const image = makeImage(['1']);
  await putImage(layout, image, 'v1');
  const before = await indexBytes();
  await putImage(layout, image, 'v1');
  t.is(await indexBytes(), before);
});

test('an untagged manifest that refers to another stays listed, another one goes', async (t) => {
  const { layout, entries } = await made(t);
  const image = makeImage(['1']);
  const signature = makeReferrer(image.root, type, 'signed');
  await putImage(layout, image, 'v1');
  await putImage(layout, signature, 'signature');
  await layout.untag('signature');
  t.deepEqual(await entries(), [
    [image.root.digest, 'v1'],
    [signature.root.digest, undefined],
  ]);
  await layout.untag('v1');
  t.deepEqual(await entries(), [[signature.root.digest, undefined]]);
  await t.throwsAsync(layout.untag('v1'), {
    message: `cannot untag v1 in ${layout.folder}: no image there has that name`,
  });
});

test('a listed referrer that gets a name is listed once', async (t) => {
  const { layout, entries } = await made(t);
  const image = makeImage(['1']);
  await putImage(layout, image, 'v1');
  const signature = makeReferrer(image.root, type, 'signed');
  await putImage(layout, signature, 's');
  t.deepEqual(await entries(), [
    [image.root.digest, 'v1'],
    [signature.root.digest, 's'],
  ]);
});

test('an image that is not complete gets no name', async (t) => {
  const { folder, layout } = await made(t);
  const image = makeImage(['1']);
  await putImage(layout, image);
  const lost = image.layers[0]?.descriptor.digest ?? '';
  await rm(join(folder, 'blobs/sha256', lost.slice('sha256:'.length)));
  await t.throwsAsync(layout.tag(image.root, 'v1'), {
    code: 'state',
    message: `cannot tag ${image.root.digest} as v1 in ${folder}: ${lost} is missing or incomplete`,
  });
  t.deepEqual(await layout.tags(), []);
});

test('names that are none are refused', async (t) => {
  const { layout } = await made(t);
  const image = makeImage(['1']);
  await putImage(layout, image);
  const { digest } = image.root;
  for (const name of ['../x', '', 'a\nb'])
    await t.throwsAsync(layout.tag(image.root, name), {
      message: `cannot tag ${digest} as ${JSON.stringify(name)}: that is no name for an image`,
    });
  const other = `sha256:${'0'.repeat(64)}`;
  await t.throwsAsync(layout.tag(image.root, other), {
    message: `cannot tag ${digest} as ${other}: that is another digest`,
  });
});
