import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { scratchFolder } from '../helpers/folders.ts';

for (const [kind, argv] of [
  ['a file system', ['-t', 'tmpfs', 'none']],
  ['another folder of the same file system', ['--bind']],
] as const)
  test(`where ${kind} is mounted inside, nothing of a tree is removed`, async (t) => {
    const folder = await scratchFolder(t);
    const at = `${folder}/tree/a/mount point`;
    mkdirSync(at, { recursive: true });
    mkdirSync(`${folder}/kept`);
    writeFileSync(`${folder}/kept/file`, 'x');
    writeFileSync(`${folder}/tree/file`, 'x');
    const source = kind === 'a file system' ? [] : [`${folder}/kept`];
    execFileSync('mount', [...argv, ...source, at]);
    t.teardown(() => execFileSync('sh', ['-c', 'umount "$0" 2>/dev/null || :', at]));
    writeFileSync(`${at}/inside`, 'x');
    const before = readdirSync(folder, { recursive: true });
    for (const path of [`${folder}/tree`, at])
      await t.throwsAsync(linuxHost.files.removeTree(path), {
        code: 'busy',
        message: `cannot remove ${path}: something is mounted at ${at}`,
      });
    t.deepEqual(readdirSync(folder, { recursive: true }), before);
    execFileSync('umount', [at]);
    await linuxHost.files.removeTree(`${folder}/tree`);
    t.is(readdirSync(folder).includes('tree'), false);
  });

test('a file that even root may not remove goes when it was made mutable, with its other flags as they were', async (t) => {
  const file = `${await scratchFolder(t)}/kept`;
  writeFileSync(file, 'x');
  t.teardown(() => execFileSync('sh', ['-c', 'chattr -i "$0" 2>/dev/null || :', file]));
  execFileSync('chattr', ['+i', '+d', file]);
  await t.throwsAsync(linuxHost.files.remove(file), { code: 'denied' });
  await linuxHost.files.makeMutable(file);
  t.regex(execFileSync('lsattr', [file], { encoding: 'utf8' }), /^[^i ]*d[^i ]* /);
  await linuxHost.files.makeMutable(file);
  await linuxHost.files.remove(file);
  await t.throwsAsync(linuxHost.files.makeMutable(file), { code: 'not-found' });
});
