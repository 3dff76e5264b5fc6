import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readCredentials } from '../../pkg/registry/auth/credentials.ts';
import type { Credentials } from '../../pkg/registry/index.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { quickHost } from '../helpers/quick-host.ts';

const encoded = (text: string): string => Buffer.from(text).toString('base64');
const shown = (found: Credentials | undefined): string | undefined => {
  if (found === undefined) return undefined;
  if ('user' in found) return `${found.user} ${found.password.reveal()}`;
  return 'bearer' in found ? `bearer ${found.bearer.reveal()}` : `identity ${found.identityToken.reveal()}`;
};

async function home(t: ExecutionContext, config: object, helpers: Record<string, string> = {}) {
  const folder = await scratchFolder(t, 'home');
  await mkdir(join(folder, '.docker'));
  await writeFile(join(folder, '.docker/config.json'), JSON.stringify(config));
  for (const [name, script] of Object.entries(helpers)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, name), 0o755);
  }
  return { folder, host: quickHost({ HOME: folder, PATH: `${folder}:/usr/bin:/bin` }) };
}

const finds = test.macro({
  exec: async (t, config: object, registry: string, expected: string | undefined) => {
    const { host } = await home(t, config);
    t.is(shown(await readCredentials(host, registry)), expected);
  },
  title: (_, config, registry, expected) => `${JSON.stringify(config)} says ${expected} for ${registry}`,
});
const auths = { 'host:5000': { auth: encoded('me:pa:ss') } };
test(finds, { auths }, 'host:5000', 'me pa:ss');
test(finds, { auths }, 'host', undefined);
test(finds, { auths }, 'sub.host:5000', undefined);
test(finds, { auths }, 'host:5000.evil', undefined);
test(finds, { auths: { 'https://Host:5000/v1/': { auth: encoded('a:b') } } }, 'host:5000', 'a b');
test(finds, { auths: { 'https://index.docker.io/v1/': { auth: encoded('a:b') } } }, 'index.docker.io', 'a b');
test(finds, { auths: { 'h/team': { auth: encoded('team:t') }, h: { auth: encoded('a:b') } } }, 'h', 'a b');
test(finds, { auths: { 'h/team': { auth: encoded('team:t') } } }, 'h', 'team t');
test(finds, { auths: { h: { username: 'u', password: 'p' } } }, 'h', 'u p');
test(finds, { auths: { h: { auth: encoded('a:b'), identitytoken: 'i' } } }, 'h', 'identity i');
test(finds, { auths: { h: { registrytoken: 't' } } }, 'h', 'bearer t');
test(finds, { auths: { h: {} } }, 'h', undefined);
test(finds, { auths: { h: { auth: '%%%' } } }, 'h', undefined);
test(finds, {}, 'h', undefined);
test(finds, { auths: 7 }, 'h', undefined);

test('a helper is asked by stdin for its own registry', async (t) => {
  const { folder, host } = await home(
    t,
    { credHelpers: { 'h:1': 'mine' } },
    {
      'docker-credential-mine':
        'cat >"$HOME/asked"; echo "$@" >>"$HOME/asked"; echo \'{"Username":"u","Secret":"s"}\'',
    },
  );
  t.is(shown(await readCredentials(host, 'h:1')), 'u s');
  t.is(await readFile(join(folder, 'asked'), 'utf8'), 'h:1\nget\n');
  t.is(await readCredentials(host, 'other:1'), undefined);
});

test('the store is asked for registries that have no helper, and its token is an identity token', async (t) => {
  const { host } = await home(
    t,
    { credsStore: 'store', auths: { 'h:1': {} } },
    { 'docker-credential-store': 'echo \'{"Username":"<token>","Secret":"s"}\'' },
  );
  t.is(shown(await readCredentials(host, 'h:1')), 'identity s');
});

test('a helper that has nothing is no error, one that fails is', async (t) => {
  const none = await home(
    t,
    { credsStore: 'x' },
    { 'docker-credential-x': 'echo credentials not found in native keychain; exit 1' },
  );
  t.is(await readCredentials(none.host, 'h'), undefined);
  const locked = await home(
    t,
    { credsStore: 'x' },
    { 'docker-credential-x': 'echo key ring is locked; exit 1' },
  );
  await t.throwsAsync(readCredentials(locked.host, 'h'), {
    message: 'cannot ask docker-credential-x for h: key ring is locked',
  });
});

test('a helper that is missing or has a path for a name is refused', async (t) => {
  const missing = await home(t, { credsStore: 'gone' });
  await t.throwsAsync(readCredentials(missing.host, 'h'), {
    message: 'cannot run docker-credential-gone: it is not installed',
  });
  const path = await home(t, { credsStore: '../../bin/sh' });
  await t.throwsAsync(readCredentials(path.host, 'h'), {
    message: 'cannot use the credential helper "../../bin/sh": it is no plain name',
  });
});

test('a config file that cannot be read is an error and not an anonymous login', async (t) => {
  const { folder, host } = await home(t, {});
  const file = join(folder, '.docker/config.json');
  await writeFile(file, '{');
  const error = await t.throwsAsync(readCredentials(host, 'h'));
  t.is(error?.message, `cannot read ${file}: it is not JSON`);
});

test("podman's file is read after docker's", async (t) => {
  const { folder, host } = await home(t, { auths: { other: { auth: encoded('a:b') } } });
  await mkdir(join(folder, '.config/containers'), { recursive: true });
  const content = JSON.stringify({ auths: { h: { auth: encoded('c:d') } } });
  await writeFile(join(folder, '.config/containers/auth.json'), content);
  t.is(shown(await readCredentials(host, 'h')), 'c d');
  t.is(shown(await readCredentials(host, 'other')), 'a b');
});
