import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import packageFile from '../../package.json' with { type: 'json' };
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openLayout } from '../../pkg/layout/index.ts';
import { chunks, content, putImage } from '../helpers/images.ts';
import { makeLargeLayer } from '../helpers/large-layer.ts';

const executable = resolve('build/mosctl');

/** A folder in which an unsealed program of this runtime would run `evil.js` by itself. */
async function hostileFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mos-sealed-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const evil = `require('fs').writeFileSync(${JSON.stringify(join(folder, 'OWNED'))}, ''); console.log('OWNED');`;
  await mkdir(join(folder, 'node_modules/commander'), { recursive: true });
  for (const name of ['evil.js', 'index.ts', 'node_modules/commander/index.js'])
    await writeFile(join(folder, name), evil);
  await writeFile(join(folder, 'bunfig.toml'), 'preload = ["./evil.js"]\n[run]\npreload = ["./evil.js"]\n');
  await writeFile(
    join(folder, '.env'),
    'BUN_OPTIONS=--preload=./evil.js\nNODE_OPTIONS=--require=./evil.js\n',
  );
  await writeFile(join(folder, 'package.json'), '{"main":"evil.js","imports":{"#x":"./evil.js"}}');
  await writeFile(join(folder, 'tsconfig.json'), '{"compilerOptions":{"paths":{"*":["./evil.js"]}}}');
  return folder;
}

const variables = (folder: string): readonly Record<string, string>[] => [
  {},
  { BUN_BE_BUN: '1' },
  { BUN_OPTIONS: `--preload=${folder}/evil.js` },
  { NODE_OPTIONS: `--require=${folder}/evil.js` },
  { BUN_INSPECT: `ws+unix://${folder}/socket?wait=1` },
  { BUN_INSPECT_PRELOAD: `${folder}/evil.js` },
  { BUN_INSPECT_NOTIFY: `unix://${folder}/socket` },
  { BUN_INSPECT_CONNECT_TO: `unix://${folder}/socket` },
  { BUN_JSC_dumpOptions: '2' },
  { BUN_JSC_functionOverrides: `${folder}/evil.js` },
  { BUN_BYTECODE_ORDER_OUT: `${folder}/written` },
  { BUN_BYTECODE_DIGEST_OUT: `${folder}/written` },
  { BUN_RUNTIME_TRANSPILER_CACHE_PATH: `${folder}/cache` },
  { NODE_COMPILE_CACHE: `${folder}/cache` },
  { NODE_CHANNEL_FD: '0' },
  { NODE_PATH: `${folder}/node_modules` },
  { JSC_PROFILER_PATH: folder },
  { BUN_TRACE: `${folder}/written` },
  { BUN_WATCHER_TRACE: `${folder}/written` },
  { TMPDIR: `${folder}/tmp` },
];

test('no variable and no file of the working directory makes the executable run foreign code', async (t) => {
  const folder = await hostileFolder(t);
  const before = await readdir(folder);
  for (const env of variables(folder)) {
    for (const name of ['mosctl', 'mosb', 'trust', 'atomfs']) {
      const program = resolve(executable, '..', name);
      const result = spawnSync(program, ['--version'], {
        cwd: folder,
        env,
        encoding: 'utf8',
        timeout: 20_000,
      });
      const seen = { status: result.status, stdout: result.stdout, stderr: result.stderr };
      t.deepEqual(
        seen,
        { status: 0, stdout: `${packageFile.version}\n`, stderr: '' },
        `${name} ${JSON.stringify(env)}`,
      );
    }
    t.deepEqual(await readdir(folder), before, JSON.stringify(env));
  }
});

test('words of the runtime on the command line are ours to refuse', async (t) => {
  const folder = await hostileFolder(t);
  for (const args of [
    ['run', 'evil.js'],
    ['-e', '1'],
    ['--preload', './evil.js', 'status'],
    ['./evil.js'],
    ['repl'],
  ]) {
    const result = spawnSync(executable, args, { cwd: folder, env: {}, encoding: 'utf8', timeout: 20_000 });
    t.not(result.status, null, args.join(' '));
    t.false(existsSync(join(folder, 'OWNED')), args.join(' '));
  }
});

test('the thread that looks at large layers is a part of the executable', async (t) => {
  const folder = await hostileFolder(t);
  const name = 'cmd/threads/inspect-layers';
  await mkdir(join(folder, name, '..'), { recursive: true });
  for (const file of [`${name}.js`, `${name}.ts`])
    await writeFile(join(folder, file), "import '../../evil.js';");
  const { bytes, descriptor } = makeLargeLayer();
  const config = content('application/vnd.oci.image.config.v1+json', {
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [descriptor.digest] },
  });
  const manifest = content('application/vnd.oci.image.manifest.v1+json', {
    schemaVersion: 2,
    config: config.descriptor,
    layers: [descriptor],
  });
  const from = await openLayout(linuxHost, join(folder, 'from'), { create: true });
  const image = { root: manifest.descriptor, manifest, config, layers: [{ bytes, descriptor }] };
  await putImage(from, image, '1');
  const convert = (to: string) =>
    spawnSync(
      resolve(executable, '../mosb'),
      ['--json', 'image', 'convert', '--fresh', `--scratch=${folder}/scratch`, 'oci:from:1', `oci:${to}:1`],
      { cwd: folder, env: { TMPDIR: '/proc', PATH: folder }, encoding: 'utf8', timeout: 60_000 },
    );
  const { status, stderr } = convert('to');
  t.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  const to = await openLayout(linuxHost, join(folder, 'to'));
  t.is((await to.resolve('1')).digest, manifest.descriptor.digest);
  t.false(existsSync(join(folder, 'OWNED')));
  // It does look: the same bytes with another root hash.
  const wrong = {
    ...descriptor,
    annotations: { 'io.stackeroci.stacker.atomfs_verity_root_hash': '0'.repeat(64) },
  };
  const changed = content('application/vnd.oci.image.manifest.v1+json', {
    schemaVersion: 2,
    config: config.descriptor,
    layers: [wrong],
  });
  await from.put(changed.descriptor, chunks(changed.bytes));
  await from.tag(changed.descriptor, '1');
  const refused = convert('other');
  t.is(refused.status, 4);
  t.regex(refused.stderr, /cannot trust the layer .* its verity root hash is/);
});

test('in a working directory that was removed, it says so in our words', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'mos-gone-'));
  const script = `cd ${folder} && rmdir ${folder} && ${executable} status`;
  const { status, stdout, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
  t.deepEqual([status, stdout], [1, '']);
  t.is(
    stderr.trimEnd(),
    'error: cannot start: the working directory was removed; change to one that is there, for example by cd /, and try again',
  );
});
