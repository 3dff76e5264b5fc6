import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { temporaryMark, writeAtomic } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { Crash, countingHost, crashingHost } from './counting-host.ts';
import { ForgetfulHost, type Survives, worlds } from './forgetful-host.ts';

async function folders(t: ExecutionContext): Promise<{ tree: string; stash: string }> {
  const base = await mkdtemp(join(tmpdir(), 'mos-crash-'));
  t.teardown(() => rm(base, { recursive: true }));
  await linuxHost.files.makeFolder(join(base, 'tree'));
  await linuxHost.files.makeFolder(join(base, 'stash'));
  return { tree: join(base, 'tree'), stash: join(base, 'stash') };
}

test('an atomic write is five mutations', async (t) => {
  const { tree } = await folders(t);
  const { host, names } = countingHost(linuxHost);
  await writeAtomic(host, join(tree, 'file'), 'text');
  t.deepEqual(names, ['files.create', 'file.write', 'file.sync', 'files.rename', 'files.syncFolder']);
});

test('a crashed host stays dead for undo hooks too', async (t) => {
  const { tree } = await folders(t);
  const { host, crashed } = crashingHost(linuxHost, 4);
  await t.throwsAsync(writeAtomic(host, join(tree, 'file'), 'text'), { instanceOf: Crash });
  t.true(crashed());
  t.true((await readdir(tree)).every((name) => name.startsWith(temporaryMark)));
});

for (const survives of ['nothing', 'names'] as const)
  test(`after a power cut at each point an atomic write left the old or the new text (${survives} survives)`, async (t) => {
    for (let n = 1; n <= 6; n++) {
      const { tree, stash } = await folders(t);
      const path = join(tree, 'file');
      await writeAtomic(linuxHost, path, 'old');
      const forgetful = new ForgetfulHost(linuxHost, stash, n);
      await writeAtomic(forgetful.host, path, 'new').catch(() => {});
      await forgetful.powerCut(survives);
      const text = await readFile(path, 'utf8');
      t.is(text, n === 6 || (n === 5 && survives === 'names') ? 'new' : 'old', `point ${n}`);
    }
  });

test('a file renamed before its sync is empty after the cut: the host catches the classic mistake', async (t) => {
  const lost: Partial<Record<Survives, string | undefined>> = {};
  for (const survives of worlds) {
    const { tree, stash } = await folders(t);
    const path = join(tree, 'file');
    const forgetful = new ForgetfulHost(linuxHost, stash, Number.POSITIVE_INFINITY);
    {
      await using file = await forgetful.host.files.create(`${path}.new`);
      await file.write(Buffer.from('text'));
    }
    await forgetful.host.files.rename(`${path}.new`, path);
    await forgetful.powerCut(survives);
    lost[survives] = await readFile(path, 'utf8').catch(() => undefined);
  }
  t.deepEqual(lost, { nothing: undefined, names: '', half: undefined });
});

test('a file that was not synced is empty after the cut where its folder was renamed and synced', async (t) => {
  const { tree, stash } = await folders(t);
  const forgetful = new ForgetfulHost(linuxHost, stash, Number.POSITIVE_INFINITY);
  const { files } = forgetful.host;
  await files.makeFolder(join(tree, 'new'));
  {
    await using file = await files.create(join(tree, 'new/file'));
    await file.write(Buffer.from('text'));
  }
  await files.syncFolder(join(tree, 'new'));
  await files.rename(join(tree, 'new'), join(tree, 'folder'));
  await files.syncFolder(tree);
  await forgetful.powerCut('nothing');
  t.is(await readFile(join(tree, 'folder/file'), 'utf8'), '');
});

test('a removed tree comes back when its folder was not synced', async (t) => {
  const { tree, stash } = await folders(t);
  await linuxHost.files.makeFolder(join(tree, 'a/b'), { parents: true });
  const forgetful = new ForgetfulHost(linuxHost, stash, Number.POSITIVE_INFINITY);
  await forgetful.host.files.removeTree(join(tree, 'a'));
  t.deepEqual(await readdir(tree), []);
  await forgetful.powerCut('nothing');
  t.deepEqual(await readdir(join(tree, 'a')), ['b']);
});

test('names that a program made are gone when their folder was not synced, and the older half may stay', async (t) => {
  const left: Partial<Record<Survives, string[]>> = {};
  for (const survives of worlds) {
    const { tree, stash } = await folders(t);
    const forgetful = new ForgetfulHost(linuxHost, stash, Number.POSITIVE_INFINITY);
    const shell = (script: string) => forgetful.host.processes.run(['sh', '-c', script], { cwd: tree });
    await linuxHost.files.makeFolder(join(tree, '.git'));
    await shell('echo 1 > .git/synced; echo 1 > .git/moved; echo 1 > .git/removed');
    await forgetful.host.files.syncFolder(join(tree, '.git'));
    await shell('echo 2 > .git/new; mv .git/new .git/moved; sleep 0.02; echo 2 > .git/late; rm .git/removed');
    await forgetful.powerCut(survives);
    const names = await readdir(join(tree, '.git'));
    const text = await readFile(join(tree, '.git/moved'), 'utf8');
    left[survives] = [...names.sort(), text.trim()];
  }
  t.deepEqual(left, {
    nothing: ['moved', 'removed', 'synced', '1'],
    names: ['late', 'moved', 'synced', '2'],
    half: ['late', 'moved', 'removed', 'synced', '2'],
  });
});
