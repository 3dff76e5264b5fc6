import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  listMolecules,
  type MoleculeRequest,
  mountMolecule,
  unmountMolecule,
} from '../../pkg/atomfs/index.ts';
import { linuxHost as host } from '../../pkg/host/linux/index.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { leavesNothing, makeLayer } from '../helpers/layers.ts';

const script = resolve('test/helpers/mount-once.ts');
const owner = 'the test';

async function place(t: ExecutionContext) {
  const folder = await scratchFolder(t);
  await leavesNothing(t, folder);
  const [runtime, target, scratch] = [`${folder}/run`, `${folder}/target`, `${folder}/scratch`];
  for (const path of [runtime, target, scratch]) mkdirSync(path);
  t.teardown(() => {
    for (const path of [target, `${runtime}/stage`])
      execFileSync('sh', ['-c', `while umount -l ${path} 2>/dev/null; do :; done`]);
  });
  const layers = [
    await makeLayer(folder, { a: '1', b: '1' }),
    await makeLayer(folder, { b: '2' }, { format: 'erofs' }),
  ];
  const upper = { kind: 'folder', folder: scratch } as const;
  const request: MoleculeRequest = { layers, target, runtime, owner, integrity: 'digest', upper };
  return { folder, runtime, target, scratch, request };
}

type At = Awaited<ReturnType<typeof place>>;

/** Runs the script until its n-th system call that changes something; how many there were, and the one it died before. */
function killer(
  at: At,
  verb: 'mount' | 'unmount',
  request: MoleculeRequest = at.request,
): (n: number) => { count: number; killed: string | undefined } {
  const stopAt = `${at.folder}/stop-at`;
  execFileSync('gcc', ['-O2', '-o', stopAt, 'test/crash/stop-at.c']);
  return (n) => {
    const command = [process.execPath, script, verb, JSON.stringify(request)];
    spawnSync(stopAt, [String(n), at.folder, `${at.folder}/report`, '--', ...command], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const [count, name] = readFileSync(`${at.folder}/report`, 'utf8').trim().split(' ');
    return { count: Number(count), killed: name === '-' ? undefined : name };
  };
}

const leftOf = async (at: At): Promise<string[]> => [
  ...readdirSync(`${at.runtime}/molecules`),
  ...(await loopsOf(at.folder)),
  ...readdirSync(at.scratch).flatMap((boot) => readdirSync(`${at.scratch}/${boot}`)),
];

test('killed before any of its system calls, a mount is done by the next one and leaves nothing', async (t) => {
  const at = await place(t);
  const run = killer(at, 'mount');
  const { count } = run(0);
  await unmountMolecule(host, at.target, at.request);
  const killed: string[] = [];
  for (let n = 1; n <= count; n++) {
    const name = run(n).killed;
    if (name !== undefined) killed.push(name);
    await mountMolecule(host, at.request);
    const texts = ['a', 'b'].map((file) => readFileSync(`${at.target}/${file}`, 'utf8'));
    t.deepEqual(texts, ['1', '2'], `point ${n}: ${name}`);
    await unmountMolecule(host, at.target, at.request);
    t.deepEqual(await leftOf(at), [], `point ${n}: ${name}`);
  }
  t.log(`${killed.length} points: ${[...new Set(killed)].join(', ')}`);
  t.true(new Set(killed).has('mount') && new Set(killed).has('ioctl'));
});

test('killed before any of its system calls, an unmount is finished by the next one', async (t) => {
  const at = await place(t);
  const run = killer(at, 'unmount');
  await mountMolecule(host, at.request);
  const { count } = run(0);
  for (let n = 1; n <= count; n++) {
    await mountMolecule(host, at.request);
    const { killed } = run(n);
    t.not(killed, undefined);
    await unmountMolecule(host, at.target, at.request);
    t.deepEqual(await leftOf(at), [], `point ${n}: ${killed}`);
  }
  t.log(`${count} points`);
  t.true(count > 3);
});

test('killed before any of its system calls, a replacement is done by the next one', async (t) => {
  const at = await place(t);
  const layers = [await makeLayer(at.folder, { a: 'new' })];
  const { upper: _, ...old } = at.request;
  const request: MoleculeRequest = { ...old, layers, replace: true };
  const run = killer(at, 'mount', request);
  await mountMolecule(host, old);
  const { count } = run(0);
  await unmountMolecule(host, at.target, request);
  for (let n = 1; n <= count; n++) {
    await mountMolecule(host, old);
    const { killed } = run(n);
    const point = `point ${n}: ${killed}`;
    await mountMolecule(host, request);
    t.deepEqual(readdirSync(at.target), ['a'], point);
    t.is(readFileSync(`${at.target}/a`, 'utf8'), 'new', point);
    await unmountMolecule(host, at.target, request);
    t.deepEqual(readdirSync(at.target), [], point);
    t.deepEqual(await leftOf(at), [], point);
  }
  t.log(`${count} points`);
  t.true(count > 10);
});

const loopsOf = async (folder: string): Promise<string[]> =>
  (await host.devices.loops()).map(({ file }) => file).filter((file) => file.startsWith(folder));

test('processes that mount at the same time wait for each other', async (t) => {
  const at = await place(t);
  const targets = ['one', 'two', 'three', 'four'].map((name) => `${at.folder}/${name}`);
  for (const target of targets) mkdirSync(target);
  const children = [...targets, ...targets].map((target) => {
    const child = spawn(process.execPath, [script, 'mount', JSON.stringify({ ...at.request, target })]);
    const output: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    return new Promise<{ isNew?: boolean; error?: string }>((done) =>
      child.on('close', () => done(JSON.parse(Buffer.concat(output).toString()))),
    );
  });
  const results = await Promise.all(children);
  t.deepEqual(results.map(({ isNew }) => isNew).sort(), [false, false, false, false, true, true, true, true]);
  t.is((await listMolecules(host, at)).length, 4);
  for (const target of targets) await unmountMolecule(host, target, at.request);
  t.deepEqual(await leftOf(at), []);
});

test('where there are no loop devices the error says how to get some', async (t) => {
  const at = await place(t);
  const [layer] = at.request.layers;
  const child = spawnSync(
    'unshare',
    [
      '-m',
      'sh',
      '-c',
      'mount -t tmpfs none /dev && exec "$@"',
      'sh',
      process.execPath,
      script,
      'mount',
      JSON.stringify({ ...at.request, layers: [layer] }),
    ],
    { encoding: 'utf8' },
  );
  t.deepEqual(JSON.parse(child.stdout), {
    error: `cannot attach a loop device to ${layer?.file}: no use of /dev/loop-control`,
  });
});

test('a loop device whose node is missing gets one', async (t) => {
  const at = await place(t);
  const [layer] = at.request.layers;
  const shell =
    'cp -a /dev/loop-control /tmp/loop-control.$$ && mount -t tmpfs none /dev && cp -a /tmp/loop-control.$$ /dev/loop-control && rm /tmp/loop-control.$$ && "$@" && cat "$0/a"';
  const child = spawnSync(
    'unshare',
    [
      '-m',
      'sh',
      '-c',
      shell,
      at.target,
      process.execPath,
      script,
      'mount',
      JSON.stringify({ ...at.request, layers: [layer] }),
    ],
    { encoding: 'utf8' },
  );
  t.is(child.stdout.split('\n')[1], '1', child.stderr);
});

test('a mount namespace that ends frees what was mounted in it', async (t) => {
  const at = await place(t);
  const child = spawnSync('unshare', ['-m', process.execPath, script, 'mount', JSON.stringify(at.request)], {
    encoding: 'utf8',
  });
  t.true(JSON.parse(child.stdout).isNew);
  t.deepEqual(await loopsOf(at.folder), []);
  t.is((await listMolecules(host, at)).length, 0);
});
