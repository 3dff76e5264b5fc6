import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock } from 'node:test';
import test, { type ExecutionContext } from 'ava';
import { readText, readTextIfThere, writeAtomic } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'mos-host-'));
  t.teardown(() => rm(path, { recursive: true }));
  return path;
}

test('writeAtomic replaces the content and leaves no temporary file', async (t) => {
  const path = join(await folder(t), 'file');
  await writeAtomic(linuxHost, path, 'old');
  await writeAtomic(linuxHost, path, 'new', { mode: 0o600 });
  t.is(await readText(linuxHost, path), 'new');
  t.is((await linuxHost.files.stat(path))?.mode, 0o600);
  t.deepEqual(await readdir(join(path, '..')), ['file']);
});

test('what is missing is told by name', async (t) => {
  const path = join(await folder(t), 'none');
  t.is(await readTextIfThere(linuxHost, path), undefined);
  await t.throwsAsync(linuxHost.files.read(path), { message: `cannot read ${path}: it does not exist` });
});

test('a lock is refused while another holds it, names its owner, and can be had afterwards', async (t) => {
  const path = join(await folder(t), 'lock');
  {
    await using _first = await linuxHost.files.lock(path, { wait: 0, owner: 'mosctl install' });
    await t.throwsAsync(linuxHost.files.lock(path, { wait: 30, owner: 'mosctl gc' }), {
      message: `cannot lock ${path}: mosctl install (process ${process.pid}) holds it`,
    });
  }
  await using _second = await linuxHost.files.lock(path, { wait: 0, owner: 'mosctl gc' });
  t.is(await readText(linuxHost, path), `mosctl gc (process ${process.pid})\n`);
});

test('a stream can be cut at both ends', async (t) => {
  const path = join(await folder(t), 'file');
  await writeAtomic(linuxHost, path, '0123456789');
  const chunks: Uint8Array[] = [];
  for await (const chunk of linuxHost.files.stream(path, { start: 2, end: 5 })) chunks.push(chunk);
  t.is(Buffer.concat(chunks).toString(), '234');
});

test('a tree is removed with names that are no UTF-8, and what a link points at stays', async (t) => {
  const at = await folder(t);
  const odd = Buffer.from([0x2f, 0xff, 0xfe]);
  const inside = Buffer.concat([Buffer.from(`${at}/tree/deep`), odd]);
  await mkdir(inside, { recursive: true });
  await writeFile(Buffer.concat([inside, odd]), 'x');
  await mkdir(`${at}/kept`);
  await writeFile(`${at}/kept/file`, 'x');
  await symlink(`${at}/kept`, `${at}/tree/link`);
  await linuxHost.files.removeTree(`${at}/tree`);
  t.deepEqual(await readdir(at), ['kept']);
  await symlink(`${at}/kept`, `${at}/link`);
  await linuxHost.files.removeTree(`${at}/link`);
  await linuxHost.files.removeTree(`${at}/none`);
  t.deepEqual(await readdir(at, { recursive: true }), ['kept', 'kept/file']);
  await linuxHost.files.removeTree(`${at}/kept/file`);
  t.deepEqual(await readdir(`${at}/kept`), []);
});

const refusesToRead = test.macro({
  exec: async (t, make: (path: string) => unknown) => {
    const path = join(await folder(t), 'file');
    await make(path);
    const { files } = linuxHost;
    const what = { code: 'invalid' };
    await t.throwsAsync(files.read(path), { ...what, message: `cannot read ${path}: it is no file` });
    await t.throwsAsync(files.open(path), { ...what, message: `cannot open ${path}: it is no file` });
    await t.throwsAsync(
      async () => {
        for await (const _ of files.stream(path));
      },
      { ...what, message: `cannot open ${path}: it is no file` },
    );
  },
  title: (name = '') => `${name} in place of a file is refused, not waited for`,
});
test('a pipe', refusesToRead, (path) => execFileSync('mkfifo', [path]));
test('a link to an endless device', refusesToRead, (path) => symlink('/dev/zero', path));

test('a folder in place of a file is told when it is read', async (t) => {
  const path = await folder(t);
  const told = { code: 'io', message: `cannot read ${path}: it is a folder` };
  await t.throwsAsync(linuxHost.files.read(path), told);
  await t.throwsAsync(async () => {
    await using file = await linuxHost.files.open(path);
    await file.read(new Uint8Array(10), 0);
  }, told);
  await t.throwsAsync(async () => {
    for await (const _ of linuxHost.files.stream(path));
  }, told);
});

test('a name that no file system takes is told in words', async (t) => {
  const path = `/${'a'.repeat(256)}`;
  await t.throwsAsync(linuxHost.files.read(path), {
    code: 'io',
    message: `cannot read ${path}: a name in it is too long`,
  });
});

test('a limit on the number of files is told in words', (t) => {
  const run = (limit: string, code: string) =>
    execFileSync('bash', ['-c', `${limit}; exec "$0" --input-type=module -e "$1"`, process.execPath, code], {
      encoding: 'utf8',
    });
  const open = `import { linuxHost as host } from './pkg/host/linux/index.ts';
    const file = '${import.meta.filename}', kept = [];
    try { for (;;) kept.push(await host.files.open(file)); } catch (error) { console.log(error.message); }`;
  t.is(
    run('ulimit -n 64', open),
    `cannot open ${import.meta.filename}: this program has too many open files (ulimit -n)\n`,
  );
});

test('a pipe that the caller names by its number is read', async (t) => {
  const code = `import { linuxHost } from './pkg/host/linux/index.ts';
    process.stdout.write(await linuxHost.files.read('/dev/fd/3'));`;
  const read = execFileSync('bash', [
    '-c',
    'exec "$0" --input-type=module -e "$1" 3< <(sleep 0.2; echo said)',
    process.execPath,
    code,
  ]);
  t.is(read.toString(), 'said\n');
});

test('a file that is too large to be read whole is refused before it fills the memory', async (t) => {
  const path = join(await folder(t), 'huge');
  await writeFile(path, '');
  await truncate(path, 5_000_000_000);
  await t.throwsAsync(linuxHost.files.read(path), {
    code: 'invalid',
    message: `cannot read ${path}: it has 5000000000 bytes, more than make sense`,
  });
});

// No timer runs here, so none of them is served by a poll; serial, for the other tests have theirs.
test.serial('a lock that this process gives back is handed on at once', async (t) => {
  const path = join(await folder(t), 'lock');
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  let turns = 0;
  const turn = async () => {
    await using _held = await linuxHost.files.lock(path, { wait: 60_000, owner: 'mosctl boot' });
    await new Promise((resolve) => setImmediate(resolve));
    turns++;
  };
  await Promise.all(Array.from({ length: 200 }, turn));
  t.is(turns, 200);
});

test('a lock that is a link is refused: what it leads to is not written over', async (t) => {
  const at = await folder(t);
  await writeFile(join(at, 'precious'), 'kept');
  const path = join(at, 'lock');
  await symlink('precious', path);
  await t.throwsAsync(linuxHost.files.lock(path, { wait: 0, owner: 'mosctl gc' }), {
    message: `cannot open the lock ${path}: a symbolic link is not followed here, or there are too many`,
  });
  t.is(await readText(linuxHost, join(at, 'precious')), 'kept');
});

test('a text that is no UTF-8 is told by name', async (t) => {
  const path = join(await folder(t), 'text');
  await writeFile(path, Buffer.from([0x61, 0xff]));
  await t.throwsAsync(readText(linuxHost, path), {
    code: 'invalid',
    message: `cannot read ${path}: it is no UTF-8 text`,
  });
});

test('a stream that uses its buffers again leaves the piece before the last one alone', async (t) => {
  const at = await folder(t);
  const bytes = Buffer.from(Array.from({ length: 1000 }, (_, at) => at % 251));
  await writeFile(`${at}/file`, bytes);
  const parts: Buffer[] = [];
  let before: Uint8Array | undefined;
  for await (const piece of linuxHost.files.stream(`${at}/file`, { start: 3, end: 990, reuse: 7 })) {
    if (before !== undefined) parts.push(Buffer.from(before));
    before = piece;
  }
  t.deepEqual(Buffer.concat([...parts, before ?? Buffer.alloc(0)]), bytes.subarray(3, 990));
});
