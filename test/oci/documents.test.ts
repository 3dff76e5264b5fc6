import test from 'ava';
import { parseImageIndex, parseImageManifest } from '../../pkg/oci/index.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const blob = { mediaType: 'x/y', digest, size: 3 };
const bytes = (value: unknown): Uint8Array =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

test('a manifest keeps the fields that nobody knows', (t) => {
  const manifest = {
    schemaVersion: 2,
    config: blob,
    layers: [{ ...blob, urls: ['https://x'] }],
    extra: { a: 1 },
  };
  t.deepEqual<object, object>(parseImageManifest(bytes(manifest), 'web'), manifest);
});

const refuses = test.macro({
  exec: (t, value: unknown, why: string) =>
    t.throws(() => parseImageManifest(bytes(value), 'web'), { message: `cannot read web: ${why}` }),
  title: (_, __, why) => `a manifest is refused: ${why}`,
});
const manifest = { schemaVersion: 2, config: blob, layers: [blob] };
test(refuses, '<html>', 'it is not JSON');
test(refuses, [], 'the document: must be an object');
test(refuses, { ...manifest, schemaVersion: 1 }, 'schemaVersion: must be 2');
test(refuses, { ...manifest, layers: undefined }, 'layers: must be a list');
test(refuses, { ...manifest, config: { ...blob, size: -1 } }, 'config.size: must be a whole number of bytes');
test(
  refuses,
  { ...manifest, layers: [{ ...blob, size: 1e300 }] },
  'layers.0.size: must be a whole number of bytes',
);
test(
  refuses,
  { ...manifest, layers: [blob, { ...blob, digest: 'sha256:../x' }] },
  'layers.1.digest: must be sha256: and 64 lower-case hex digits',
);
test(refuses, { ...manifest, annotations: { a: 1 } }, 'annotations.a: must be a string');
test(refuses, `{"schemaVersion":2,"layers":[],"__proto__":{"config":1}}`, 'config: must be an object');
test(refuses, { ...manifest, manifests: [] }, 'manifests: must not be in a manifest');

for (const key of ['config', 'layers'])
  test(`an index with ${key} is refused`, (t) => {
    const index = { schemaVersion: 2, manifests: [blob], [key]: [] };
    t.throws(() => parseImageIndex(bytes(index), 'web'), {
      message: `cannot read web: ${key}: must not be in an index`,
    });
  });

test('an index is read with its platforms', (t) => {
  const index = {
    schemaVersion: 2,
    manifests: [{ ...blob, platform: { architecture: 'amd64', os: 'linux' } }],
  };
  t.deepEqual<object, object>(parseImageIndex(bytes(index), 'web'), index);
  const wrong = { schemaVersion: 2, manifests: [{ ...blob, platform: { os: 'linux' } }] };
  t.throws(() => parseImageIndex(bytes(wrong), 'web'), {
    message: 'cannot read web: manifests.0.platform.architecture: must be a string',
  });
});
