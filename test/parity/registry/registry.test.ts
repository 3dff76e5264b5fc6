import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { type AddressInfo, createServer as createSocketServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { digestOf, media } from '../../../pkg/oci/index.ts';
import { compile } from '../../helpers/compile.ts';
import { scratchFolder } from '../../helpers/folders.ts';
import { makeImage, makeReferrer } from '../../helpers/images.ts';
import { makeServerCertificates } from '../../helpers/registries/certificates.ts';
import { startConnectProxy } from '../../helpers/registries/connect-proxy.ts';
import { drained } from '../../helpers/registries/drained.ts';
import { startRaw, startScripted } from '../../helpers/registries/scripted.ts';
import { startFaultProxy, startRegistry, testPassword, testUser } from '../../helpers/registries.ts';
import type { Vector } from './program.ts';

const source = 'test/parity/registry/program.ts';
const bytes = Buffer.alloc(3_000_000);
for (let at = 0; at < bytes.length; at++) bytes[at] = (at * 2654435761) >>> 24;
const digest = digestOf(bytes);
const whole = `3000000 ${digest}`;
const image = makeImage([bytes.subarray(0, 1_000_000), 'small']);
const signature = makeReferrer(image.root, 'x/signature', 'signature');

/** Runs the program with the vectors; it must end by itself although connections are kept. */
function run(
  command: readonly [string, ...string[]],
  vectors: readonly Vector[],
  env: Record<string, string> = {},
) {
  const [program, ...args] = command;
  return new Promise<Record<string, unknown>>((resolve, reject) => {
    const options = { env: { PATH: process.env.PATH ?? '', ...env }, timeout: 60_000, maxBuffer: 1 << 24 };
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null && stderr === '') resolve(JSON.parse(stdout) as Record<string, unknown>);
      else reject(new Error(`${program}: ${error?.message} ${stderr}`));
    });
    child.stdin?.end(JSON.stringify(vectors));
  });
}

/** Each case by Node and by the compiled program; `make` is called for each because faults are used up. */
async function both(
  t: ExecutionContext,
  make: () => readonly (Vector & { readonly expected: unknown })[],
  env: Record<string, string> = {},
): Promise<void> {
  const compiled = await compile(source, `registry-${randomUUID()}`);
  t.teardown(() => import('node:fs/promises').then(({ rm }) => rm(compiled)));
  for (const command of [['node', source], [compiled]] as const) {
    const cases = make();
    const results = await run(command as [string], cases, env);
    for (const { name, expected } of cases) t.deepEqual(results[name], expected, `${name}, by ${command[0]}`);
  }
}

const unique = () => `r${randomUUID()}`;
const imageResult = (fallback: number) => ({
  tags: 1 + fallback,
  root: image.root.digest,
  referrer: { ...signature.root, artifactType: 'x/signature' },
});

test('both runtimes write to and read from every kind of registry', async (t) => {
  const kinds = [
    { kind: 'docker', tls: false, auth: 'basic' },
    { kind: 'docker', tls: true, auth: 'token' },
    { kind: 'referrers', tls: true, auth: 'token' },
    { kind: 'referrers', tls: true, auth: 'basic' },
  ] as const;
  const started = await Promise.all(kinds.map((options) => startRegistry(t, options)));
  await both(t, () =>
    started.flatMap((registry, index) => {
      const common = {
        registry: registry.host,
        scheme: registry.scheme,
        repository: unique(),
        user: testUser,
        password: testPassword,
        options: registry.ca === undefined ? {} : { ca: registry.ca },
      };
      return [
        {
          ...common,
          name: `image ${index}`,
          action: 'image',
          expected: imageResult(registry.kind === 'docker' ? 1 : 0),
        },
        { ...common, name: `blob ${index}`, action: 'put', expected: whole },
        {
          ...common,
          name: `rest ${index}`,
          action: 'rest',
          expected: `1000 ${digestOf(bytes.subarray(2_999_000))}`,
        },
      ] as const;
    }),
  );
});

test('both runtimes say the same of breaks, stalls, wrong bytes and early answers', async (t) => {
  const registry = await startRegistry(t, { kind: 'docker' });
  const proxy = await startFaultProxy(t, { upstream: registry });
  const silent = await startRaw(t, '', 'keep');
  await both(t, () => {
    const at = (repository: string) => ({ registry: proxy.host, repository });
    const [broken, stalled, wrong, early, refused] = [unique(), unique(), unique(), unique(), unique()];
    const announced = unique();
    const blobs = (repository: string) => new RegExp(`/${repository}/blobs/sha256`);
    const uploads = (repository: string) => new RegExp(`/${repository}/blobs/uploads/.`);
    proxy.spoil({ method: 'GET', path: blobs(broken), fault: { kind: 'break', after: 1_500_000 } });
    proxy.spoil({ method: 'GET', path: blobs(stalled), fault: { kind: 'stall', after: 1_500_000 } });
    proxy.spoil({ method: 'GET', path: blobs(wrong), fault: { kind: 'flip', at: 0 } });
    proxy.spoil({ method: 'PUT', path: uploads(early), fault: { kind: 'status', status: 413 } });
    proxy.spoil({ method: 'PUT', path: uploads(refused), fault: { kind: 'break', after: -1 } });
    proxy.spoil({
      method: 'GET',
      path: blobs(announced),
      fault: { kind: 'more', bytes: 9, announced: true },
    });
    const flipped = Buffer.from(bytes);
    flipped[0] = (flipped[0] ?? 0) ^ 1;
    return [
      { ...at(broken), name: 'broken', action: 'put', expected: whole },
      { ...at(stalled), name: 'stalled', action: 'put', options: { idle: 300 }, expected: whole },
      {
        ...at(wrong),
        name: 'wrong',
        action: 'put',
        expected: {
          code: 'corrupt',
          message: `cannot accept the bytes of ${digest}: they hash to ${digestOf(flipped)}`,
        },
      },
      {
        ...at(announced),
        name: 'announced',
        action: 'put',
        expected: {
          code: 'corrupt',
          message: `cannot read ${proxy.host}/${announced}@${digest}: the registry announces 3000009 bytes in place of 3000000`,
        },
      },
      { ...at(early), name: 'early', action: 'put again', expected: whole },
      { ...at(refused), name: 'refused', action: 'put again', expected: whole },
      { registry: silent.host, repository: 'a', name: 'abort', action: 'abort', expected: 'TimeoutError' },
      {
        registry: silent.host,
        repository: 'a',
        name: 'silent',
        action: 'resolve',
        options: { idle: 100, attempts: 2 },
        expected: {
          code: 'timeout',
          message: `cannot read ${silent.host}/a:1: GET http://${silent.host}/v2/a/manifests/1: ${silent.host} sent nothing for 0.1 s`,
        },
      },
    ] as const;
  });
});

test('both runtimes give bytes as they came, also where they are said to be packed', async (t) => {
  const packed = gzipSync(Buffer.from('{}'));
  const headers = { 'content-type': media.manifest, 'content-encoding': 'gzip' };
  const server = await startScripted(t, (_, response) => void response.writeHead(200, headers).end(packed));
  await both(t, () => [
    {
      name: 'packed',
      action: 'resolve',
      registry: server.host,
      repository: 'a',
      expected: {
        code: 'network',
        message: `cannot read ${server.host}/a:1: the registry sent no JSON but ${media.manifest}`,
      },
    },
  ]);
});

/** A TLS server that answers everything with a manifest. */
async function startTls(
  t: ExecutionContext,
  cert: string,
  key: string,
  chain: readonly string[] = [],
): Promise<string> {
  const pem = [cert, ...chain].map((file) => readFileSync(file, 'utf8')).join('');
  const server = createServer({ cert: pem, key: readFileSync(key) }, (_, response) => {
    response.writeHead(200, { 'content-type': media.manifest }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    return new Promise<unknown>((resolve) => server.close(resolve));
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const found = { mediaType: media.manifest, digest: digestOf(Buffer.from('{}')), size: 2 };
const hint = 'give its CA with --registry-ca FILE, or put it into /etc/containers/certs.d/HOST:PORT/ca.crt';

test('both runtimes check certificates, and no variable makes them not to', async (t) => {
  const good = makeServerCertificates(await scratchFolder(t, 'good'));
  const other = makeServerCertificates(await scratchFolder(t, 'other'));
  const named = makeServerCertificates(await scratchFolder(t, 'named'), { names: 'DNS:elsewhere.example' });
  const expired = makeServerCertificates(await scratchFolder(t, 'expired'), { expired: true });
  const servers = await Promise.all([good, named, expired].map(({ cert, key }) => startTls(t, cert, key)));
  const [goodHost = '', namedHost = '', expiredHost = ''] = servers;
  const plain = await startScripted(t, (_, response) => void response.end('{}'));
  const closing = await startClosing(t);
  const refused = (host: string, why: string) => ({
    code: 'untrusted',
    message: `cannot read ${host}/a:1: GET https://${host}/v2/a/manifests/1: ${host} is not trusted: its certificate ${why}`,
    hint,
  });
  const common = { action: 'resolve', scheme: 'https', repository: 'a' } as const;
  const cases = () =>
    [
      { ...common, name: 'its own CA', registry: goodHost, options: { ca: good.ca }, expected: found },
      {
        ...common,
        name: 'no CA',
        registry: goodHost,
        expected: refused(goodHost, 'is signed by an unknown CA'),
      },
      {
        ...common,
        name: 'another CA',
        registry: goodHost,
        options: { ca: other.ca },
        expected: refused(goodHost, 'is signed by an unknown CA'),
      },
      {
        ...common,
        name: 'another name',
        registry: namedHost,
        options: { ca: named.ca },
        expected: refused(namedHost, 'is made for another name'),
      },
      {
        ...common,
        name: 'expired',
        registry: expiredHost,
        options: { ca: expired.ca },
        expected: refused(expiredHost, 'has expired'),
      },
      {
        ...common,
        name: 'no TLS there',
        registry: plain.host,
        expected: {
          code: 'network',
          message: `cannot read ${plain.host}/a:1: GET https://${plain.host}/v2/a/manifests/1: ${plain.host} does not speak TLS as we know it`,
          hint: 'a registry without TLS needs http:// before its name or --plain-http',
        },
      },
      {
        ...common,
        name: 'closed at once',
        registry: closing,
        options: { attempts: 2 },
        expected: {
          code: 'network',
          message: `cannot read ${closing}/a:1: GET https://${closing}/v2/a/manifests/1: ${closing}: it broke the connection`,
        },
      },
    ] as const;
  await both(t, cases);
  const unsafe = {
    NODE_EXTRA_CA_CERTS: good.ca,
    SSL_CERT_FILE: good.ca,
    NODE_TLS_REJECT_UNAUTHORIZED: '0',
    NODE_NO_WARNINGS: '1',
  };
  await both(t, () => cases().slice(1, 5), unsafe);
});

async function startClosing(t: ExecutionContext): Promise<string> {
  const server = createSocketServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => new Promise<unknown>((resolve) => server.close(resolve)));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('both runtimes go through a proxy, and check the certificate of what is behind it', async (t) => {
  const certificates = makeServerCertificates(await scratchFolder(t, 'tls'), {
    names: 'DNS:registry.example',
  });
  const proxy = await startConnectProxy(t, await startTls(t, certificates.cert, certificates.key));
  const environment = { https_proxy: `http://me:secret@${proxy.host}` };
  const common = {
    action: 'resolve',
    repository: 'a',
    environment,
    options: { ca: certificates.ca },
  } as const;
  await both(t, () => [
    { ...common, name: 'right name', registry: 'registry.example:5000', expected: found },
    {
      ...common,
      name: 'wrong name',
      registry: 'other.example',
      expected: {
        code: 'untrusted',
        message:
          'cannot read other.example/a:1: GET https://other.example/v2/a/manifests/1: other.example:443 is not trusted: its certificate is made for another name',
        hint,
      },
    },
  ]);
  const authorization = `Proxy-Authorization: Basic ${Buffer.from('me:secret').toString('base64')}`;
  t.deepEqual(
    [...new Set(proxy.heads)],
    ['registry.example:5000', 'other.example:443'].map(
      (name) => `CONNECT ${name} HTTP/1.1\r\nHost: ${name}\r\n${authorization}\r\n\r\n`,
    ),
  );
});

test('both runtimes name what cannot be reached', async (t) => {
  const mute = await startRaw(t, '', 'keep');
  await both(t, () => [
    {
      name: 'no handshake',
      action: 'resolve',
      registry: mute.host,
      scheme: 'https',
      repository: 'a',
      options: { connect: 200, attempts: 2 },
      expected: {
        code: 'timeout',
        message: `cannot read ${mute.host}/a:1: GET https://${mute.host}/v2/a/manifests/1: ${mute.host} cannot be reached: no answer in 0.2 s`,
      },
    },
    {
      name: 'refused',
      action: 'resolve',
      registry: '127.0.0.1:1',
      repository: 'a',
      expected: {
        code: 'network',
        message:
          'cannot read 127.0.0.1:1/a:1: GET http://127.0.0.1:1/v2/a/manifests/1: 127.0.0.1:1 cannot be reached: it refuses the connection',
      },
    },
  ]);
});

/** Zeros without end, or at least as many as anybody asks for; nothing is kept. */
async function startZeros(t: ExecutionContext): Promise<string> {
  const piece = Buffer.alloc(1024 * 1024);
  const server = await startScripted(t, async ({ url }, response) => {
    const size = Number(/\/a(\d+)\//.exec(url)?.[1]);
    response.writeHead(200, { 'content-length': String(size) });
    for (let sent = 0; sent < size && !response.destroyed; sent += piece.length)
      if (!response.write(piece.subarray(0, Math.min(piece.length, size - sent)))) await drained(response);
    response.end();
  });
  return server.host;
}

test('memory does not grow with a blob, also where the reader is slower than the network', async (t) => {
  const host = await startZeros(t);
  const compiled = await compile(source, `registry-${randomUUID()}`);
  t.teardown(() => import('node:fs/promises').then(({ rm }) => rm(compiled)));
  for (const command of [['node', source], [compiled]] as const) {
    const peak = async (size: number): Promise<number> => {
      const vector = { name: 'peak', action: 'peak', registry: host, repository: `a${size}` } as const;
      return Number((await run(command as [string], [vector])).peak);
    };
    const small = await peak(50_000_000);
    const large = await peak(1_500_000_000);
    // How much garbage a runtime lets lie depends on the machine; a tenth of what came more would be a leak.
    t.true(large - small < 1_450_000 / 10, `${command[0]}: ${small} KiB for 50 MB, ${large} KiB for 1.5 GB`);
    t.log(`${command[0].slice(0, 12)}: ${small} KiB for 50 MB, ${large} KiB for 1.5 GB`);
  }
});
