import { mkdtemp, rm } from 'node:fs/promises';
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
