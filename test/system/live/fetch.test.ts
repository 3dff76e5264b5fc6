import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Host } from '../../../pkg/host/index.ts';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { fetchLive, parseAvailable, parsePin } from '../../../pkg/system/live/index.ts';
import { parsePlace } from '../../../pkg/system/places.ts';
import { startRegistry } from '../../helpers/registries.ts';
import { addImage, makeVendor, publishRelease } from '../../helpers/vendor.ts';

const plenty = 4_000_000;

/** A registry with a live system, and a machine with so many KiB of memory free whose mounts are noted. */
async function prepare(t: ExecutionContext, { tls = false, target = 'livecd', free = plenty } = {}) {
  const vendor = await makeVendor(t);
  const registry = await startRegistry(t, { kind: 'docker', tls });
  const place = parsePlace(`${registry.scheme}://${registry.host}`, '/');
  const source = await addImage(vendor, 'live', { 'mos-action': 'livecd\n' });
  const unused = await addImage(vendor, 'unused', { 'large-file': 'x'.repeat(100_000) });
  const line = (name: string, from: string): string =>
    `  - {service_name: ${name}, source: "${from}", version: 1.0.0, service_type: fs-only, nsgroup: none}\n`;
  const { digest } = await publishRelease(vendor, {
    ...{ name: 'machine/live:1', place, access: { registryCa: registry.ca } },
    manifest: `update_type: complete\ntargets:\n${line(target, source)}${line('data', unused)}`,
  });
  const mounts: string[] = [];
  const host: Host = {
    ...linuxHost,
    files: {
      ...linuxHost.files,
      read: async (path) =>
        path === '/proc/meminfo'
          ? Buffer.from(`MemTotal: 9 kB\nMemAvailable:   ${free} kB\n`)
          : linuxHost.files.read(path),
    },
    mounts: {
      ...linuxHost.mounts,
      mount: async ({ fstype, target: at, options = [] }) =>
        void mounts.push(`${fstype} ${at} ${options.join(' ')}`),
    },
  };
  const repo = `${registry.scheme}://${registry.host}`;
  const at = join(vendor.folder, 'medium');
  const fetch = (wishes: { registryCa?: string | undefined; ca?: string; repo?: string } = {}) => {
    const pin = { ...parsePin(`machine/live@${digest}`), repo: wishes.repo ?? repo };
    const registryCa = 'registryCa' in wishes ? wishes.registryCa : registry.ca;
    return fetchLive(host, { ca: wishes.ca ?? vendor.ca, pin, registryCa, at }, () => {});
  };
  return { at, digest, repo, registry, mounts, fetch, folder: vendor.folder };
}

test('what the pin names, and nothing else of the manifest, comes into memory as a medium', async (t) => {
  const { at, digest, mounts, fetch } = await prepare(t, { tls: true });
  const bytes = await fetch();
  t.deepEqual(mounts, [`tmpfs ${at} size=${bytes + 8 * 1024 * 1024} mode=0755`]);
  t.true(bytes > 4096 && bytes < 100_000);
  t.true(existsSync(join(at, 'oci/machine/live/blobs/sha256', digest.slice(7))));
  const files = execFileSync('find', [join(at, 'oci/mos/blobs'), '-type', 'f'], { encoding: 'utf8' });
  t.is(files.trim().split('\n').length, 3, files); // manifest, configuration, layer
});

const fails = test.macro({
  async exec(
    t: ExecutionContext,
    prepared: { tls?: boolean; target?: string; free?: number },
    wishes: (made: Awaited<ReturnType<typeof prepare>>) => Parameters<typeof made.fetch>[0],
    code: string,
    message: RegExp,
    hint: RegExp,
  ) {
    const made = await prepare(t, prepared);
    const error = await t.throwsAsync(made.fetch(wishes(made)), { code });
    const all: string[] = [];
    for (let one: unknown = error; one instanceof Error; one = one.cause) all.push(one.message);
    t.regex(all.join(': '), message);
    t.regex((error as { hint?: string }).hint ?? '', hint);
    t.deepEqual(made.mounts, []);
    t.false(existsSync(made.at));
  },
  title: (what) => `nothing is put into memory: ${what}`,
});
const again = /the machine tries again after a reboot/;
test(
  'too little of it',
  fails,
  { free: 100_000 },
  () => ({}),
  'no-space',
  /^cannot fetch the live system: 137 MiB of memory are needed, 98 are free$/,
  /without --repo/,
);
test(
  'nobody answers',
  fails,
  {},
  () => ({ repo: 'http://127.0.0.1:1' }),
  'network',
  /^cannot fetch the live system from http:\/\/127\.0\.0\.1:1: .*it refuses the connection$/,
  again,
);
test(
  'the registry has a certificate of an unknown CA',
  fails,
  { tls: true },
  () => ({ registryCa: undefined }),
  'untrusted',
  /is signed by an unknown CA/,
  again,
);
test(
  'the registry speaks no TLS',
  fails,
  {},
  ({ repo }) => ({ repo: repo.replace('http:', 'https:') }),
  'network',
  /TLS/,
  /./,
);
test(
  'the manifest is of somebody else',
  fails,
  {},
  ({ folder }) => ({ ca: join(folder, 'keys/acme/sudi-ca/cert.pem') }),
  'untrusted',
  /cannot trust http:.*/,
  /give the right CA file/,
);
test(
  'the manifest has no live system',
  fails,
  { target: 'other' },
  () => ({}),
  'not-found',
  /cannot find the target livecd/,
  again,
);

test('free memory is what can be had without swapping', (t) => {
  t.is(parseAvailable('MemTotal: 1 kB\nMemAvailable:     512 kB\n'), 524_288);
  t.throws(() => parseAvailable('MemFree: 1 kB\n'), { code: 'unsupported' });
});
