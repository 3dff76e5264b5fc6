import { copyFile, mkdir, readFile, rename, symlink, truncate, unlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import test from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { parseManifestSha } from '../../pkg/manifest/index.ts';
import {
  type GenerationCommit,
  readGeneration,
  type State,
  verifyRepository,
} from '../../pkg/state/index.ts';
import { treeOf } from '../helpers/tree.ts';
import { advance, content, git, temporaryState } from './samples.ts';

const pathOf = (state: State, id: string) => `${state.git}/objects/${id.slice(0, 2)}/${id.slice(2)}`;
type Damage = (state: State, made: GenerationCommit, blob: string) => Promise<unknown>;

const refuses = test.macro({
  exec: async (t, damage: Damage, why: (made: GenerationCommit, blob: string) => string) => {
    const state = await temporaryState(t);
    await advance(linuxHost, state, 'one');
    const made = await advance(linuxHost, state, 'two');
    const blob = await git(state, 'rev-parse', 'generation-2:manifest.yaml');
    await damage(state, made, blob);
    const error = await t.throwsAsync(readGeneration(linuxHost, state, 'current'));
    t.is(error?.message, why(made, blob).replace('REPO', state.repository));
  },
  title: (name = '') => `${name} is refused`,
});
const object = (id: string, why: string) => `cannot read the object ${id} of REPO: ${why}`;

test(
  'a missing object',
  refuses,
  (state, _, blob) => unlink(pathOf(state, blob)),
  (_, blob) => object(blob, 'it is missing'),
);
test(
  'an object cut short',
  refuses,
  (state, made) => truncate(pathOf(state, made.tree), 10),
  (made) => object(made.tree, 'it is damaged'),
);
test(
  'an empty object',
  refuses,
  (state, made) => truncate(pathOf(state, made.commit), 0),
  (made) => object(made.commit, 'it is damaged'),
);
test(
  'an object in the place of another',
  refuses,
  async (state, made, blob) => {
    await unlink(pathOf(state, blob));
    await copyFile(pathOf(state, made.commit), pathOf(state, blob));
  },
  (_, blob) => object(blob, 'its bytes have another hash'),
);
test(
  'a ref that holds something else',
  refuses,
  (state) => writeFile(`${state.git}/refs/mos/current`, 'ref: refs/heads/main\n'),
  () => 'cannot read refs/mos/current of REPO: it holds no object id',
);
test(
  'a ref to an object of another type',
  refuses,
  (state, made) => writeFile(`${state.git}/refs/mos/current`, made.tree),
  (made) => object(made.tree, 'it is a tree, not a commit'),
);
test(
  'no ref',
  refuses,
  (state) => unlink(`${state.git}/refs/mos/current`),
  () => 'cannot find the current generation in REPO',
);

/** Somebody with git and a shell makes a commit of their own and puts the ref there. */
const forged = test.macro({
  exec: async (t, script: string, why: string) => {
    const state = await temporaryState(t);
    await advance(linuxHost, state, 'one');
    await git(state, 'reset', '--hard', '--quiet');
    const { execFileSync } = await import('node:child_process');
    const sh = `set -e; ${script}; git add -A; git -c user.name=x -c user.email=x commit -q --allow-empty -m "\${m:-generation 2: forged}"; git update-ref refs/mos/current HEAD`;
    execFileSync('sh', ['-c', sh], { cwd: state.repository, stdio: 'pipe' });
    const commit = await git(state, 'rev-parse', 'HEAD');
    const [sha = ''] = content('one').files.keys();
    const error = await t.throwsAsync(readGeneration(linuxHost, state, 'current'));
    t.is(error?.message, why.replace('SHA', sha).replace('COMMIT', commit));
  },
  title: (_, script) => `a commit made by "${script}" is refused`,
});
test(forged, 'm="my edit"', 'cannot use the current generation: its commit COMMIT is not one of mosctl');
test(forged, 'git rm -q manifest.yaml', 'cannot use generation 2: it lacks manifest.yaml');
test(forged, 'git rm -q *.pem', 'cannot use generation 2: it lacks SHA.pem');
test(forged, 'git rm -q *.signed', 'cannot use generation 2: it lacks SHA.yaml.signed');
test(forged, 'echo x > extra', 'cannot use generation 2: "extra" does not belong there');
test(forged, 'mkdir d; echo x > d/extra', 'cannot use generation 2: "d" does not belong there');
test(
  forged,
  'ln -sf /etc/passwd manifest.yaml; git config core.symlinks true',
  'cannot use generation 2: "manifest.yaml" does not belong there',
);
test(
  forged,
  'chmod +x manifest.yaml; git config core.filemode true',
  'cannot use generation 2: "manifest.yaml" does not belong there',
);
test(
  forged,
  'for f in [0-9a-f]*.yaml; do echo >> $f; done',
  'cannot use generation 2: SHA.yaml holds other bytes than its name says',
);

test('a tag on another generation is refused', async (t) => {
  const state = await temporaryState(t);
  await advance(linuxHost, state, 'one');
  await advance(linuxHost, state, 'two');
  await git(state, 'update-ref', 'refs/tags/generation-2', 'refs/tags/generation-1');
  await t.throwsAsync(readGeneration(linuxHost, state, 2), {
    message: 'cannot use generation 2: its commit says that it is generation 1',
  });
  await t.throwsAsync(readGeneration(linuxHost, state, 7), {
    message: `cannot find generation 7 in ${state.repository}`,
  });
});

test('verify names each object that is damaged, and goes on', async (t) => {
  const state = await temporaryState(t);
  await advance(linuxHost, state, 'one');
  await advance(linuxHost, state, 'two');
  const [system, signed] = await Promise.all(
    ['generation-2:manifest.yaml', `generation-1:${[...content('one').files.keys()][0]}.yaml.signed`].map(
      (name) => git(state, 'rev-parse', name),
    ),
  );
  t.deepEqual((await verifyRepository(linuxHost, state)).problems, []);
  await unlink(pathOf(state, system ?? ''));
  await unlink(pathOf(state, signed ?? ''));
  await writeFile(pathOf(state, signed ?? ''), 'rubbish');
  t.deepEqual((await verifyRepository(linuxHost, state)).problems, [
    `refs/heads/main, manifest.yaml: cannot read the object ${system} of ${state.repository}: it is missing`,
    `refs/heads/main, ${parseManifestSha([...content('one').files.keys()][0] ?? '')}.yaml.signed: cannot read the object ${signed} of ${state.repository}: it is damaged`,
  ]);
});

test('a damaged pack is told', async (t) => {
  const state = await temporaryState(t);
  await advance(linuxHost, state, 'one');
  const blob = await git(state, 'rev-parse', 'generation-1:manifest.yaml');
  await git(state, 'gc', '--quiet');
  const folder = `${state.git}/objects/pack`;
  const pack = (await linuxHost.files.list(folder)).find((name) => name.endsWith('.pack')) ?? '';
  const bytes = await readFile(`${folder}/${pack}`);
  const where = await git(state, 'verify-pack', '-v', `${folder}/${pack}`);
  const offset = Number(new RegExp(`^${blob} blob +\\d+ \\d+ (\\d+)`, 'm').exec(where)?.[1]);
  bytes.fill(0xff, offset + 3, offset + 12);
  await unlink(`${folder}/${pack}`);
  await writeFile(`${folder}/${pack}`, bytes);
  const { problems } = await verifyRepository(linuxHost, state);
  const commit = await git(state, 'rev-parse', 'generation-1');
  t.true(
    problems.includes(
      `refs/heads/main: cannot read the object ${commit} of ${state.repository}: its pack is damaged`,
    ),
  );
});

const leadsOut = test.macro({
  exec: async (t, name: string) => {
    const state = await temporaryState(t);
    await advance(linuxHost, state, 'one');
    const path = `${state.git}/${name}`;
    const outside = `${state.folder}/outside`;
    await mkdir(dirname(path), { recursive: true });
    await rename(path, outside).catch(() => writeFile(outside, ''));
    await symlink(outside, path);
    const before = treeOf(outside);
    await t.throwsAsync(advance(linuxHost, state, 'two'), {
      message: `cannot write to ${state.repository}: ${path} is a link`,
    });
    t.deepEqual(treeOf(outside), before);
    t.true((await verifyRepository(linuxHost, state)).problems.includes(`${path} is a link`));
  },
  title: (_, name) => `nothing is written through a link at ${name}, and verify tells of it`,
});
test(leadsOut, 'refs/heads');
test(leadsOut, 'refs/mos');
test(leadsOut, 'objects');
test(leadsOut, 'objects/pack');
test(leadsOut, 'packed-refs');
test(leadsOut, 'logs/refs/heads/main');

test('a machine that runs what is not on the line is told of by verify', async (t) => {
  const state = await temporaryState(t);
  const { commit } = await advance(linuxHost, state, 'one');
  await unlink(`${state.git}/refs/heads/main`);
  const { problems } = await verifyRepository(linuxHost, state);
  t.deepEqual(problems, [`refs/mos/current: ${commit} is not on refs/heads/main`]);
});
