import test from 'ava';
import { digestOf, type ImageManifest, media } from '../../../pkg/oci/index.ts';
import { bootFileOf, describeBootFile } from '../../../pkg/system/bootkit/contents.ts';

const digest = digestOf(Buffer.from('boot file'));
const described = { digest, bytes: 65_000_000, buildId: 'a'.repeat(64) };

const imageWith = (annotations: Record<string, string>): ImageManifest => ({
  schemaVersion: 2,
  config: { mediaType: media.config, digest, size: 2 },
  layers: [],
  annotations,
});

test('what a bootkit says of its boot file is read as it was written', (t) => {
  t.deepEqual(bootFileOf(imageWith(describeBootFile(described)), 'the bootkit'), described);
});

const refused = test.macro((t, change: Record<string, string>) => {
  const error = t.throws(() =>
    bootFileOf(imageWith({ ...describeBootFile(described), ...change }), 'the bootkit'),
  );
  t.is(error?.message, 'cannot use the bootkit: its image does not say which boot file is in it');
});

test('a bootkit of another tool', refused, { 'io.machine.mos.boot-file': '' });
test('a size that is no number', refused, { 'io.machine.mos.boot-file-size': '1e999' });
test('a build id that is a path', refused, { 'io.machine.mos.build-id': '../'.repeat(20) });
