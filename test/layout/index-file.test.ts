import test from 'ava';
import { isRefName, parseIndexFile, renderIndexFile } from '../../pkg/layout/index-file.ts';
import { media } from '../../pkg/oci/index.ts';

const hex = 'a'.repeat(64);
const entry = { mediaType: media.manifest, digest: `sha256:${hex}`, size: 7 };
const named = (name: unknown) => ({ ...entry, annotations: { 'org.opencontainers.image.ref.name': name } });
const parse = (value: unknown) =>
  parseIndexFile(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), '/l/index.json');

test('what other programs wrote is kept, the list of Go programs that is null too', (t) => {
  const index = { schemaVersion: 2, annotations: { a: 'b' }, extra: [1], manifests: [{ ...entry, more: 1 }] };
  t.is(renderIndexFile(parse(index)), `${JSON.stringify(index)}\n`);
  t.deepEqual(parse('{"schemaVersion":2,"manifests":null}').manifests, []);
});

const refuses = test.macro({
  exec: (t, value: unknown, why: string) => {
    t.throws(() => parse(value), { message: `cannot read /l/index.json: ${why}`, name: 'MosError' });
  },
  title: (_, value, why) => `refused: ${JSON.stringify(value).slice(0, 200)}: ${why}`,
});
const index = (...manifests: unknown[]) => ({ schemaVersion: 2, manifests });
test(refuses, '', 'the document: it is not JSON');
test(refuses, '{"schemaVersion":2', 'the document: it is not JSON');
test(refuses, '[]', 'the document: it must be an object');
test(refuses, 'null', 'the document: it must be an object');
test(refuses, { manifests: [] }, 'schemaVersion: must be 2');
test(refuses, { ...index(), mediaType: 'text/plain' }, `mediaType: must be ${media.index}`);
test(refuses, { schemaVersion: 2, manifests: {} }, 'manifests: must be a list');
test(refuses, { schemaVersion: 2 }, 'manifests: must be a list');
test(refuses, index(entry, 5), 'manifests.1: must be an object');
test(refuses, index({ ...entry, mediaType: 1 }), 'manifests.0.mediaType: must be text');
test(
  refuses,
  index({ ...entry, digest: 'sha256:../../../etc/passwd' }),
  'manifests.0.digest: must be sha256: and 64 lower-case hex digits',
);
for (const size of [-1, 1.5, '7', 2 ** 60, null])
  test(`refused: a size of ${JSON.stringify(size)}`, (t) =>
    void t.throws(() => parse(index({ ...entry, size })), {
      message: 'cannot read /l/index.json: manifests.0.size: must be a number of bytes',
    }));
test(refuses, index({ ...entry, artifactType: 1 }), 'manifests.0.artifactType: must be text');
test(refuses, index({ ...entry, annotations: [] }), 'manifests.0.annotations: must be texts by name');
test(refuses, index(named(7)), 'manifests.0.annotations: must be texts by name');
test(
  refuses,
  index(named('../../etc')),
  'manifests.0.annotations.org.opencontainers.image.ref.name: "../../etc" is no name',
);

test('a document of a million brackets ends in an error and nothing else', (t) => {
  t.throws(() => parse('['.repeat(1_000_000)), {
    message: 'cannot read /l/index.json: the document: it is not JSON',
  });
  t.throws(() => parse(`{"schemaVersion":2,"manifests":${'['.repeat(5e5)}${']'.repeat(5e5)}}`), {
    message: /^cannot read \/l\/index.json: (the document: it is not JSON|manifests.0: must be an object)$/,
  });
});

test('names of images', (t) => {
  for (const good of ['v1', '1.0.0', `sha256:${hex}`, 'docker.io/library/busybox:latest', '_x', 'a+b', 'v1-'])
    t.true(isRefName(good), good);
  for (const bad of [
    '',
    '..',
    '.x',
    'a/../b',
    'a//b',
    '/a',
    'a/',
    'a b',
    'a\nb',
    'ä',
    'a\0',
    'x'.repeat(256),
  ])
    t.false(isRefName(bad), bad);
});
