import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import {
  listMolecules,
  type MoleculeLayer,
  type MoleculeRequest,
  mountMolecule,
  sweepMolecules,
  unmountMolecule,
  verifyMolecule,
} from '../../pkg/atomfs/index.ts';
import { linuxHost as host } from '../../pkg/host/linux/index.ts';
import { digestHex } from '../../pkg/oci/index.ts';
import { countingHost } from '../helpers/counting-host.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { leavesNothing, makeLayer } from '../helpers/layers.ts';

const owner = 'the test';
const nameOf = (layer: MoleculeLayer): string => `${digestHex(layer.descriptor.digest)}-verity`;

async function place(t: ExecutionContext) {
  const folder = await scratchFolder(t);
  await leavesNothing(t, folder);
  const [runtime, target] = [`${folder}/run`, `${folder}/target`];
  for (const path of [runtime, target]) mkdirSync(path);
  const base = { target, runtime, owner, integrity: 'verity' } as const;
  t.teardown(async () => {
    for (const found of await listMolecules(host, { runtime }))
      await unmountMolecule(host, found.target, { runtime, owner, detach: true });
  });
  return {
    folder,
    runtime,
    target,
    mount: (layers: readonly MoleculeLayer[], more: Partial<MoleculeRequest> = {}) =>
      mountMolecule(host, { ...base, layers, ...more }),
    unmount: (path = target) => unmountMolecule(host, path, { runtime, owner }),
  };
}

/** Text that doesn't compress, so that a byte of it is a byte of the layer. */
const noise = (size: number): string => {
  const blocks = Array.from({ length: size / 64 }, (_, index) => hash('sha256', String(index)));
  return blocks.join('');
};

function flip(file: string, position: number): void {
  const byte = readFileSync(file)[position] ?? 0;
  const fd = openSync(file, 'r+');
  writeSync(fd, Buffer.from([byte ^ 1]), 0, 1, position);
  closeSync(fd);
}

for (const format of ['squashfs', 'erofs'] as const)
  for (const tree of ['ours', 'foreign'] as const)
    test(`${format} layers with a ${tree} tree are mounted through dm-verity and leave nothing`, async (t) => {
      const at = await place(t);
      const layers = [
        await makeLayer(at.folder, { a: '1', b: '1', 'd/x': '1' }, { format, tree }),
        await makeLayer(at.folder, { b: '2', d: { opaque: ['trusted', 'user'] } }, { format, tree }),
      ];
      await at.mount(layers, { upper: { kind: 'memory' } });
      t.deepEqual([readFileSync(`${at.target}/b`, 'utf8'), readdirSync(`${at.target}/d`)], ['2', []]);
      writeFileSync(`${at.target}/new`, '');
      t.deepEqual((await host.devices.dmList()).map(({ name }) => name).sort(), layers.map(nameOf).sort());
      t.deepEqual(
        (await verifyMolecule(host, at.target, at)).map(({ state, device }) => [state, device]),
        layers.map((layer) => ['ok', nameOf(layer)]),
      );
      const status = execFileSync('veritysetup', ['status', nameOf(layers[0] as MoleculeLayer)]).toString();
      t.regex(
        status,
        /is active and is in use[\s\S]*type:\s+VERITY\n[\s\S]*status:\s+verified\n[\s\S]*mode:\s+readonly/,
      );
      t.deepEqual((await at.unmount()).inUse, []);
    });

for (const format of ['squashfs', 'erofs'] as const)
  test(`${format} layers belong to a container's ids on Linux 6.1, and a damaged block stops it`, async (t) => {
    const at = await place(t);
    const ids = { start: 231072, count: 65536 };
    const more = { ids, copies: `${at.folder}/mapped`, upper: { kind: 'memory' } } as const;
    const layers = [
      await makeLayer(at.folder, { 'd/x': '1', y: '1' }, { format }),
      await makeLayer(
        at.folder,
        { d: { opaque: ['trusted', 'user'] }, y: { whiteout: true }, z: '2' },
        { format },
      ),
    ];
    const { layers: uses } = await at.mount(layers, more);
    // squashfs can be idmapped from Linux 6.2, erofs from 5.19.
    t.deepEqual(
      uses.map(({ copy }) => copy !== undefined),
      format === 'squashfs' ? [true, true] : [false, false],
    );
    t.deepEqual([readdirSync(at.target).sort(), readdirSync(`${at.target}/d`)], [['d', 'z'], []]);
    t.is(statSync(`${at.target}/z`).uid, ids.start);
    t.deepEqual(
      (await verifyMolecule(host, at.target, at)).map(({ state }) => state),
      ['ok', 'ok'],
    );
    await at.unmount();
    const bad = await makeLayer(at.folder, { 'd/big': noise(1 << 20) }, { format });
    flip(bad.file, 1 << 18);
    if (format === 'squashfs') {
      await t.throwsAsync(at.mount([bad], more), { message: /^cannot copy / });
      t.is(readdirSync(`${at.folder}/mapped/${await host.machine.bootId()}`).length, 2);
    }
  });

test('a layer of two molecules stays until the second is gone', async (t) => {
  const at = await place(t);
  const [shared, one, two] = [
    await makeLayer(at.folder, { shared: '1' }),
    await makeLayer(at.folder, { one: '1' }),
    await makeLayer(at.folder, { two: '1' }),
  ];
  const second = `${at.folder}/second`;
  mkdirSync(second);
  await at.mount([shared, one]);
  await at.mount([shared, two], { target: second });
  t.is((await host.devices.dmList()).length, 3);
  t.is((await host.devices.loops()).length, 3);
  t.deepEqual(await at.unmount(), {
    target: at.target,
    freed: [one.descriptor.digest],
    inUse: [shared.descriptor.digest],
  });
  t.is(readFileSync(`${second}/shared`, 'utf8'), '1');
  t.deepEqual(
    (await host.devices.dmList()).map(({ name }) => name).sort(),
    [nameOf(shared), nameOf(two)].sort(),
  );
  await at.unmount(second);
});

test('a host and a service share a blob, each with its own answer to damage', async (t) => {
  const at = await place(t);
  const layer = await makeLayer(at.folder, { a: '1' });
  const second = `${at.folder}/second`;
  mkdirSync(second);
  await at.mount([layer], { panicOnCorruption: true });
  t.regex((await host.devices.dmTable(nameOf(layer)))?.[0]?.parameters ?? '', / 1 panic_on_corruption$/);
  const { layers } = await at.mount([layer], { target: second });
  const name = layers[0]?.verity?.name ?? '';
  t.regex(name, new RegExp(`^${nameOf(layer)}-[0-9a-f]{8}$`));
  t.notRegex((await host.devices.dmTable(name))?.[0]?.parameters ?? '', /panic/);
  await at.unmount(second);
  await at.unmount();
});

test('a damaged block is an error of reading, and verify tells', async (t) => {
  const at = await place(t);
  const layer = await makeLayer(at.folder, { big: noise(1 << 20), small: 'x' });
  flip(layer.file, 300_000);
  await at.mount([layer]);
  t.is((await verifyMolecule(host, at.target, at))[0]?.state, 'ok');
  t.throws(() => readFileSync(`${at.target}/big`), { code: 'EIO' });
  t.like((await verifyMolecule(host, at.target, at))[0], {
    state: 'corrupt',
    problem: 'dm-verity found damaged blocks',
  });
  await at.unmount();
});

test('a damaged superblock of the file system ends the mount and leaves nothing', async (t) => {
  const at = await place(t);
  const layer = await makeLayer(at.folder, { big: noise(1 << 16) });
  flip(layer.file, 8);
  await t.throwsAsync(at.mount([layer]), {
    message: `cannot mount the layer ${layer.descriptor.digest}: dm-verity found damaged blocks in ${layer.file}`,
  });
  t.deepEqual(await host.devices.dmList(), []);
});

test('a tree with another root hash is refused before any device is made', async (t) => {
  const at = await place(t);
  const layer = await makeLayer(at.folder, { a: '1' });
  const root = 'ab'.repeat(32);
  const key = 'io.stackeroci.stacker.atomfs_verity_root_hash';
  const other = { ...layer, descriptor: { ...layer.descriptor, annotations: { [key]: root } } };
  const { message } = await t.throwsAsync(at.mount([other]));
  t.regex(
    message,
    /^cannot trust the layer sha256:[0-9a-f]+: its verity root hash is [0-9a-f]+, not (ab){32}$/,
  );
});

test('a device of our name with another root hash is refused', async (t) => {
  const at = await place(t);
  const [layer, other] = [await makeLayer(at.folder, { a: '1' }), await makeLayer(at.folder, { a: '2' })];
  const root = Object.values(other.descriptor.annotations ?? {})[0] ?? '';
  const data = Math.floor(other.descriptor.size / 4096);
  const { hashOffset } = (
    await (await import('../../pkg/atomfs/index.ts')).readFrame(host, other.file, other.descriptor)
  ).verity ?? { hashOffset: data };
  execFileSync('veritysetup', [
    'open',
    `--hash-offset=${hashOffset}`,
    other.file,
    nameOf(layer),
    other.file,
    root,
  ]);
  t.teardown(() => execFileSync('veritysetup', ['close', nameOf(layer)]));
  const { message } = await t.throwsAsync(at.mount([layer]));
  t.is(
    message,
    `cannot use the device ${nameOf(layer)}: it has the root hash ${root}, not ${Object.values(layer.descriptor.annotations ?? {})[0]}`,
  );
});

test('a device that veritysetup made of the same file is used', async (t) => {
  const at = await place(t);
  const layer = await makeLayer(at.folder, { a: '1' });
  const root = Object.values(layer.descriptor.annotations ?? {})[0] ?? '';
  const { readFrame } = await import('../../pkg/atomfs/index.ts');
  const offset = (await readFrame(host, layer.file, layer.descriptor)).verity?.hashOffset;
  execFileSync('veritysetup', [
    'open',
    `--hash-offset=${offset}`,
    layer.file,
    nameOf(layer),
    layer.file,
    root,
  ]);
  await at.mount([layer]);
  t.is((await host.devices.dmList()).length, 1);
  await at.unmount();
});

test('a copy of a blob elsewhere has a device of its own', async (t) => {
  const at = await place(t);
  const layer = await makeLayer(at.folder, { a: '1' });
  const copy = { ...layer, file: `${at.folder}/copy` };
  writeFileSync(copy.file, readFileSync(layer.file));
  const second = `${at.folder}/second`;
  mkdirSync(second);
  await at.mount([layer]);
  await at.mount([copy], { target: second });
  t.is((await host.devices.dmList()).length, 2);
  await at.unmount();
  await at.unmount(second);
});

test('twenty layers and a hundred are mounted through dm-verity', async (t) => {
  const at = await place(t);
  const layers: MoleculeLayer[] = [];
  for (let i = 0; i < 100; i++) layers.push(await makeLayer(at.folder, { [`n/${i}`]: `${i}` }));
  for (const count of [20, 100]) {
    const started = performance.now();
    await at.mount(layers.slice(0, count));
    const mounted = performance.now();
    t.is(readdirSync(`${at.target}/n`).length, count);
    const read = performance.now();
    await at.unmount();
    const took = [mounted - started, performance.now() - read].map((ms) => ms.toFixed(0));
    t.log(`${count} layers: mounted in ${took[0]} ms, unmounted in ${took[1]} ms`);
  }
});

test('a sweep removes a verity device that nobody uses', async (t) => {
  const at = await place(t);
  const layer = await makeLayer(at.folder, { a: '1' });
  const root = Object.values(layer.descriptor.annotations ?? {})[0] ?? '';
  const { readFrame } = await import('../../pkg/atomfs/index.ts');
  const offset = (await readFrame(host, layer.file, layer.descriptor)).verity?.hashOffset;
  execFileSync('veritysetup', [
    'open',
    `--hash-offset=${offset}`,
    layer.file,
    nameOf(layer),
    layer.file,
    root,
  ]);
  t.deepEqual((await sweepMolecules(host, { ...at, owner })).devices, [nameOf(layer)]);
});

test('killed before any call to devices or mounts, a mount through dm-verity is done by the next one', async (t) => {
  const at = await place(t);
  const layers = [await makeLayer(at.folder, { a: '1' })];
  const request: MoleculeRequest = {
    layers,
    target: at.target,
    runtime: at.runtime,
    owner,
    integrity: 'verity',
  };
  const counting = countingHost(host);
  await mountMolecule(counting.host, request);
  await at.unmount();
  const points = counting.names.flatMap((name, index) => (/^(devices|mounts)/.test(name) ? [index + 1] : []));
  for (const n of points) {
    const words = ['test/helpers/mount-once.ts', 'mount', JSON.stringify(request), String(n)];
    const killed = () => spawnSync(process.execPath, words, { encoding: 'utf8' });
    // V8 crashes by itself now and then under emulation: such a one proves nothing, and is done again.
    let end = killed();
    for (let more = 2; more > 0 && end.signal !== 'SIGKILL'; more--) {
      t.log(`point ${n} ended with ${end.signal ?? end.status}: ${end.stderr}`);
      await at.mount(layers);
      await at.unmount();
      end = killed();
    }
    t.is(end.signal, 'SIGKILL', end.stderr);
    await at.mount(layers);
    t.deepEqual(readdirSync(at.target), ['a']);
    await at.unmount();
    t.deepEqual([await host.devices.dmList(), await host.devices.loops()], [[], []], `point ${n}`);
  }
  t.log(points.map((n) => counting.names[n - 1]).join(', '));
});

test('a device that was created and loaded but never resumed is replaced', async (t) => {
  const at = await place(t);
  const layer = await makeLayer(at.folder, { a: '1' });
  execFileSync('dmsetup', ['create', '--notable', '--noudevsync', nameOf(layer)]);
  execFileSync('dmsetup', ['load', nameOf(layer), '--table', '0 8 error']);
  await at.mount([layer]);
  t.deepEqual(readdirSync(at.target), ['a']);
  await at.unmount();
});

test('what another mount namespace still has stays until that ends', async (t) => {
  const at = await place(t);
  const layer = await makeLayer(at.folder, { a: '1' });
  await at.mount([layer]);
  const other = spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-c', 'echo; exec sleep 1000']);
  t.teardown(() => other.kill());
  await new Promise((resolve) => other.stdout.once('data', resolve));
  t.deepEqual((await at.unmount()).inUse, [layer.descriptor.digest]);
  t.is((await host.devices.dmList()).length, 1);
  other.kill();
  await new Promise((resolve) => other.on('exit', resolve));
  for (let i = 0; i < 100 && (await host.devices.loops()).length > 0; i++) await host.clock.sleep(20);
  t.deepEqual([await host.devices.dmList(), await host.devices.loops()], [[], []]);
});
