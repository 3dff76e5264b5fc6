import type { ServerResponse } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import { type MosError, Secret } from '../../pkg/errors/index.ts';
import { digestOf, media } from '../../pkg/oci/index.ts';
import { openRegistry, type RegistryOptions } from '../../pkg/registry/index.ts';
import { chunks, content, makeImage } from '../helpers/images.ts';
import { type QuickHost, quickHost } from '../helpers/quick-host.ts';
import { type ScriptedRequest, startRaw, startScripted } from '../helpers/registries/scripted.ts';

const image = makeImage(['layer']);
const manifestPath = '/v2/a/manifests/1';
type Answer = (request: ScriptedRequest, response: ServerResponse) => void;

const sendManifest: Answer = (_, response) => {
  response.writeHead(200, { 'content-type': media.manifest, 'docker-content-digest': image.root.digest });
  response.end(image.manifest.bytes);
};
const sendStatus =
  (status: number, headers: Record<string, string> = {}, body = ''): Answer =>
  (_, response) =>
    void response.writeHead(status, headers).end(body);

/** A repository behind a server that gives these answers one after the other, the last one again and again. */
async function scripted(
  t: ExecutionContext,
  answers: Answer[],
  options: RegistryOptions = {},
  host = quickHost(),
) {
  let count = 0;
  const server = await startScripted(t, (request, response) => {
    answers[Math.min(count++, answers.length - 1)]?.(request, response);
  });
  const repository = await openRegistry(host, { registry: server.host, repository: 'a' }, options);
  return { server: server.host, requests: server.requests, repository, host };
}
const failure = async (t: ExecutionContext, work: Promise<unknown>): Promise<MosError> => {
  const error = await t.throwsAsync<MosError>(work);
  if (error === undefined) throw new Error('it did not fail');
  return error;
};

test('a request that was asked to wait is sent again, after the time it was told at least', async (t) => {
  const at = await scripted(t, [sendStatus(429, { 'retry-after': '3' }), sendStatus(503), sendManifest]);
  t.deepEqual(await at.repository.resolve('1'), image.root);
  t.is(at.requests.length, 3);
  t.is(at.host.sleeps.length, 2);
  t.is(at.host.sleeps[0], 3000);
  t.true((at.host.sleeps[1] ?? 0) >= 400 && (at.host.sleeps[1] ?? 0) <= 800);
});

test('a wait of more than a minute is not taken: the person is told', async (t) => {
  const at = await scripted(t, [
    sendStatus(429, { 'retry-after': '3600' }, '{"errors":[{"code":"TOOMANYREQUESTS"}]}'),
  ]);
  t.like(await failure(t, at.repository.resolve('1')), {
    message: `cannot read ${at.server}/a:1: GET http://${at.server}${manifestPath} answered 429: TOOMANYREQUESTS`,
  });
  t.deepEqual(at.host.sleeps, []);
});

const refused = test.macro({
  exec: async (
    t,
    status: number,
    body: string,
    expected: { code: string; said: string; requests: number },
  ) => {
    const at = await scripted(t, [sendStatus(status, { 'content-type': 'application/json' }, body)]);
    const error = await failure(t, at.repository.resolve('1'));
    t.is(
      error.message,
      `cannot read ${at.server}/a:1: GET http://${at.server}${manifestPath} answered ${status}${expected.said}`,
    );
    t.is(error.code, expected.code as typeof error.code);
    t.is(at.requests.length, expected.requests);
  },
  title: (_, status) => `status ${status} is an error with what was asked and what the registry said`,
});
const saying = (code: string, message: string): string => JSON.stringify({ errors: [{ code, message }] });
test(refused, 400, saying('NAME_INVALID', 'bad'), {
  code: 'network',
  said: ': NAME_INVALID: bad',
  requests: 1,
});
test(refused, 401, saying('UNAUTHORIZED', 'who?'), {
  code: 'denied',
  said: ': UNAUTHORIZED: who?',
  requests: 1,
});
test(refused, 403, saying('DENIED', 'no'), { code: 'denied', said: ': DENIED: no', requests: 1 });
test(refused, 404, saying('MANIFEST_UNKNOWN', ''), {
  code: 'not-found',
  said: ': MANIFEST_UNKNOWN',
  requests: 1,
});
test(refused, 418, 'a teapot', { code: 'network', said: ': a teapot', requests: 1 });
test(refused, 500, '', { code: 'network', said: '', requests: 5 });
test(refused, 501, '', { code: 'network', said: '', requests: 1 });
test(refused, 204, '', { code: 'network', said: '', requests: 1 });
test(refused, 206, '{}', { code: 'network', said: ': {}', requests: 1 });

test('a web page in place of a manifest is named so', async (t) => {
  const at = await scripted(t, [sendStatus(200, { 'content-type': 'text/html' }, '<html>Log in</html>')]);
  t.like(await failure(t, at.repository.resolve('1')), {
    code: 'network',
    message: `cannot read ${at.server}/a:1: the registry sent no JSON but text/html`,
  });
});

test('a manifest of more than 4 MiB is not read', async (t) => {
  const at = await scripted(t, [
    sendStatus(200, { 'content-type': media.manifest }, ' '.repeat(4 * 1024 * 1024 + 1)),
  ]);
  t.like(await failure(t, at.repository.resolve('1')), {
    message: `cannot read ${at.server}/a:1: it has more than 4194304 bytes`,
  });
});

test('a digest in a header that the bytes do not have is an error', async (t) => {
  const other = digestOf(Buffer.from('other'));
  const headers = { 'content-type': media.manifest, 'docker-content-digest': other };
  const at = await scripted(t, [sendStatus(200, headers, Buffer.from(image.manifest.bytes).toString())]);
  t.like(await failure(t, at.repository.resolve('1')), {
    code: 'corrupt',
    message: `cannot read ${at.server}/a:1: its bytes hash to ${image.root.digest}, the registry says ${other}`,
  });
});

test('bytes that do not have the digest they were asked by are an error', async (t) => {
  const other = digestOf(Buffer.from('other'));
  const at = await scripted(t, [sendManifest]);
  t.like(await failure(t, at.repository.resolve(other)), {
    code: 'corrupt',
    message: `cannot read ${at.server}/a@${other}: its bytes hash to ${image.root.digest}, the registry says ${other}`,
  });
});

const typed = test.macro({
  exec: async (t, header: string, document: object, expected: string) => {
    const bytes = JSON.stringify(document);
    const at = await scripted(t, [sendStatus(200, { 'content-type': header }, bytes)]);
    const said = await at.repository.resolve('1').then(
      ({ mediaType }) => mediaType,
      (error: Error) => error.message.replace(`cannot read ${at.server}/a:1: `, ''),
    );
    t.is(said, expected);
  },
  title: (_, header, document) => `a manifest of type ${header} with ${JSON.stringify(document)} is judged`,
});
test(typed, media.manifest, {}, media.manifest);
test(typed, `${media.manifest}; charset=utf-8`, {}, media.manifest);
test(typed, 'application/json', { mediaType: media.dockerManifest }, media.dockerManifest);
test(typed, media.dockerManifest, { mediaType: media.dockerManifest }, media.dockerManifest);
test(
  typed,
  media.index,
  { mediaType: media.manifest },
  `it says it is ${media.manifest}, the registry says ${media.index}`,
);
test(
  typed,
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
  {},
  'it is of type application/vnd.docker.distribution.manifest.v1+prettyjws, no OCI or Docker schema 2 manifest',
);
test(
  typed,
  'text/plain',
  { schemaVersion: 2 },
  'it is of type text/plain, no OCI or Docker schema 2 manifest',
);

test('HEAD tells what is there by status and length', async (t) => {
  const at = await scripted(t, [
    sendStatus(200, { 'content-length': String(image.root.size) }),
    sendStatus(200, { 'content-length': '3' }),
    sendStatus(404),
  ]);
  t.is(await at.repository.has(image.root), true);
  t.is(await at.repository.has(image.root), false);
  t.is(await at.repository.has(image.root), false);
  const { message } = await failure(t, (await scripted(t, [sendStatus(403)])).repository.has(image.root));
  t.regex(message, /^cannot look for .*: HEAD .* answered 403$/);
});

test('a redirect to another host is followed without our name and password', async (t) => {
  const store = await startScripted(t, (_, response) => void response.writeHead(200).end('layer'));
  const [layer] = image.layers;
  if (layer === undefined) throw new Error('no layer');
  const at = await scripted(
    t,
    [
      sendStatus(401, { 'www-authenticate': 'Basic realm="x"' }),
      sendStatus(307, { location: `http://localhost:${store.port}/blob?signature=abc` }),
    ],
    { credentials: { user: 'me', password: new Secret('hunter2') } },
  );
  const parts: Uint8Array[] = [];
  for await (const chunk of at.repository.open(layer.descriptor)) parts.push(chunk);
  t.is(Buffer.concat(parts).toString(), 'layer');
  t.deepEqual(
    at.requests.map(({ headers }) => headers.authorization),
    [undefined, `Basic ${Buffer.from('me:hunter2').toString('base64')}`],
  );
  t.deepEqual(
    store.requests.map(({ url, headers }) => [url, headers.authorization]),
    [['/blob?signature=abc', undefined]],
  );
});

test('another port is another host', async (t) => {
  const store = await startScripted(t, sendManifest);
  const at = await scripted(
    t,
    [
      sendStatus(401, { 'www-authenticate': 'Basic realm="x"' }),
      sendStatus(302, { location: `http://${store.host}/x` }),
    ],
    { credentials: { user: 'me', password: new Secret('hunter2') } },
  );
  await at.repository.resolve('1');
  t.is(store.requests[0]?.headers.authorization, undefined);
});

test('what another host asks for after a redirect is not given', async (t) => {
  const store = await startScripted(t, sendStatus(401, { 'www-authenticate': 'Basic realm="give"' }));
  const at = await scripted(t, [sendStatus(302, { location: `http://${store.host}/x?key=abc` })], {
    credentials: { user: 'me', password: new Secret('hunter2') },
  });
  const error = await failure(t, at.repository.resolve('1'));
  t.is(error.message, `cannot read ${at.server}/a:1: GET http://${store.host}/x?key=… answered 401`);
  t.deepEqual(
    store.requests.map(({ headers }) => headers.authorization),
    [undefined],
  );
});

test('redirects without end are left', async (t) => {
  const at = await scripted(t, [sendStatus(302, { location: '/v2/a/manifests/1' })]);
  t.like(await failure(t, at.repository.resolve('1')), {
    message: `cannot read ${at.server}/a:1: http://${at.server}${manifestPath} is redirected too often`,
  });
  t.is(at.requests.length, 6);
});

test('a redirect to something that is no web address is refused', async (t) => {
  const at = await scripted(t, [sendStatus(302, { location: 'file:///etc/shadow' })]);
  t.like(await failure(t, at.repository.resolve('1')), {
    message: `cannot read ${at.server}/a:1: http://${at.server}${manifestPath} is redirected to no URL`,
  });
});

test('a wrong password is an error that names neither it nor its header', async (t) => {
  const at = await scripted(
    t,
    [sendStatus(401, { 'www-authenticate': 'Basic realm="x"' }, saying('UNAUTHORIZED', 'no'))],
    {
      credentials: { user: 'me', password: new Secret('hunter2') },
    },
  );
  const error = await failure(t, at.repository.resolve('1'));
  t.is(error.code, 'denied');
  t.is(
    error.hint,
    'log in where this runs: `docker login`, `podman login`, or config.json in the folder DOCKER_CONFIG; commands that write there take --user too',
  );
  t.is(
    error.message,
    `cannot read ${at.server}/a:1: GET http://${at.server}${manifestPath} answered 401: UNAUTHORIZED: no`,
  );
  t.is(at.requests.length, 2);
  t.notRegex(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`, /hunter2|bWU6/);
});

test('a token that ends is had anew, and one that is refused anew is an error', async (t) => {
  let tokens = 0;
  const server = await startScripted(t, (_, response) => {
    tokens++;
    response.end(JSON.stringify({ token: `token-${tokens}`, expires_in: 300 }));
  });
  const challenge = { 'www-authenticate': `Bearer realm="http://${server.host}/token",service="s"` };
  const needs =
    (token: string): Answer =>
    (request, response) =>
      (request.headers.authorization === `Bearer ${token}` ? sendManifest : sendStatus(401, challenge))(
        request,
        response,
      );
  const at = await scripted(t, [needs('token-1'), needs('token-1'), needs('token-2')], {
    credentials: { user: 'me', password: new Secret('hunter2') },
  });
  await at.repository.resolve('1');
  t.deepEqual(
    at.requests.map(({ headers }) => headers.authorization),
    [undefined, 'Bearer token-1'],
  );
  await at.repository.resolve('1');
  t.deepEqual(
    at.requests.slice(2).map(({ headers }) => headers.authorization),
    ['Bearer token-1', 'Bearer token-2'],
  );
  t.deepEqual(
    server.requests.map(({ url }) => url),
    Array(2).fill('/token?service=s&scope=repository%3Aa%3Apull'),
  );
  const never = await scripted(t, [sendStatus(401, challenge)], { credentials: { bearer: new Secret('x') } });
  t.like(await failure(t, never.repository.resolve('1')), { code: 'denied' });
  t.is(never.requests.length, 3);
});

test('requests that begin at once ask for one token together', async (t) => {
  const server = await startScripted(t, (_, response) => void response.end('{"access_token":"x"}'));
  const challenge = { 'www-authenticate': `Bearer realm="http://${server.host}/token"` };
  const at = await scripted(t, [
    (request, response) =>
      (request.headers.authorization === undefined ? sendStatus(401, challenge) : sendManifest)(
        request,
        response,
      ),
  ]);
  await Promise.all(['1', '2', '3', '4'].map((tag) => at.repository.resolve(tag)));
  t.is(server.requests.length, 1);
});

test('an identity token is exchanged by POST and stands in no URL', async (t) => {
  const server = await startScripted(t, (_, response) => void response.end('{"access_token":"x"}'));
  const challenge = { 'www-authenticate': `Bearer realm="http://${server.host}/token",service="s"` };
  const at = await scripted(t, [sendStatus(401, challenge), sendManifest], {
    credentials: { identityToken: new Secret('identity') },
  });
  await at.repository.resolve('1');
  t.deepEqual(
    server.requests.map(({ method, url, body }) => [method, url, body.toString()]),
    [
      [
        'POST',
        '/token',
        'service=s&grant_type=refresh_token&client_id=mos&refresh_token=identity&scope=repository%3Aa%3Apull',
      ],
    ],
  );
});

const badTokens = test.macro({
  exec: async (t, _what: string, answer: Answer, expected: string) => {
    const server = await startScripted(t, answer);
    const at = await scripted(t, [
      sendStatus(401, { 'www-authenticate': `Bearer realm="http://${server.host}/token"` }),
    ]);
    const { message } = await failure(t, at.repository.resolve('1'));
    t.is(message.replaceAll(server.host, 'HOST'), expected);
  },
  title: (_, what) => `a token server that sends ${what} is refused`,
});
test(badTokens, 'a page', sendStatus(200, {}, '<html>'), 'cannot log in at HOST: its answer has no token');
test(
  badTokens,
  'a newline',
  sendStatus(200, {}, '{"token":"a\\nb"}'),
  'cannot log in at HOST: its answer has no token',
);
test(badTokens, 'null', sendStatus(200, {}, 'null'), 'cannot log in at HOST: its answer has no token');
test(
  badTokens,
  'a refusal',
  sendStatus(401, {}, '{"details":"incorrect username or password"}'),
  'cannot log in at HOST: GET http://HOST/token?scope=… answered 401: incorrect username or password',
);
test(
  badTokens,
  'too much',
  sendStatus(200, {}, 'x'.repeat(1024 * 1024 + 1)),
  'cannot read the answer of HOST: it has more than 1048576 bytes',
);

test('pages are followed, and not to another host or in a circle', async (t) => {
  const page =
    (tags: readonly string[] | null, link?: string): Answer =>
    (_, response) =>
      void response
        .writeHead(200, link === undefined ? {} : { link: `<${link}>; rel="next"` })
        .end(JSON.stringify({ tags }));
  const at = await scripted(t, [
    page(['a', 'b'], '/v2/a/tags/list?last=b'),
    page(['c'], '?last=c'),
    page(null),
  ]);
  t.deepEqual(await at.repository.tags(), ['a', 'b', 'c']);
  t.deepEqual(
    at.requests.map(({ url }) => url),
    ['/v2/a/tags/list?n=1000', '/v2/a/tags/list?last=b', '/v2/a/tags/list?last=c'],
  );
  const away = await scripted(t, [page(['a'], 'http://evil.example/')]);
  t.like(await failure(t, away.repository.tags()), {
    message: `cannot list the tags of ${away.server}/a: the next page is at another host, evil.example`,
  });
  const circle = await scripted(t, [page(['a'], '/x'), page(['b'], '/y'), page(['c'], '/x')]);
  t.like(await failure(t, circle.repository.tags()), {
    message: `cannot list the tags of ${circle.server}/a: its pages have no end`,
  });
});

test('referrers of all pages are found, filtered by us, and what cannot be read is left out', async (t) => {
  const entry = (letter: string, artifactType: string) => ({
    mediaType: media.manifest,
    digest: `sha256:${letter.repeat(64)}`,
    size: 1,
    artifactType,
  });
  const page =
    (manifests: unknown[], link?: string): Answer =>
    (_, response) =>
      void response
        .writeHead(200, {
          'content-type': media.index,
          ...(link === undefined ? {} : { link: `<${link}>; rel="next"` }),
        })
        .end(JSON.stringify({ schemaVersion: 2, manifests }));
  const sha512 = { ...entry('a', 'x/sig'), digest: `sha512:${'a'.repeat(128)}` };
  const at = await scripted(t, [
    page([entry('a', 'x/sig'), entry('b', 'x/other'), sha512, null, 'text'], '?page=2'),
    page([entry('c', 'x/sig'), entry('a', 'x/sig')]),
  ]);
  const found = await at.repository.referrers(image.root, 'x/sig');
  t.deepEqual(
    found.map(({ digest }) => digest[7]),
    ['a', 'c'],
  );
  t.is(at.requests[0]?.url, `/v2/a/referrers/${image.root.digest}?artifactType=x%2Fsig`);
});

test('where there is no referrers API the fall-back tag is read, and none is no error', async (t) => {
  const at = await scripted(t, [sendStatus(404)]);
  t.deepEqual(await at.repository.referrers(image.root), []);
  t.is(at.requests[1]?.url, `/v2/a/manifests/sha256-${image.root.digest.slice(7)}`);
  const page = await scripted(t, [
    sendStatus(200, { 'content-type': 'text/html' }, '<html>'),
    sendStatus(404),
  ]);
  t.deepEqual(await page.repository.referrers(image.root), []);
});

test('another manifest than the one that was sent is not taken for stored', async (t) => {
  const other = digestOf(Buffer.from('other'));
  const at = await scripted(t, [sendStatus(404), sendStatus(201, { 'docker-content-digest': other })]);
  t.like(await failure(t, at.repository.put(image.root, chunks(image.manifest.bytes))), {
    code: 'corrupt',
    message: `cannot write ${at.server}/a@${image.root.digest}: the registry stored ${other} in place of ${image.root.digest}`,
  });
});

test('a tag that says the same already is left alone', async (t) => {
  const at = await scripted(t, [sendStatus(200, { 'docker-content-digest': image.root.digest })]);
  await at.repository.tag(image.root, '1');
  t.deepEqual(
    at.requests.map(({ method }) => method),
    ['HEAD'],
  );
});

const raw = test.macro<[string, string]>({
  exec: async (t, text: string, expected: string) => {
    const server = await startRaw(t, text);
    const repository = await openRegistry(quickHost(), { registry: server.host, repository: 'a' });
    const said = await repository.resolve('1').then(
      ({ digest }) => digest,
      (error: Error) => error.message,
    );
    t.is(said.replaceAll(server.host, 'HOST'), expected);
  },
  title: (_, text, expected) =>
    `an answer of ${text.length} bytes ending in ${JSON.stringify(text.slice(-30))} gives ${expected.slice(0, 130)}`,
});
const asked = 'cannot read HOST/a:1: GET http://HOST/v2/a/manifests/1';
const ok = `HTTP/1.1 200 OK\r\nContent-Type: ${media.manifest}\r\n`;
const chunked = `${ok}Transfer-Encoding: chunked\r\n\r\n`;
test(raw, `${ok}\r\n{}`, digestOf(Buffer.from('{}')));
test(raw, `${chunked}1\r\n{\r\n1;x=y\r\n}\r\n0\r\nTrailer: x\r\n\r\n`, digestOf(Buffer.from('{}')));
test(
  raw,
  `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${ok}Content-Length: 2\r\n\r\n{}`,
  digestOf(Buffer.from('{}')),
);
test(
  raw,
  `${chunked}1\r\n{}\r\n0\r\n\r\n`,
  `${asked}: the answer is not HTTP as we know it: a chunk is longer than its size`,
);
test(
  raw,
  `${chunked}zz\r\n`,
  `${asked}: the answer is not HTTP as we know it: the size of a chunk is no number`,
);
test(
  raw,
  `${chunked}${'a'.repeat(9000)}`,
  `${asked}: the answer is not HTTP as we know it: a line between chunks is too long`,
);
test(
  raw,
  'SSH-2.0-x\r\n\r\n',
  `${asked}: the answer is not HTTP as we know it: it does not begin with an HTTP/1.1 status line`,
);
test(
  raw,
  `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(70_000)}`,
  `${asked}: the answer is not HTTP as we know it: its head is too long`,
);
test(
  raw,
  'HTTP/1.1 101 Switching\r\n\r\n',
  `${asked}: the answer is not HTTP as we know it: it changes the protocol`,
);
test(raw, 'HTTP/1.1 200', `${asked}: the connection ended before an answer came`);
test(raw, `${ok}Content-Length: 9\r\n\r\n{}`, `${asked}: the connection ended after 2 of 9 bytes`);

test('a name that cannot be a repository or a registry is refused before anything is sent', async (t) => {
  const host: QuickHost = quickHost();
  await t.throwsAsync(openRegistry(host, { registry: 'h', repository: '../x' }), {
    message: 'cannot use "../x" as the name of a repository',
  });
  await t.throwsAsync(openRegistry(host, { registry: 'h/x', repository: 'a' }), {
    message: 'cannot use "h/x" as a registry: it must be host:port',
  });
});

test('nobody there is said at once', async (t) => {
  const server = await startRaw(t, '');
  const port = Number(server.host.split(':')[1]);
  const closed = port === 1 ? 2 : 1;
  const host = quickHost();
  const repository = await openRegistry(host, { registry: `127.0.0.1:${closed}`, repository: 'a' });
  t.like(await failure(t, repository.resolve('1')), {
    code: 'network',
    message: `cannot read 127.0.0.1:${closed}/a:1: GET http://127.0.0.1:${closed}/v2/a/manifests/1: 127.0.0.1:${closed} cannot be reached: it refuses the connection`,
  });
  t.deepEqual(host.sleeps, []);
});

test('silence is left after the idle time, and tried again', async (t) => {
  const server = await startRaw(t, '', 'keep');
  const host = quickHost();
  const at = { registry: server.host, repository: 'a' };
  const repository = await openRegistry(host, at, { timeouts: { idle: 50 }, attempts: 3 });
  t.like(await failure(t, repository.resolve('1')), {
    code: 'timeout',
    message: `cannot read ${server.host}/a:1: GET http://${server.host}/v2/a/manifests/1: ${server.host} sent nothing for 0.05 s`,
  });
  t.is(server.heads.length, 3);
  t.is(host.sleeps.length, 2);
});

test('one that sends a byte now and then is left too, with a document and with a blob', async (t) => {
  const drip: Answer = (_, response) => {
    response.writeHead(200, { 'content-type': media.manifest, 'content-length': '100000' });
    const timer = setInterval(() => response.write('x'), 10);
    response.on('close', () => clearInterval(timer));
  };
  const at = await scripted(t, [drip], { timeouts: { idle: 100 }, attempts: 2 });
  const slow = (work: string) =>
    new RegExp(`^cannot read ${at.server}/a${work}: GET .*: ${at.server} sent only \\d+ bytes in 0.1 s$`);
  t.like(await failure(t, at.repository.resolve('1')), { code: 'timeout' });
  t.regex((await failure(t, at.repository.resolve('1'))).message, slow(':1'));
  const layer = { mediaType: 'application/octet-stream', digest: digestOf(Buffer.of()), size: 100_000 };
  const read = async () => {
    for await (const _ of at.repository.open(layer));
  };
  t.regex((await failure(t, read())).message, slow('@sha256:[0-9a-f]{64}'));
});

test('a signal ends a request that waits', async (t) => {
  const server = await startRaw(t, '', 'keep');
  const stop = new AbortController();
  const at = { registry: server.host, repository: 'a' };
  const repository = await openRegistry(quickHost(), at, { signal: stop.signal });
  const work = repository.resolve('1');
  setTimeout(() => stop.abort(new Error('enough')), 20);
  await t.throwsAsync(work, { message: 'enough' });
});

test('a connection is used again, and a new one is made where the server has closed it', async (t) => {
  const ports = new Set<number | undefined>();
  let close = false;
  const at = await scripted(t, [
    (request, response) => {
      ports.add(response.socket?.remotePort);
      if (close) response.socket?.once('finish', () => {}).end();
      sendManifest(request, response);
    },
  ]);
  await at.repository.resolve('1');
  await at.repository.resolve('2');
  t.is(ports.size, 1);
  close = true;
  await at.repository.resolve('3').catch(() => {});
  close = false;
  t.deepEqual(await at.repository.resolve('4'), image.root);
});

test('content of an unknown repository or blob is not found', async (t) => {
  const at = await scripted(t, [sendStatus(404, {}, saying('BLOB_UNKNOWN', 'blob unknown to registry'))]);
  const { descriptor } = content(media.layerTar, 'x');
  const error = await failure(t, at.repository.open(descriptor)[Symbol.asyncIterator]().next());
  t.is(error.code, 'not-found');
  t.is(
    error.message,
    `cannot read ${at.server}/a@${descriptor.digest}: GET http://${at.server}/v2/a/blobs/${descriptor.digest} answered 404: BLOB_UNKNOWN: blob unknown to registry`,
  );
});

test('a manifest is sent again when the registry does not find a blob that another one is just pushing', async (t) => {
  const unknown = '{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}';
  const refuse = sendStatus(400, {}, unknown);
  const at = await scripted(t, [sendStatus(404), refuse, refuse, sendStatus(201)]);
  await at.repository.put(image.root, chunks(image.manifest.bytes));
  t.deepEqual(
    at.requests.map(({ method }) => method),
    ['HEAD', 'PUT', 'PUT', 'PUT'],
  );
  const never = await scripted(t, [sendStatus(404), refuse]);
  t.regex(
    (await failure(t, never.repository.put(image.root, chunks(image.manifest.bytes)))).message,
    /answered 400: MANIFEST_BLOB_UNKNOWN/,
  );
  t.is(never.requests.length, 4);
});

test('a server that may speak TLS is told of where a plain request was refused without a word', async (t) => {
  const at = await scripted(t, [sendStatus(400)]);
  t.is(
    (await failure(t, at.repository.has(image.root))).hint,
    'if the registry speaks TLS, write https:// before its name, or give its CA with --registry-ca',
  );
});
