import test from 'ava';
import { parseRequestHead, type Request, usualLimits } from '../../../pkg/api/http/index.ts';
import { parseRange } from '../../../pkg/api/mirror/answers.ts';
import { answerRegistry, registryPaths } from '../../../pkg/api/mirror/registry.ts';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { readOffer } from '../../../pkg/system/index.ts';
import { requestOf } from '../../helpers/api.ts';
import { installFrom, makeRoot } from '../../helpers/machine.ts';
import { addImage, makeVendor, publishRelease } from '../../helpers/vendor.ts';

const read = (line: string, ...headers: string[]): Request => ({
  ...parseRequestHead(requestOf(line, ...headers).slice(0, -4), { ...usualLimits, paths: registryPaths }),
  body: Buffer.alloc(0),
});

test('a range of bytes is one part, outside, or not heard', (t) => {
  const cases = [
    [undefined, undefined],
    ['bytes=0-', { start: 0, end: 10 }],
    ['bytes=3-5', { start: 3, end: 6 }],
    ['bytes=3-99', { start: 3, end: 10 }],
    ['bytes=-4', { start: 6, end: 10 }],
    ['bytes=-99', { start: 0, end: 10 }],
    ['bytes=10-', 'outside'],
    ['bytes=-0', 'outside'],
    ['bytes=5-3', undefined],
    ['bytes=-', undefined],
    ['bytes=0-1,3-4', undefined],
    ['bits=0-1', undefined],
    ['bytes=99999999999999999999-', undefined],
  ] as const;
  for (const [text, expected] of cases) t.deepEqual(parseRange(text, 10), expected, text);
});

test('a mirror answers what is there, and nothing else', async (t) => {
  const vendor = await makeVendor(t);
  await addImage(vendor, 'data', { hello: 'world' });
  const { reference } = await publishRelease(vendor, {
    name: 'machine/install:1',
    manifest: `update_type: complete
targets:
  - {service_name: data, source: "oci:${vendor.images}:data", version: "1", service_type: fs-only}
`,
  });
  const root = await makeRoot(t, vendor);
  const { targets } = await installFrom(root, reference);
  const digest = targets[0]?.digest ?? '';
  const hex = digest.slice('sha256:'.length);
  const offer = await readOffer(linuxHost, root);
  const none = `sha256:${'0'.repeat(64)}`;
  const cases: readonly [string, number, string?][] = [
    ['GET /v2/', 200],
    ['GET /v2', 200],
    ['GET /v2/_catalog', 200, '{"repositories":["machine/install","mos"]}'],
    ['GET /v2/_catalog?n=1', 200, '{"repositories":["machine/install"]}'],
    ['GET /v2/_catalog?n=1&last=machine/install', 200, '{"repositories":["mos"]}'],
    ['GET /v2/_catalog?n=x', 400],
    ['GET /v2/mos/tags/list', 200, `{"name":"mos","tags":["${hex}"]}`],
    ['GET /v2/machine/install/tags/list', 200, '{"name":"machine/install","tags":["1"]}'],
    [`HEAD /v2/mos/manifests/${digest}`, 200],
    [`GET /v2/mos/manifests/${hex}`, 200],
    [`GET /v2/mos/manifests/${none}`, 404],
    ['GET /v2/mos/manifests/latest', 404],
    [`GET /v2/mos/blobs/${digest}`, 200],
    [`GET /v2/mos/blobs/${none}`, 404],
    ['GET /v2/mos/blobs/x', 400],
    ['GET /v2/mos/blobs/sha256:', 400],
    [`GET /v2/mos/referrers/${none}`, 200],
    ['GET /v2/other/tags/list', 404],
    ['GET /v2/mos/tags/other', 404],
    ['GET /v2/mos/uploads/x', 404],
    ['GET /v2/__proto__/tags/list', 404],
    [`GET /v2/mos/constructor/${digest}`, 404],
    ['POST /v2/mos/blobs/uploads/', 405],
    [`PUT /v2/mos/manifests/${hex}`, 405],
    [`DELETE /v2/mos/manifests/${digest}`, 405],
  ];
  for (const [line, status, body] of cases) {
    const answer = await answerRegistry(offer, read(line));
    t.is(answer.status, status, line);
    if (body !== undefined) t.is(answer.body, body, line);
  }
  const part = await answerRegistry(offer, read(`GET /v2/mos/blobs/${digest}`, 'Range: bytes=0-0'));
  t.is(part.status, 206);
  t.regex(part.headers['content-range'] ?? '', /^bytes 0-0\/\d+$/);
});
