import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { type MosError, Secret } from '../../pkg/errors/index.ts';
import { digestOf, media } from '../../pkg/oci/index.ts';
import { openRegistry, type RegistryOptions } from '../../pkg/registry/index.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { chunks, content, makeImage, putImage } from '../helpers/images.ts';
import { quickHost } from '../helpers/quick-host.ts';
import { type Fault, type RegistryKind, startFaultProxy, startRegistry } from '../helpers/registries.ts';

const size = 6_000_000;
const blob = content(media.layerTar, randomBytes(size));
const { descriptor } = blob;

async function behindProxy(
  t: ExecutionContext,
  options: RegistryOptions = {},
  kind: RegistryKind = 'docker',
) {
  const registry = await startRegistry(t, { kind });
  const proxy = await startFaultProxy(t, { upstream: registry });
  const host = quickHost();
  const repository = await openRegistry(host, { registry: proxy.host, repository: 'a' }, options);
  return { proxy, host, repository };
}
async function withBlob(t: ExecutionContext, options: RegistryOptions = {}, kind: RegistryKind = 'docker') {
  const at = await behindProxy(t, options, kind);
  // With the usual patience: the options are for what is tested, on machines that have more to do.
  const patient = await openRegistry(at.host, { registry: at.proxy.host, repository: 'a' });
  await patient.put(descriptor, chunks(blob.bytes));
  at.proxy.requests.length = 0;
  return at;
}
async function read(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of body) parts.push(chunk);
  const bytes = Buffer.concat(parts);
  return `${bytes.length} ${digestOf(bytes)}`;
}
const complete = `${size} ${descriptor.digest}`;
const path = /\/blobs\/sha256:/;
const ranges = (requests: readonly { headers: { range?: unknown } }[]) =>
  requests.map(({ headers }) => headers.range);

for (const kind of ['docker', 'referrers'] as const)
  test(`a download from ${kind} that breaks twice in the middle asks for the rest each time`, async (t) => {
    const { proxy, host, repository } = await withBlob(t, {}, kind);
    proxy.spoil({ method: 'GET', path, fault: { kind: 'break', after: 1_500_000 } });
    proxy.spoil({ method: 'GET', path, fault: { kind: 'break', after: 2_000_000 } });
    t.is(await read(repository.open(descriptor)), complete);
    t.is(proxy.requests.length, 3);
    t.is(host.sleeps.length, 2);
    const [first, second, third] = ranges(proxy.requests).map((range) =>
      range === undefined ? 0 : Number(/^bytes=(\d+)-5999999$/.exec(String(range))?.[1]),
    );
    t.is(first, 0);
    t.true(Number(second) > 1_000_000 && Number(third) > Number(second));
  });

test('a stall in the middle ends after the idle time, and the rest is asked for', async (t) => {
  const { proxy, repository } = await withBlob(t, { timeouts: { idle: 200 } });
  proxy.spoil({ method: 'GET', path, fault: { kind: 'stall', after: 3_000_000 } });
  t.is(await read(repository.open(descriptor)), complete);
  t.is(proxy.requests.length, 2);
});

test('a slow registry is no stall', async (t) => {
  const { proxy, repository } = await withBlob(t, { timeouts: { idle: 1000 } });
  proxy.spoil({ method: 'GET', path, fault: { kind: 'slow', milliseconds: 5 } });
  t.is(await read(repository.open(descriptor)), complete);
  t.is(proxy.requests.length, 1);
});

test('a reader of ours that is slow is no stall', async (t) => {
  const { proxy, repository } = await withBlob(t, { timeouts: { idle: 150 } });
  let seen = 0;
  for await (const chunk of repository.open(descriptor)) {
    if (seen < 1_000_000) await new Promise((resolve) => setTimeout(resolve, 200));
    seen += chunk.length;
  }
  t.is(seen, size);
  t.is(proxy.requests.length, 1);
});

test('a registry that breaks without any progress is given up', async (t) => {
  const { proxy, repository } = await withBlob(t, { attempts: 3 });
  proxy.spoil({ method: 'GET', path, times: 100, fault: { kind: 'break', after: 0 } });
  const error = await t.throwsAsync<MosError>(read(repository.open(descriptor)));
  t.is(error?.code, 'network');
  t.regex(
    error?.message ?? '',
    new RegExp(
      `^cannot read ${proxy.host}/a@${descriptor.digest}: GET http://${proxy.host}/v2/a/blobs/${descriptor.digest}: `,
    ),
  );
  t.is(proxy.requests.length, 3);
});

test('where the Range is ignored, the beginning is read over', async (t) => {
  const { proxy, repository } = await withBlob(t);
  proxy.spoil({ method: 'GET', path, fault: { kind: 'no-range' } });
  proxy.spoil({ method: 'GET', path, fault: { kind: 'break', after: 2_000_000 } });
  t.is(await read(repository.open(descriptor)), complete);
  t.is(proxy.requests.length, 2);
  proxy.spoil({ method: 'GET', path, fault: { kind: 'no-range' } });
  t.is(
    await read(repository.openRest(descriptor, 5_999_990)),
    `10 ${digestOf(blob.bytes.subarray(5_999_990))}`,
  );
});

const spoiled = test.macro<[string, Fault, string | RegExp]>({
  exec: async (t, _what, fault, expected) => {
    const { proxy, repository } = await withBlob(t);
    proxy.spoil({ method: 'GET', path, times: 100, fault });
    const error = await t.throwsAsync<MosError>(read(repository.open(descriptor)));
    t.is(error?.code, 'corrupt');
    const message = error?.message.replaceAll(proxy.host, 'HOST') ?? '';
    if (typeof expected === 'string') t.is(message, expected);
    else t.regex(message, expected);
    t.is(proxy.requests.length, 1);
  },
  title: (_, what) => `${what} are refused, at the first try`,
});
const refused = `cannot accept the bytes of ${descriptor.digest}: `;
const announced = (length: number): string =>
  `cannot read HOST/a@${descriptor.digest}: the registry announces ${length} bytes in place of ${size}`;
test(
  spoiled,
  'wrong bytes',
  { kind: 'flip', at: 4_000_000 },
  new RegExp(`^${refused}they hash to sha256:[0-9a-f]{64}$`),
);
test(
  spoiled,
  'bytes too many',
  { kind: 'more', bytes: 1, announced: false },
  `${refused}more than ${size} bytes`,
);
test(
  spoiled,
  'bytes too few',
  { kind: 'fewer', bytes: 1, announced: false },
  `${refused}${size - 1} bytes in place of ${size}`,
);
test(spoiled, 'announced bytes too many', { kind: 'more', bytes: 1, announced: true }, announced(size + 1));
test(spoiled, 'announced bytes too few', { kind: 'fewer', bytes: 1, announced: true }, announced(size - 1));

test('another part than the one that was asked for is refused', async (t) => {
  const { proxy, repository } = await withBlob(t);
  const headers = { 'content-range': `bytes 0-5999989/${size}` };
  proxy.spoil({ method: 'GET', path, fault: { kind: 'headers', headers } });
  await t.throwsAsync(read(repository.openRest(descriptor, 10)), {
    message: `cannot read ${proxy.host}/a@${descriptor.digest}: the registry sends another part than bytes 10 to 5999999`,
  });
});

const resent = test.macro<[string, { method: string; path: RegExp }, Fault, number]>({
  exec: async (t, _what, where, fault, posts) => {
    const { proxy, repository } = await behindProxy(t);
    proxy.spoil({ ...where, fault });
    const body = { [Symbol.asyncIterator]: () => chunks(blob.bytes) };
    await repository.put(descriptor, body);
    t.is(await read(repository.open(descriptor)), complete);
    t.is(proxy.requests.filter(({ method }) => method === 'POST').length, posts);
  },
  title: (_, what) => `an upload is sent again after ${what}`,
});
const uploads = { method: 'PUT', path: /\/blobs\/uploads\// };
test(resent, 'a connection that breaks', uploads, { kind: 'break', after: -1 }, 2);
test(resent, '503 to its end', uploads, { kind: 'status', status: 503 }, 2);
test(resent, '503 to its beginning', { method: 'POST', path: /uploads/ }, { kind: 'status', status: 503 }, 2);
test(resent, '413, in pieces', uploads, { kind: 'status', status: 413 }, 2);

test('an upload that can be read only once is not sent again, and its failure is told', async (t) => {
  const { proxy, repository } = await behindProxy(t);
  proxy.spoil({
    ...uploads,
    fault: { kind: 'status', status: 500, body: '{"errors":[{"code":"UNKNOWN","message":"disk"}]}' },
  });
  const error = await t.throwsAsync<MosError>(repository.put(descriptor, chunks(blob.bytes)));
  t.regex(
    error?.message ?? '',
    new RegExp(
      `^cannot write ${proxy.host}/a@${descriptor.digest}: PUT http://${proxy.host}/v2/a/blobs/uploads/[0-9a-f-]+\\?_state=…&digest=… answered 500: UNKNOWN: disk$`,
    ),
  );
  // The session was given up at the registry.
  t.deepEqual(
    proxy.requests.map(({ method }) => method),
    ['HEAD', 'POST', 'PUT', 'DELETE'],
  );
  t.is(await repository.has(descriptor), false);
});

test('an upload that is answered with success of another blob is a failure', async (t) => {
  const { proxy, repository } = await behindProxy(t);
  const other = digestOf(Buffer.from('other'));
  proxy.spoil({ ...uploads, fault: { kind: 'headers', headers: { 'docker-content-digest': other } } });
  await t.throwsAsync(repository.put(descriptor, chunks(blob.bytes)), {
    message: `cannot write ${proxy.host}/a@${descriptor.digest}: the registry stored ${other} in place of ${descriptor.digest}`,
  });
});

test('an answer to an upload that never comes ends after its own time limit', async (t) => {
  const { proxy, repository } = await behindProxy(t, { timeouts: { answer: 100 } });
  proxy.spoil({ ...uploads, fault: { kind: 'stall', after: -1 } });
  const small = content(media.layerTar, 'small');
  t.like(await t.throwsAsync<MosError>(repository.put(small.descriptor, chunks(small.bytes))), {
    code: 'timeout',
  });
});

test('what is there is not sent again', async (t) => {
  const { proxy, repository } = await withBlob(t);
  await repository.put(descriptor, chunks(blob.bytes));
  t.deepEqual(
    proxy.requests.map(({ method }) => method),
    ['HEAD'],
  );
});

test('an image that is put twice is not sent twice', async (t) => {
  const { proxy, repository } = await behindProxy(t);
  const image = makeImage(['one', 'two']);
  await putImage(repository, image, '1');
  proxy.requests.length = 0;
  await putImage(repository, image, '1');
  t.deepEqual([...new Set(proxy.requests.map(({ method }) => method))], ['HEAD']);
});

test('credentials are not sent on to where a blob is redirected', async (t) => {
  const registry = await startRegistry(t, { kind: 'docker', auth: 'basic' });
  const proxy = await startFaultProxy(t, { upstream: registry });
  const store = await startFaultProxy(t, { name: 'localhost', upstream: await openStore(t) });
  const credentials = { user: registry.user, password: new Secret(registry.password) };
  const repository = await openRegistry(
    quickHost(),
    { registry: proxy.host, repository: 'a' },
    { credentials },
  );
  await repository.put(descriptor, chunks(blob.bytes));
  const location = `http://${store.host}/v2/a/blobs/${descriptor.digest}?signature=secret`;
  proxy.spoil({ method: 'GET', path, fault: { kind: 'status', status: 307, headers: { location } } });
  t.is(await read(repository.open(descriptor)), complete);
  t.deepEqual(
    store.requests.map(({ headers }) => headers.authorization),
    [undefined],
  );
});

/** A registry without authentication that has the blob: the store to which another one redirects. */
async function openStore(t: ExecutionContext) {
  const registry = await startRegistry(t, { kind: 'referrers' });
  const repository = await openRegistry(quickHost(), { registry: registry.host, repository: 'a' });
  await repository.put(descriptor, chunks(blob.bytes));
  return registry;
}

test('a registry with TLS does not send us to one without', async (t) => {
  const registry = await startRegistry(t, { kind: 'docker' });
  const proxy = await startFaultProxy(t, { upstream: registry, tlsFolder: await scratchFolder(t, 'tls') });
  const at = { registry: proxy.host, repository: 'a' };
  const repository = await openRegistry(quickHost(), at, proxy.ca === undefined ? {} : { ca: proxy.ca });
  const fault: Fault = { kind: 'status', status: 302, headers: { location: `http://${registry.host}/x` } };
  proxy.spoil({ path: /manifests/, fault });
  await t.throwsAsync(repository.resolve('1'), {
    message: `cannot read ${proxy.host}/a:1: ${proxy.host} sends us from https to http://${registry.host}`,
  });
});

test('the fall-back tag of several writers at once has the entries of all', async (t) => {
  const registry = await startRegistry(t, { kind: 'docker' });
  const subject = makeImage(['subject']);
  const connections = await Promise.all(
    Array.from({ length: 4 }, () => openRegistry(quickHost(), { registry: registry.host, repository: 'a' })),
  );
  const [first] = connections;
  if (first === undefined) throw new Error('no connection');
  await putImage(first, subject, '1');
  const { mediaType, digest, size: subjectSize } = subject.root;
  const extra = (index: number) => ({
    artifactType: 'application/vnd.machine.signature',
    subject: { mediaType, digest, size: subjectSize },
    annotations: { index: String(index) },
  });
  const referrers = Array.from({ length: 12 }, (_, index) => makeImage(['same'], extra(index)));
  // Their blobs are the same: docker-registry loses one that several send at once.
  await putImage(first, makeImage(['same']));
  await Promise.all(
    referrers.map((referrer, index) => putImage(connections[index % connections.length] ?? first, referrer)),
  );
  const found = await first.referrers(subject.root, 'application/vnd.machine.signature');
  t.deepEqual(
    found.map((entry) => entry.annotations?.index).sort(),
    referrers.map((_, index) => String(index)).sort(),
  );
  await putImage(first, referrers[3] ?? subject);
  t.is((await first.referrers(subject.root)).length, 12);
});
