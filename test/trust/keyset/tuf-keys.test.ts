import { cp, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import test from 'ava';
import type { Host } from '../../../pkg/host/index.ts';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { addTufKeys, rotateTufKeys, showTufKeys } from '../../../pkg/trust/index.ts';
import { call } from '../../helpers/cli.ts';
import { Crash, countingHost, crashingHost } from '../../helpers/counting-host.ts';
import { memoryFolder } from '../../helpers/folders.ts';
import { hostAt } from '../../helpers/keyset.ts';
import { makeVendor } from '../../helpers/vendor.ts';

const host = hostAt('2027-01-01T00:00:00Z');
const idsOf = ({ roles }: Awaited<ReturnType<typeof showTufKeys>>) =>
  Object.fromEntries(roles.map(({ role, keys }) => [role, keys.map(({ id }) => id)]));

test('keys are private from their first moment, lie in folders that can be taken away, and are never overwritten', async (t) => {
  const { keys: folder, keyset } = await makeVendor(t);
  const made = await addTufKeys(host, keyset, undefined, { folder });
  const shown = made.roles.map(({ role, threshold, keys }) => [
    role,
    threshold,
    keys.length,
    keys.every(({ here }) => here),
  ]);
  t.deepEqual(shown, [
    ['root', 2, 3, true],
    ['targets', 1, 1, true],
    ['snapshot', 1, 1, true],
    ['timestamp', 1, 1, true],
  ]);
  t.is(made.expires, '2028-01-01T00:00:00Z');
  for (const [role, ids] of Object.entries(idsOf(made))) {
    t.deepEqual(await readdir(`${made.path}/${role}`), [...ids].sort());
    for (const id of ids) {
      t.is((await stat(`${made.path}/${role}/${id}/privkey.pem`)).mode & 0o777, 0o600);
      t.is((await stat(`${made.path}/${role}/${id}`)).mode & 0o777, 0o750);
    }
  }
  const before = await readFile(`${made.path}/roots/1.root.json`);
  t.is(
    (await t.throwsAsync(addTufKeys(host, keyset, undefined, { folder })))?.message,
    `cannot add the channel keys of acme: ${made.path} is there already`,
  );
  t.deepEqual(await readFile(`${made.path}/roots/1.root.json`), before);
});

test('the next root is signed by the old keys and the new ones; without enough of them nothing is made', async (t) => {
  const { keys: folder, keyset, folder: away } = await makeVendor(t);
  const first = await addTufKeys(host, keyset, undefined, { folder });
  const second = await rotateTufKeys(
    host,
    keyset,
    { role: 'root', count: { threshold: 1, keys: 2 } },
    { folder },
  );
  t.is(second.root, 2);
  const signers = JSON.parse(await readFile(`${first.path}/roots/2.root.json`, 'utf8')).signatures.map(
    ({ keyid }: { keyid: string }) => keyid,
  );
  t.deepEqual(new Set(signers), new Set([...(idsOf(first).root ?? []), ...(idsOf(second).root ?? [])]));
  t.deepEqual({ ...idsOf(second), root: [] }, { ...idsOf(first), root: [] });

  const third = await rotateTufKeys(hostAt('2027-06-01T00:00:00Z'), keyset, {}, { folder });
  t.deepEqual([third.root, third.expires, idsOf(third)], [3, '2028-05-31T00:00:00Z', idsOf(second)]);

  await mkdir(`${away}/stick`);
  for (const id of idsOf(third).root ?? []) await rename(`${first.path}/root/${id}`, `${away}/stick/${id}`);
  const files = await readdir(first.path, { recursive: true });
  const error = await t.throwsAsync(rotateTufKeys(host, keyset, { role: 'targets' }, { folder }));
  t.is(error?.message, 'cannot make root 4 of acme: 0 of the 1 root keys that it needs are here');
  t.deepEqual(await readdir(first.path, { recursive: true }), files);
});

test('wherever making or replacing keys is stopped, there is a whole root, and the next run ends it', async (t) => {
  const folder = await memoryFolder(t);
  const { keys, keyset } = await makeVendor(t, 'acme', `${folder}/vendor`);
  const at = { folder: keys };
  const restore = async () => {
    await rm(keys, { recursive: true, force: true });
    await cp(`${folder}/before`, keys, { recursive: true });
  };
  const tryAll = async (act: (on: Host) => Promise<unknown>, check: (n: number) => Promise<void>) => {
    await cp(keys, `${folder}/before`, { recursive: true });
    const counted = countingHost(host);
    await act(counted.host);
    for (let n = 1; n <= counted.names.length; n++) {
      await restore();
      await t.throwsAsync(act(crashingHost(host, n).host), { instanceOf: Crash });
      await check(n);
    }
    await rm(`${folder}/before`, { recursive: true });
    return counted.names.length;
  };
  const add = (on: Host) => addTufKeys(on, keyset, undefined, at);
  const isThere = async () => (await showTufKeys(host, keyset, at).catch(() => undefined))?.root === 1;
  const added = await tryAll(add, async (n) => {
    if (!(await isThere())) await add(host);
    t.true(await isThere(), `${n}`);
  });
  const rotate = (on: Host) => rotateTufKeys(on, keyset, { role: 'root' }, at);
  const rotated = await tryAll(rotate, async (n) => {
    const { root, roles } = await showTufKeys(host, keyset, at);
    t.true((root === 1 || root === 2) && roles.every(({ keys }) => keys.every(({ here }) => here)), `${n}`);
    t.is((await rotate(host)).root, root + 1, `${n}`);
  });
  t.log(`${added} points of add, ${rotated} of rotate`);
});

test('what is no number of keys, and a keyset without channel keys, are refused', async (t) => {
  const { keys: folder, keyset } = await makeVendor(t);
  const [root, targets, snapshot, timestamp] = [2, 1, 1, 1].map((threshold) => ({ threshold, keys: 1 }));
  const counts = { root, targets, snapshot, timestamp } as Parameters<typeof addTufKeys>[2];
  t.is(
    (await t.throwsAsync(addTufKeys(host, keyset, counts, { folder })))?.message,
    'cannot give root 1 keys of which 2 must sign: 1 to 16 keys, and not more signers than keys',
  );
  t.is(
    (await t.throwsAsync(showTufKeys(host, keyset, { folder })))?.message,
    'cannot sign for channels: the keyset acme has no keys for their roles',
  );
});

test('the commands print the keys of the roles', async (t) => {
  const vendor = await makeVendor(t);
  const environment = (name: string) => (name === 'XDG_DATA_HOME' ? vendor.folder : undefined);
  await linuxHost.files.makeFolder(`${vendor.folder}/machine/trust`, { parents: true });
  await rename(vendor.keys, `${vendor.folder}/machine/trust/keys`);
  const own = { host: { ...host, machine: { ...linuxHost.machine, environment } } };
  const path = `${vendor.folder}/machine/trust/keys/acme/tuf`;
  const plain = (text: string) => text.replaceAll(/[0-9a-f]{64}/g, 'ID').replaceAll(path, 'TUF');
  const table = (root: string) =>
    [
      `${root} of the keyset acme, until 2028-01-01T00:00:00Z; keys at TUF/ROLE/KEY`,
      '  role       signers  key',
      '  root       1 of 2   ID  here',
      '                      ID  here',
      '  targets    1 of 1   ID  here',
      '  snapshot   1 of 1   ID  here',
      '  timestamp  1 of 1   ID  here',
      '',
    ].join('\n');
  const added = await call(['trust', 'tuf-keys', 'add', 'acme', '--root', '1/2'], own);
  t.deepEqual({ ...added, stdout: plain(added.stdout) }, { exit: 0, stdout: table('root 1'), stderr: '' });
  const rotated = await call(['trust', 'tuf-keys', 'rotate', 'acme', 'timestamp'], own);
  t.deepEqual(
    { ...rotated, stdout: plain(rotated.stdout) },
    { exit: 0, stdout: table('root 2'), stderr: '' },
  );
  t.deepEqual(await call(['trust', 'tuf-keys', 'show', 'acme'], own), rotated);
  const bad = await call(['trust', 'tuf-keys', 'rotate', 'acme', 'root', '--keys', 'two'], own);
  t.deepEqual(
    [bad.exit, bad.stderr],
    [2, 'trust: cannot use "two" as a number of keys\n  the form is SIGNERS/KEYS, for example 2/3\n'],
  );
});
