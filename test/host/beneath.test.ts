import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';

const { files } = linuxHost;

test('a path below a root stays there, whatever links and ".." say', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'mos-below-'));
  t.teardown(() => rm(root, { recursive: true }));
  await files.makeFolder(`${root}/etc/real`, { parents: true });
  await files.symlink('/etc/real', `${root}/absolute`);
  await files.symlink('../../../../../etc', `${root}/etc/up`);
  t.is(await files.pathBelow(root, 'absolute'), `${root}/etc/real`);
  t.is(await files.pathBelow(root, '/etc/up/real'), `${root}/etc/real`);
  t.is(await files.pathBelow(root, '../../..'), root);
  await t.throwsAsync(files.pathBelow(root, 'etc/passwd'), {
    message: `cannot find etc/passwd below ${root}: it does not exist`,
  });
});

test('what lies below a root is looked at there', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'mos-below-'));
  t.teardown(() => rm(root, { recursive: true }));
  await files.makeFolder(`${root}/etc`);
  await writeFile(`${root}/etc/only-there`, '12345', { mode: 0o750 });
  await files.symlink('/etc/only-there', `${root}/etc/link`);
  t.like(await files.statBelow(root, 'etc/link'), { type: 'file', size: 5, mode: 0o750 });
  t.is(await files.statBelow(root, 'etc/passwd'), undefined);
  t.is(await files.statBelow(root, 'etc/only-there/more'), undefined);
});

test('a rename elsewhere is no reason to fail at ".."', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'mos-below-'));
  t.teardown(() => rm(root, { recursive: true }));
  await files.makeFolder(`${root}/etc/real`, { parents: true });
  const rename =
    "const fs = require('fs'); fs.mkdirSync('a'); for (;;) { fs.renameSync('a', 'b'); fs.renameSync('b', 'a'); }";
  const other = spawn(process.execPath, ['-e', rename], { cwd: root, stdio: 'ignore' });
  t.teardown(() => other.kill('SIGKILL'));
  await once(other, 'spawn');
  while ((await files.stat(`${root}/a`)) === undefined && (await files.stat(`${root}/b`)) === undefined);
  for (let look = 0; look < 20_000; look++)
    t.is((await files.statBelow(root, 'etc/real/../real/../real'))?.type, 'directory');
});
