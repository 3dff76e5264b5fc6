import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { rootCertificates } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { MosError } from '../../pkg/errors/index.ts';
import type { Host } from '../../pkg/host/index.ts';
import { hasOwnRoots, trustedRoots } from '../../pkg/registry/trusted.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { quickHost } from '../helpers/quick-host.ts';

const pem = (name: string): string => `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----\n`;

/** The real host seen from below a folder. */
async function machine(t: ExecutionContext, files: Record<string, string>): Promise<Host> {
  const root = await scratchFolder(t, 'roots');
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  const host = quickHost({ HOME: '/home/me' });
  const below = (path: string): string => (path.startsWith(root) ? path : join(root, path));
  return {
    ...host,
    files: {
      ...host.files,
      read: (path) => host.files.read(below(path)),
      list: (path) => host.files.list(below(path)),
    },
  };
}

const registry = new URL('https://r.example:5000/v2/');
const system = '/etc/ssl/certs/ca-certificates.crt';

test("the machine's own certificates are trusted, and the runtime's only where it has none", async (t) => {
  const own = await machine(t, { [system]: pem('system') });
  t.deepEqual(await trustedRoots(own, undefined)(registry), [pem('system')]);
  const none = await machine(t, {});
  t.deepEqual(await trustedRoots(none, undefined)(registry), rootCertificates);
});

test("a CA that was given is trusted beside the machine's, for each host", async (t) => {
  const host = await machine(t, { [system]: pem('system'), '/ca.pem': pem('given') });
  const trusted = trustedRoots(host, '/ca.pem');
  t.deepEqual(await trusted(registry), [pem('given'), pem('system')]);
  t.deepEqual(await trusted(new URL('https://tokens.example/')), [pem('given'), pem('system')]);
});

test('certificates of certs.d count for their own host and port only', async (t) => {
  const host = await machine(t, {
    [system]: pem('system'),
    '/etc/docker/certs.d/r.example:5000/ca.crt': pem('docker'),
    '/etc/containers/certs.d/r.example:5000/ca.crt': pem('containers'),
    '/etc/containers/certs.d/r.example:5000/client.key': 'no certificate',
    '/home/me/.config/containers/certs.d/r.example:5000/mine.crt': pem('mine'),
  });
  const trusted = trustedRoots(host, undefined);
  t.deepEqual(await trusted(registry), [pem('system'), pem('mine'), pem('containers'), pem('docker')]);
  t.deepEqual(await trusted(new URL('https://r.example:5001/')), [pem('system')]);
  t.deepEqual(await trusted(new URL('https://r.example/')), [pem('system')]);
  t.true(await hasOwnRoots(host, 'r.example:5000'));
  t.false(await hasOwnRoots(host, 'r.example'));
});

test('a CA that is missing or no certificate is an error and not ignored', async (t) => {
  const host = await machine(t, { '/ca.pem': 'text' });
  const refusal = await t.throwsAsync(trustedRoots(host, '/ca.pem')(registry), {
    instanceOf: MosError,
    message: "cannot use /ca.pem as a registry's CA: it is no PEM certificate",
  });
  t.is(refusal.hint, 'a DER file becomes one by: openssl x509 -inform DER -in /ca.pem -out ca.pem');
  await t.throwsAsync(trustedRoots(host, '/gone.pem')(registry), {
    instanceOf: MosError,
    message: /does not exist$/,
  });
});
