import { mkdtemp, open, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';

const { devices, files } = linuxHost;
const size = 1024 * 1024;

async function image(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mos-loop-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'image');
  await using file = await open(path, 'w');
  await file.truncate(size);
  return path;
}

test('a loop device shows its file, and is free as soon as its last user has ended', async (t) => {
  const path = await image(t);
  {
    await using held = await devices.loopAttach(path, { readOnly: true, autoclear: true });
    t.deepEqual(
      (await devices.loops()).filter((loop) => loop.file === path),
      [
        {
          device: held.device,
          file: path,
          offset: 0,
          sizeLimit: 0,
          readOnly: true,
          autoclear: true,
        },
      ],
    );
    const { dev, ino } = await stat(path);
    t.deepEqual(await devices.loopBacking(held.number), { device: dev, inode: ino });
  }
  t.deepEqual(
    (await devices.loops()).filter((loop) => loop.file === path),
    [],
  );
});

test('without autoclear a loop device stays until it is detached', async (t) => {
  const path = await image(t);
  const held = await devices.loopAttach(path, { offset: 4096, sizeLimit: 8192 });
  await held[Symbol.asyncDispose]();
  const [found] = (await devices.loops()).filter((loop) => loop.file === path);
  t.deepEqual(found, {
    device: held.device,
    file: path,
    offset: 4096,
    sizeLimit: 8192,
    readOnly: false,
    autoclear: false,
  });
  await devices.loopDetach(held.device);
  t.is(await devices.loopBacking(held.number), undefined);
});

test('a file that was changed after its check is not attached', async (t) => {
  const path = await image(t);
  const expected = await files.stat(path);
  if (expected === undefined) return t.fail();
  await truncate(path, size * 2);
  await t.throwsAsync(devices.loopAttach(path, { readOnly: true, expected }), {
    message: `cannot use ${path}: it was changed while it was checked`,
  });
  t.deepEqual(
    (await devices.loops()).filter((loop) => loop.file === path),
    [],
  );
});
