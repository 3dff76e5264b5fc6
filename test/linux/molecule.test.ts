import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import {
  findMolecule,
  layersInUse,
  listMolecules,
  type MoleculeLayer,
  type MoleculeRequest,
  mountMolecule,
  sweepMolecules,
  unmountMolecule,
  verifyMolecule,
} from '../../pkg/atomfs/index.ts';
import { linuxHost as host } from '../../pkg/host/linux/index.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { leavesNothing, makeLayer } from '../helpers/layers.ts';

const owner = 'the test';

type Place = {
  readonly folder: string;
  readonly runtime: string;
  readonly target: string;
  readonly scratch: string;
  mount(layers: readonly MoleculeLayer[], more?: Partial<MoleculeRequest>): ReturnType<typeof mountMolecule>;
  unmount(target?: string): ReturnType<typeof unmountMolecule>;
};

async function place(t: ExecutionContext): Promise<Place> {
  const folder = await scratchFolder(t);
  await leavesNothing(t, folder);
  const [runtime, target, scratch] = [`${folder}/run`, `${folder}/target`, `${folder}/scratch`];
  for (const path of [runtime, target, scratch]) mkdirSync(path);
  const base = { target, runtime, owner, integrity: 'digest' } as const;
  t.teardown(async () => {
    for (const found of await listMolecules(host, { runtime }))
      await unmountMolecule(host, found.target, { runtime, owner, detach: true });
  });
  return {
    folder,
    runtime,
    target,
    scratch,
    mount: (layers, more = {}) => mountMolecule(host, { ...base, layers, ...more }),
    unmount: (path = target) => unmountMolecule(host, path, { runtime, owner }),
  };
}

/** Every path with its text. */
const tree = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.parentPath}/${entry.name}`)
      .sort()
      .map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]),
  );

const three = (folder: string, format?: 'squashfs' | 'erofs') =>
  Promise.all([
    makeLayer(
      folder,
      { 'etc/a': 'bottom', 'etc/b': 'bottom', 'opt/old/x': '1', 'opt/old/y': '2' },
      { format: format ?? 'squashfs' },
    ),
    makeLayer(folder, { 'etc/b': 'middle', 'etc/a': { whiteout: true } }, { format: format ?? 'squashfs' }),
    makeLayer(
      folder,
      { 'etc/c': 'top', 'opt/old': { opaque: ['trusted', 'user'] }, 'opt/old/z': '3' },
      { format: format ?? 'squashfs' },
    ),
  ]);

for (const format of ['squashfs', 'erofs'] as const)
  test(`three ${format} layers are stacked, read-only, and nothing but the overlay is to be seen`, async (t) => {
    const at = await place(t);
    const layers = await three(at.folder, format);
    const mounted = await at.mount(layers);
    t.true(mounted.isNew);
    t.deepEqual(tree(at.target), { 'etc/b': 'middle', 'etc/c': 'top', 'opt/old/z': '3' });
    t.throws(() => writeFileSync(`${at.target}/etc/new`, ''), { code: 'EROFS' });
    const table = (await host.mounts.table()).filter(({ target }) => target.startsWith(at.folder));
    t.is(table.length, 1);
    t.like(table.at(-1), { target: at.target, fstype: 'overlay', source: `mos:${mounted.id}` });
    t.true(table.at(-1)?.options.includes('nodev'));
    t.deepEqual(await at.unmount(), {
      target: at.target,
      freed: layers.map(({ descriptor }) => descriptor.digest),
      inUse: [],
    });
    t.deepEqual(readdirSync(`${at.runtime}/molecules`), []);
  });

test('a single layer is an overlay too, and its whiteouts do not show', async (t) => {
  const at = await place(t);
  await at.mount([await makeLayer(at.folder, { file: 'text', gone: { whiteout: true } })]);
  t.deepEqual(readdirSync(at.target), ['file']);
  await at.unmount();
});

for (const format of ['squashfs', 'erofs'] as const)
  test(`${format} layers belong to the ids of a container, copied or changed is nothing`, async (t) => {
    const at = await place(t);
    const layers = await three(at.folder, format);
    const ids = { start: 231072, count: 65536 };
    await at.mount(layers, { ids, upper: { kind: 'folder', folder: at.scratch } });
    const owners = ['', '/etc', '/etc/b', '/etc/c'].map((name) => statSync(at.target + name));
    t.deepEqual(new Set(owners.flatMap(({ uid, gid }) => [uid, gid])), new Set([ids.start]));
    // As the container's root, which is nobody on the host.
    const asRoot = { uid: ids.start, gid: ids.start };
    execFileSync('/bin/sh', ['-c', 'echo new >etc/new; echo changed >>etc/b; rm etc/c'], {
      ...asRoot,
      cwd: at.target,
    });
    t.deepEqual(tree(`${at.target}/etc`), { b: 'middlechanged\n', new: 'new\n' });
    await at.unmount();
    await at.mount(layers);
    t.is(statSync(`${at.target}/etc/c`).uid, 0);
    const error = await t.throwsAsync(at.mount(layers, { ids }), { code: 'exists' });
    t.regex(error?.message ?? '', /another image is mounted there/);
    await at.unmount();
  });

test('a hundred layers are mounted, the same one twice among them', async (t) => {
  const at = await place(t);
  const layers: MoleculeLayer[] = [];
  for (let i = 0; i < 100; i++) layers.push(await makeLayer(at.folder, { [`n/${i}`]: `${i}`, same: `${i}` }));
  const again = layers[7];
  if (again === undefined) return t.fail();
  const { layers: used } = await at.mount([...layers, again]);
  t.is(used.length, 100);
  t.is(readdirSync(`${at.target}/n`).length, 100);
  t.is(readFileSync(`${at.target}/same`, 'utf8'), '7');
  await at.unmount();
});

test('what is written goes to a folder of the mount and is gone with it', async (t) => {
  const at = await place(t);
  const layer = await makeLayer(at.folder, { file: 'text' }, { mode: 0o751 });
  const { upper } = await at.mount([layer], { upper: { kind: 'folder', folder: at.scratch } });
  writeFileSync(`${at.target}/new`, 'more');
  t.is(readFileSync(`${upper}/new`, 'utf8'), 'more');
  t.is(statSync(at.target).mode & 0o7777, 0o751);
  await at.unmount();
  t.deepEqual(readdirSync(`${at.scratch}/${await host.machine.bootId()}`), []);
});

test('what is written to memory is nowhere else', async (t) => {
  const at = await place(t);
  await at.mount([await makeLayer(at.folder, { file: 'text' })], {
    upper: { kind: 'memory', size: 1 << 20 },
  });
  writeFileSync(`${at.target}/file`, 'other');
  t.is(readFileSync(`${at.target}/file`, 'utf8'), 'other');
  t.throws(() => writeFileSync(`${at.target}/big`, Buffer.alloc(2 << 20)), { code: 'ENOSPC' });
  await at.unmount();
});

test('what is written to a bounded place has its room and no more, and leaves no name', async (t) => {
  const at = await place(t);
  const layer = await makeLayer(at.folder, { file: 'text' }, { mode: 0o751 });
  const upper = { kind: 'bounded', folder: at.scratch, size: 16 << 20 } as const;
  const { room } = await at.mount([layer], { upper });
  t.deepEqual(room, { size: 16 << 20, inMemory: false });
  t.deepEqual(readdirSync(`${at.scratch}/${await host.machine.bootId()}`), []);
  writeFileSync(`${at.target}/file`, 'other');
  t.is(statSync(at.target).mode & 0o7777, 0o751);
  t.throws(() => writeFileSync(`${at.target}/big`, Buffer.alloc(20 << 20)), { code: 'ENOSPC' });
  await at.unmount();
  await at.mount([layer], { upper });
  t.is(readFileSync(`${at.target}/file`, 'utf8'), 'text');
  await at.unmount();
});

test('a kernel without ext4 gives such a place in memory', async (t) => {
  const at = await place(t);
  const mount: typeof host.mounts.mount = (call) =>
    host.mounts.mount({ ...call, fstype: call.fstype === 'ext4' ? 'nothing' : call.fstype });
  const upper = { kind: 'bounded', folder: at.scratch, size: 1 << 20 } as const;
  const layers = [await makeLayer(at.folder, { file: 'text' })];
  const request = {
    ...{ target: at.target, runtime: at.runtime, owner },
    integrity: 'digest',
    layers,
    upper,
  } as const;
  const { room } = await mountMolecule({ ...host, mounts: { ...host.mounts, mount } }, request);
  t.deepEqual(room, { size: 1 << 20, inMemory: true });
  t.throws(() => writeFileSync(`${at.target}/big`, Buffer.alloc(2 << 20)), { code: 'ENOSPC' });
  await at.unmount();
});

test('layers that the kernel cannot give to other ids are unpacked once, and go when nobody uses them', async (t) => {
  const at = await place(t);
  const layers = await three(at.folder);
  const [ids, copies] = [{ start: 231072, count: 65536 }, `${at.scratch}/mapped`];
  const unable = {
    ...host,
    mounts: { ...host.mounts, mapIds: async (targets: readonly string[]) => targets },
  };
  const upper = { kind: 'folder', folder: `${at.scratch}/uppers` } as const;
  const mount = (more: Partial<MoleculeRequest>) =>
    mountMolecule(unable, {
      ...{ target: at.target, runtime: at.runtime, owner, integrity: 'digest', layers, ids, upper },
      ...more,
    });
  await t.throwsAsync(mount({}), { code: 'unsupported', message: /no copy is allowed$/ });
  const { layers: uses } = await mount({ copies });
  t.deepEqual(tree(at.target), { 'etc/b': 'middle', 'etc/c': 'top', 'opt/old/z': '3' });
  const owners = ['', '/etc', '/etc/b', '/etc/c'].map((name) => statSync(at.target + name));
  t.deepEqual(new Set(owners.flatMap(({ uid, gid }) => [uid, gid])), new Set([ids.start]));
  execFileSync('/bin/sh', ['-c', 'echo changed >>etc/b'], { uid: ids.start, gid: ids.start, cwd: at.target });
  const ofBoot = `${copies}/${await host.machine.bootId()}`;
  const made = uses.map(({ copy }) => statSync(String(copy)).ino);
  t.is(new Set(made).size, 3);
  await at.unmount();
  t.deepEqual(
    (await mount({ copies })).layers.map(({ copy }) => statSync(String(copy)).ino),
    made,
  );
  t.is(readFileSync(`${at.target}/etc/b`, 'utf8'), 'middle');
  const sweep = () => sweepMolecules(host, { runtime: at.runtime, owner, copies });
  t.deepEqual((await sweep()).folders, []);
  await at.unmount();
  t.is((await sweep()).folders.length, 3);
  t.deepEqual(readdirSync(ofBoot), []);
});

test('a kept upper folder has its changes at the next mount', async (t) => {
  const at = await place(t);
  const layer = await makeLayer(at.folder, { file: 'text', other: 'x' });
  const upper = { kind: 'kept', folder: `${at.scratch}/mine` } as const;
  await at.mount([layer], { upper });
  writeFileSync(`${at.target}/file`, 'changed');
  await at.unmount();
  await at.mount([layer], { upper });
  t.deepEqual(tree(at.target), { file: 'changed', other: 'x' });
  await at.unmount();
  t.deepEqual(readdirSync(`${at.scratch}/mine/persist`), ['file']);
});

test('any name of a folder can be an upper folder', async (t) => {
  const at = await place(t);
  const folder = `${at.scratch}/a,b:c\\d "e" 'f' é`;
  await at.mount([await makeLayer(at.folder, { file: 'text' })], { upper: { kind: 'kept', folder } });
  writeFileSync(`${at.target}/new`, '');
  t.deepEqual(readdirSync(`${folder}/persist`), ['new']);
  await at.unmount();
});

test('the same molecule again is no error, another one is', async (t) => {
  const at = await place(t);
  const [one, two] = [await makeLayer(at.folder, { a: '1' }), await makeLayer(at.folder, { b: '2' })];
  const first = await at.mount([one]);
  t.deepEqual(await at.mount([one]), { ...first, isNew: false });
  await t.throwsAsync(at.mount([one, two]), {
    message: `cannot mount at ${at.target}: another image is mounted there`,
  });
  await at.unmount();
});

test('a molecule takes the place of another one, whose users keep it', async (t) => {
  const at = await place(t);
  const [old, next] = [await makeLayer(at.folder, { a: 'old' }), await makeLayer(at.folder, { a: 'new' })];
  await at.mount([old], { upper: { kind: 'folder', folder: at.scratch } });
  const user = openSync(`${at.target}/a`, 'r');
  const seen: string[] = [];
  const healthy = async (path: string) => {
    seen.push(readFileSync(`${path}/a`, 'utf8'), readFileSync(`${at.target}/a`, 'utf8'));
  };
  t.true((await at.mount([next], { replace: true, healthy })).isNew);
  t.deepEqual(seen, ['new', 'old']);
  t.deepEqual([readFileSync(`${at.target}/a`, 'utf8'), readFileSync(user, 'utf8')], ['new', 'old']);
  t.is((await host.mounts.table()).filter(({ target }) => target === at.target).length, 1);
  t.false((await at.mount([next], { replace: true })).isNew);
  closeSync(user);
  await at.unmount();
});

test('a molecule that is not healthy changes nothing', async (t) => {
  const at = await place(t);
  const [old, next] = [await makeLayer(at.folder, { a: 'old' }), await makeLayer(at.folder, { a: 'new' })];
  const first = await at.mount([old]);
  const healthy = () => Promise.reject(new Error('ill'));
  await t.throwsAsync(at.mount([next], { replace: true, healthy }), { message: 'ill' });
  t.deepEqual(await at.mount([old]), { ...first, isNew: false });
  t.is(readdirSync(`${at.runtime}/molecules`).length, 1);
  await at.unmount();
});

test('two targets whose paths differ by a dash and a slash do not meet', async (t) => {
  const at = await place(t);
  const layer = await makeLayer(at.folder, { a: '1' });
  const targets = [`${at.folder}/a/b-c`, `${at.folder}/a-b/c`];
  for (const target of targets) {
    mkdirSync(target, { recursive: true });
    await at.mount([layer], { target });
  }
  t.deepEqual(
    (await listMolecules(host, at)).map(({ target }) => target),
    targets,
  );
  await at.unmount(targets[0]);
  t.deepEqual(tree(targets[1] ?? ''), { a: '1' });
  await at.unmount(targets[1]);
});

test('a mount that was moved is found where it is now', async (t) => {
  const at = await place(t);
  const layer = await makeLayer(at.folder, { a: '1' });
  const { id } = await at.mount([layer], { upper: { kind: 'folder', folder: at.scratch } });
  const moved = `${at.folder}/moved`;
  mkdirSync(moved);
  await host.mounts.move(at.target, moved);
  t.like(await findMolecule(host, moved, at), { id, target: moved });
  t.deepEqual(
    (await listMolecules(host, at)).map(({ target }) => target),
    [moved],
  );
  await at.unmount(moved);
  t.deepEqual(readdirSync(`${at.scratch}/${await host.machine.bootId()}`), []);
});

test('blobs in use are told by the kernel', async (t) => {
  const at = await place(t);
  // Nobody else's: other tests mount at the same time, and the kernel tells of all.
  const layer = await makeLayer(at.folder, { 'in-use': 'by this test' });
  await at.mount([layer]);
  t.true((await layersInUse(host)).has(layer.descriptor.digest));
  await at.unmount();
  t.false((await layersInUse(host)).has(layer.descriptor.digest));
});

test('a changed blob is not mounted, and found in a mounted molecule', async (t) => {
  const at = await place(t);
  const layer = await makeLayer(at.folder, { a: '1' });
  await at.mount([layer]);
  t.deepEqual(await verifyMolecule(host, at.target, at), [
    { digest: layer.descriptor.digest, file: layer.file, check: 'digest', state: 'ok' },
  ]);
  const bytes = readFileSync(layer.file);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  writeFileSync(layer.file, bytes);
  t.like((await verifyMolecule(host, at.target, at))[0], {
    state: 'corrupt',
    problem: `${layer.file} was changed`,
  });
  await at.unmount();
  await t.throwsAsync(at.mount([layer]), {
    message: new RegExp(`^cannot accept the bytes of ${layer.descriptor.digest}: they hash to sha256:`),
  });
  t.deepEqual(readdirSync(`${at.runtime}`), ['molecules', 'molecules.lock', 'stage']);
});

test('a missing blob is named', async (t) => {
  const at = await place(t);
  const layer = await makeLayer(at.folder, { a: '1' });
  await t.throwsAsync(at.mount([{ ...layer, file: `${at.folder}/none` }]), {
    message: `cannot mount the layer ${layer.descriptor.digest}: ${at.folder}/none is not there`,
  });
});

test('without device-mapper verity is refused with a way out', async (t) => {
  const at = await place(t);
  const layers = [await makeLayer(at.folder, { a: '1' })];
  const bare = { ...host, devices: { ...host.devices, hasDeviceMapper: async () => false } };
  await t.throwsAsync(mountMolecule(bare, { ...at, layers, integrity: 'verity', owner }), {
    message: 'cannot mount with dm-verity: this kernel has no device-mapper',
  });
});

test('a layer without a tree needs to be allowed, and is hashed whole then', async (t) => {
  const at = await place(t);
  const layer = await makeLayer(at.folder, { a: '1' }, { tree: 'none' });
  await t.throwsAsync(at.mount([layer], { integrity: 'verity' }), {
    message: `cannot mount the layer ${layer.descriptor.digest}: it is missing verity data`,
  });
  const { layers } = await at.mount([layer], { integrity: 'verity', allowMissingVerity: true });
  t.is(layers[0]?.check, 'digest');
  await at.unmount();
});

test('a mount in use is not unmounted, and says who can tell', async (t) => {
  const at = await place(t);
  await at.mount([await makeLayer(at.folder, { a: '1' })]);
  const user = spawn('sleep', ['1000'], { cwd: at.target });
  t.teardown(() => user.kill());
  await t.throwsAsync(at.unmount(), { message: `cannot unmount ${at.target}: processes use it` });
  t.is((await listMolecules(host, at)).length, 1);
  user.kill();
  await new Promise((resolve) => user.on('exit', resolve));
  await at.unmount();
});

test('other mounts and plain folders are not unmounted', async (t) => {
  const at = await place(t);
  await t.throwsAsync(at.unmount(), { message: `cannot unmount ${at.target}: nothing is mounted there` });
  execFileSync('mount', ['-t', 'tmpfs', 'none', at.target]);
  await t.throwsAsync(at.unmount(), {
    message: `cannot unmount ${at.target}: what is mounted there (tmpfs, none) is no image of ours`,
  });
  execFileSync('umount', [at.target]);
});

test('what umount(8) took away is forgotten at the next mount, its upper folder too', async (t) => {
  const at = await place(t);
  const layer = await makeLayer(at.folder, { a: '1' });
  await at.mount([layer], { upper: { kind: 'folder', folder: at.scratch } });
  execFileSync('umount', [at.target]);
  await at.mount([layer]);
  t.is(readdirSync(`${at.runtime}/molecules`).length, 1);
  t.deepEqual(readdirSync(`${at.scratch}/${await host.machine.bootId()}`), []);
  await at.unmount();
});

test('a sweep clears a leftover staging mount and the upper folders of earlier boots', async (t) => {
  const at = await place(t);
  mkdirSync(`${at.runtime}/stage`, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', 'none', `${at.runtime}/stage`]);
  const old = `${at.scratch}/00000000-0000-4000-8000-000000000000`;
  mkdirSync(`${old}/0123/upper`, { recursive: true });
  mkdirSync(`${at.scratch}/lost+found`);
  t.deepEqual(await sweepMolecules(host, { ...at, owner, uppers: [at.scratch] }), {
    targets: [],
    devices: [],
    folders: [old],
  });
  t.deepEqual(readdirSync(at.scratch), ['lost+found']);
});

test('layers marked by user attributes are stacked as they mean it, read-only and writable', async (t) => {
  const at = await place(t);
  const layers = [
    await makeLayer(at.folder, { 'd/below': '1', keep: 'x' }, { tree: 'none' }),
    await makeLayer(at.folder, { d: { opaque: ['user'] }, 'd/above': '2' }, { tree: 'none' }),
  ];
  const more = { allowMissingVerity: true };
  await at.mount(layers, more);
  t.deepEqual(tree(at.target), { 'd/above': '2', keep: 'x' });
  await at.unmount();
  await at.mount(layers, { ...more, upper: { kind: 'memory' } });
  writeFileSync(`${at.target}/d/new`, '3');
  t.deepEqual(tree(at.target), { 'd/above': '2', 'd/new': '3', keep: 'x' });
  await at.unmount();
});

test('layers that mark opaque folders in different ways are refused', async (t) => {
  const at = await place(t);
  const layers = [
    await makeLayer(at.folder, { 'd/below': '1' }, { tree: 'none' }),
    await makeLayer(at.folder, { d: { opaque: ['user'] } }, { tree: 'none' }),
    await makeLayer(at.folder, { e: { opaque: ['trusted'] } }, { tree: 'none' }),
  ];
  await t.throwsAsync(at.mount(layers), {
    message: `cannot mount the layers ${layers[2]?.descriptor.digest} and ${layers[1]?.descriptor.digest} together: they mark opaque folders by different attributes (trusted.overlay, user.overlay)`,
  });
  t.deepEqual(readdirSync(`${at.runtime}/molecules`), []);
});
