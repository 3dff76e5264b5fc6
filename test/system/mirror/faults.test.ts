import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { listenMirror } from '../../../pkg/api/mirror/index.ts';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { parseReference } from '../../../pkg/oci/index.ts';
import { install } from '../../../pkg/system/index.ts';
import { installFrom, makeRoot } from '../../helpers/machine.ts';
import { addImage, builtAt, makeVendor, publishRelease, type Vendor } from '../../helpers/vendor.ts';

// Mirrors that lie, are slow, break or are gone: the machine gets the same bytes from where they come from.

const open = { address: '127.0.0.1', port: 0, neighbours: undefined };

/** A machine that is installed, and given away at the address. */
async function makeOrigin(t: ExecutionContext) {
  const vendor = await makeVendor(t);
  await addImage(vendor, 'data', { big: randomText(1_000_000) });
  const { reference } = await publishRelease(vendor, {
    name: 'machine/install:1',
    manifest: `update_type: complete
targets:
  - {service_name: data, source: "oci:${vendor.images}:data", version: "1", service_type: fs-only}
`,
  });
  const root = await makeRoot(t, vendor);
  const { targets } = await installFrom(root, reference);
  const listener = await listenMirror(linuxHost, root, open, builtAt);
  t.teardown(() => listener[Symbol.asyncDispose]());
  return { vendor, root, digest: targets[0]?.digest ?? '', origin: listener.address };
}

const randomText = (length: number): string =>
  Array.from({ length: length / 8 }, () => Math.random().toString(36).slice(2, 10).padEnd(8)).join('');

type Spoil = (
  path: string,
  bytes: Buffer,
  response: ServerResponse,
) => Promise<Buffer | undefined> | Buffer | undefined;

/** Stands before an honest one and spoils what passes: undefined where it answered itself. */
async function spoiled(t: ExecutionContext, origin: string, spoil: Spoil) {
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const headers: Record<string, string> = {};
    for (const name of ['range', 'accept'])
      if (typeof request.headers[name] === 'string') headers[name] = request.headers[name];
    const answer = await fetch(`${origin}${path}`, { method: request.method ?? 'GET', headers });
    const bytes = await spoil(path, Buffer.from(await answer.arrayBuffer()), response);
    if (bytes === undefined) return;
    const kept = ['content-type', 'content-range', 'docker-content-digest'];
    response.writeHead(
      answer.status,
      Object.fromEntries(
        kept.flatMap((name) => {
          const value = answer.headers.get(name);
          return value === null ? [] : [[name, value]];
        }),
      ),
    );
    response.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { address: `http://127.0.0.1:${(server.address() as { port: number }).port}`, asked };
}

const isBlob = (path: string): boolean => path.includes('/blobs/');
const flipped = (bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes);
  copy[copy.length >> 1] = (copy[copy.length >> 1] ?? 0) ^ 1;
  return copy;
};

/** How long the machine waits for a mirror here. */
const pace = { connect: 2000, idle: 400, window: 400, least: 200_000 };

async function installThrough(
  t: ExecutionContext,
  vendor: Vendor,
  origin: string,
  mirrors: readonly string[],
) {
  const root = await makeRoot(t, vendor);
  const notes: string[] = [];
  const reference = parseReference(`${origin}/machine/install:1`);
  await install(linuxHost, { root, reference, access: { mirrors, pace }, builtAt }, (event) => {
    if (event.kind === 'note') notes.push(event.text);
  });
  return { root, notes };
}

const storeOf = (root: string, digest: string): Buffer =>
  readFileSync(join(root, 'atomfs-cache/mos/blobs/sha256', digest.slice('sha256:'.length)));

const faults: readonly [string, Spoil, RegExp | undefined][] = [
  ['is honest', (_path, bytes) => bytes, undefined],
  [
    'changes a bit of a blob',
    (path, bytes) => (isBlob(path) ? flipped(bytes) : bytes),
    /it sent wrong bytes/,
  ],
  [
    'changes a bit of a manifest',
    (path, bytes) => (isBlob(path) ? bytes : flipped(bytes)),
    /cannot accept the bytes/,
  ],
  [
    'sends too much',
    (path, bytes) => (isBlob(path) ? Buffer.concat([bytes, bytes]) : bytes),
    /it sent wrong bytes/,
  ],
  ['sends too little', (path, bytes) => (isBlob(path) ? bytes.subarray(1) : bytes), /it has \d+ bytes of/],
  [
    'ends in the middle',
    (path, bytes, response) => {
      if (!isBlob(path)) return bytes;
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
      return undefined;
    },
    /is left/,
  ],
  [
    'sends a byte now and then',
    async (path, bytes, response) => {
      if (!isBlob(path)) return bytes;
      response.writeHead(200, { 'content-length': bytes.length });
      for (let at = 0; at < bytes.length && !response.destroyed; at++) {
        response.write(bytes.subarray(at, at + 1));
        await sleep(50);
      }
      return undefined;
    },
    /is left: .*(?:it sends|sent only) \d+ bytes in/,
  ],
  ['never answers', () => new Promise(() => {}), /is left/],
  ['says 500', (_path, _bytes, response) => void response.writeHead(500).end(), /answered 500/],
  ['has nothing', (_path, _bytes, response) => void response.writeHead(404).end(), undefined],
  [
    'sends us elsewhere',
    (_path, _bytes, response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    /is left/,
  ],
];

test('whatever a mirror does, the bytes decide', async (t) => {
  const { vendor, root, digest, origin } = await makeOrigin(t);
  for (const [what, spoil, note] of faults) {
    const mirror = await spoiled(t, origin, spoil);
    const made = await installThrough(t, vendor, origin, [mirror.address]);
    t.deepEqual(storeOf(made.root, digest), storeOf(root, digest), what);
    t.true(mirror.asked.length > 0, what);
    t.true(
      mirror.asked.every((path) => path.startsWith('/v2/mos/')),
      'names are the origin’s',
    );
    if (note === undefined) t.deepEqual(made.notes, [], what);
    else t.regex(made.notes.join('\n'), note, what);
  }
});

test('an honest mirror spares the origin every byte of an image, and has all when the origin is gone', async (t) => {
  const { vendor, root, digest, origin } = await makeOrigin(t);
  const counted = await spoiled(t, origin, (_path, bytes) => bytes);
  const first = await installThrough(t, vendor, counted.address, [origin]);
  t.deepEqual(
    counted.asked.filter((path) => path.startsWith('/v2/mos/')),
    [],
  );
  t.deepEqual(first.notes, []);
  const gone = 'http://127.0.0.1:1';
  const second = await installThrough(t, vendor, gone, [gone, origin]);
  t.deepEqual(storeOf(second.root, digest), storeOf(root, digest));
  t.regex(second.notes.join('\n'), /was asked in its place/);
});
