import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import test from 'ava';
import { readText } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { commitGeneration, lockState, moveRoles, refreshView } from '../../pkg/state/index.ts';
import { advance, content, git, locked, temporaryState } from './samples.ts';

const leftovers = [
  'HEAD.lock',
  'index.lock',
  'packed-refs.lock',
  'refs/heads/main.lock',
  'refs/tags/generation-2.lock',
  'refs/mos/current.lock',
  'refs/mos/next.lock',
  'refs/notes/mos.lock',
];

test('locks and halves of objects that a killed git left do not block for ever', async (t) => {
  const state = await temporaryState(t);
  await advance(linuxHost, state, 'one');
  for (const name of leftovers) await writeFile(`${state.git}/${name}`, '');
  const [hashed = ''] = (await readdir(`${state.git}/objects`)).filter((name) => name.length === 2);
  await writeFile(`${state.git}/objects/${hashed}/tmp_obj_AbCdEf`, 'half');
  await writeFile(`${state.folder}/.mos-tmp-0123`, '');
  await writeFile(`${state.records}/.mos-tmp-0123`, '');
  t.is((await advance(linuxHost, state, 'two')).number, 2);
  const all = await readdir(state.folder, { recursive: true });
  t.deepEqual(
    all.filter((name) => /\.lock$|tmp_obj_|\.mos-tmp-/.test(name)),
    [],
  );
});

test('the lock of a git that lives is not taken from it', async (t) => {
  const state = await temporaryState(t);
  await advance(linuxHost, state, 'one');
  const living = spawn('git', [`--git-dir=${state.git}`, 'hash-object', '--stdin'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  t.teardown(() => living.kill());
  await once(living, 'spawn');
  await writeFile(`${state.git}/refs/mos/current.lock`, '');
  let now = 0;
  const clock = { ...linuxHost.clock, monotonic: () => (now += 3000), sleep: () => linuxHost.clock.sleep(5) };
  await t.throwsAsync(lockState({ ...linuxHost, clock }, state, { owner: 'test', wait: 0 }), {
    message: `cannot write to ${state.repository}: git is at work there (process ${living.pid})`,
  });
  t.true((await readdir(`${state.git}/refs/mos`)).includes('current.lock'));
  const ended = once(living, 'exit');
  const waiting = locked(linuxHost, state);
  living.stdin.end('x');
  await ended;
  await (await waiting)[Symbol.asyncDispose]();
  t.false((await readdir(`${state.git}/refs/mos`)).includes('current.lock'));
});

test('a git that a person starts while the lock is held is busy, and nothing is lost', async (t) => {
  const state = await temporaryState(t);
  const { commit } = await advance(linuxHost, state, 'one');
  await using lock = await locked(linuxHost, state);
  await writeFile(`${state.git}/refs/mos/next.lock`, '');
  await t.throwsAsync(moveRoles(linuxHost, lock, [{ role: 'next', from: undefined, to: commit }]), {
    message: 'cannot move refs/mos/next: a git is at work there',
  });
});

test('a second writer is told who holds the lock', async (t) => {
  const state = await temporaryState(t);
  await using _lock = await lockState(linuxHost, state, { owner: 'mosctl update', wait: 0 });
  await t.throwsAsync(locked(linuxHost, state), {
    message: `cannot lock ${state.lock}: mosctl update (process ${process.pid}) holds it`,
  });
});

const config = 'its .git/config is not the one that mosctl wrote';
const hostile = test.macro({
  exec: async (t, change: (gitFolder: string, marker: string) => Promise<unknown>, why: string) => {
    const state = await temporaryState(t);
    await advance(linuxHost, state, 'one');
    const marker = `${state.folder}/marker`;
    await change(state.git, marker);
    await using lock = await locked(linuxHost, state);
    await t.throwsAsync(commitGeneration(linuxHost, lock, content('two')), {
      message: `cannot write to ${state.repository}: ${why}`,
    });
    await writeFile(`${state.repository}/manifest.yaml`, 'other');
    await t.throwsAsync(refreshView(linuxHost, lock), {
      message: `cannot write to ${state.repository}: ${why}`,
    });
    t.is(await linuxHost.files.stat(marker), undefined);
  },
  title: (name = '') => `${name} is refused before git runs`,
});
const configured = (text: string) => async (folder: string, marker: string) => {
  await writeFile(`${folder}/run`, `#!/bin/sh\ntouch ${marker}\n`);
  await chmod(`${folder}/run`, 0o755);
  await writeFile(
    `${folder}/config`,
    `${await linuxHost.files.read(`${folder}/config`)}\n${text.replace('RUN', `${folder}/run`)}`,
  );
};
test('a file system monitor', hostile, configured('[core]\n\tfsmonitor = RUN'), config);
test('an alias', hostile, configured('[alias]\n\tmktree = !RUN'), config);
test('a filter', hostile, configured('[filter "x"]\n\tsmudge = RUN'), config);
test('an include', hostile, configured('[include]\n\tpath = RUN'), config);
test(
  'a common directory elsewhere',
  hostile,
  (folder) => writeFile(`${folder}/commondir`, '/tmp'),
  'it has a file .git/commondir',
);
test(
  'a store of objects elsewhere',
  hostile,
  async (folder) => {
    await mkdir(`${folder}/objects/info`, { recursive: true });
    await writeFile(`${folder}/objects/info/alternates`, '/tmp');
  },
  'it has a file .git/objects/info/alternates',
);

test('a repository behind a link is refused', async (t) => {
  const state = await temporaryState(t);
  await advance(linuxHost, state, 'one');
  await linuxHost.files.rename(state.repository, `${state.folder}/elsewhere`);
  await symlink(`${state.folder}/elsewhere`, state.repository);
  await using lock = await locked(linuxHost, state);
  await t.throwsAsync(commitGeneration(linuxHost, lock, content('two')), {
    message: `cannot write to ${state.repository}: ${state.repository} is no folder`,
  });
});

test('hooks, attributes and replacements have no effect', async (t) => {
  const state = await temporaryState(t);
  const one = await advance(linuxHost, state, 'one');
  const marker = `${state.folder}/marker`;
  await mkdir(`${state.git}/hooks`);
  for (const name of ['reference-transaction', 'post-index-change', 'post-checkout', 'pre-commit']) {
    await writeFile(`${state.git}/hooks/${name}`, `#!/bin/sh\ntouch ${marker}\n`);
    await chmod(`${state.git}/hooks/${name}`, 0o755);
  }
  await mkdir(`${state.git}/info`);
  await writeFile(`${state.git}/info/attributes`, '* text eol=crlf\n');
  const two = await advance(linuxHost, state, 'two');
  await git(state, '-c', 'core.hooksPath=/dev/null', 'replace', two.commit, one.commit);
  const three = await advance(linuxHost, state, 'three');
  t.is(three.parent, two.commit);
  await using lock = await locked(linuxHost, state);
  await refreshView(linuxHost, lock);
  t.is(await linuxHost.files.stat(marker), undefined);
});

test('the configuration of an earlier version is brought up to date', async (t) => {
  const state = await temporaryState(t);
  await advance(linuxHost, state, 'one');
  const text = await readText(linuxHost, `${state.git}/config`);
  await writeFile(`${state.git}/config`, text.replace('\tlooseCompression = 0\n', ''));
  t.is((await advance(linuxHost, state, 'two')).number, 2);
  t.is(await readText(linuxHost, `${state.git}/config`), text);
});

test('a configuration that is missing is written again', async (t) => {
  const state = await temporaryState(t);
  await advance(linuxHost, state, 'one');
  await linuxHost.files.remove(`${state.git}/config`);
  t.is((await advance(linuxHost, state, 'two')).number, 2);
  t.is(await git(state, 'config', 'core.fsync'), 'all');
});
