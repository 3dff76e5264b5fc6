import { execFile } from 'node:child_process';
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { hintOf } from '../../../pkg/errors/index.ts';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { listTar } from '../../../pkg/layout/archive/tar.ts';
import { openDockerArchive } from '../../../pkg/layout/index.ts';
import { scratchFolder } from '../../helpers/folders.ts';

const run = promisify(execFile);
const long = `${'d'.repeat(90)}/${'e'.repeat(90)}/${'f'.repeat(90)}`;

async function packed(t: ExecutionContext, format: string) {
  const folder = await scratchFolder(t, 'tar');
  await mkdir(join(folder, long, '..'), { recursive: true });
  await writeFile(join(folder, 'a'), 'content of a');
  await writeFile(join(folder, long), 'deep');
  await run('ln', ['-s', long, join(folder, 'link')]);
  await run('ln', [join(folder, 'a'), join(folder, 'hard')]);
  const path = join(folder, 'x.tar');
  await run('tar', ['-cf', path, `--format=${format}`, '-C', folder, './a', './hard', 'link', long]);
  return path;
}

async function list(path: string) {
  await using file = await linuxHost.files.open(path);
  return await listTar(file, path);
}

for (const format of ['gnu', 'pax'])
  test(`names, links and places are found in a tar file of format ${format}`, async (t) => {
    const path = await packed(t, format);
    const bytes = await readFile(path);
    const members = await list(path);
    t.deepEqual([...members.keys()], ['a', 'hard', 'link', long]);
    t.deepEqual(
      [...members.values()].map(({ type, target }) => [type, target]),
      [
        ['file', ''],
        ['link', './a'],
        ['symlink', long],
        ['file', ''],
      ],
    );
    const text = (name: string) => {
      const { offset = 0, size = 0 } = members.get(name) ?? {};
      return bytes.toString('utf8', offset, offset + size);
    };
    t.is(text('a'), 'content of a');
    t.is(text(long), 'deep');
  });

test('what is cut off, compressed or no tar file is refused', async (t) => {
  const path = await packed(t, 'pax');
  const refused = (message: string) => t.throwsAsync(openDockerArchive(linuxHost, path), { message });
  const whole = await readFile(path);
  await truncate(path, 512 + 5);
  await refused(`cannot read the archive ${path}: the member at byte 0 is longer than the archive`);
  await writeFile(path, Buffer.alloc(2048, 'x'));
  await refused(`cannot read the archive ${path}: there is no tar header at byte 0`);
  await writeFile(path, gzipSync(whole));
  const error = await refused(`cannot read the archive ${path}: it is compressed`);
  t.is(hintOf(error), 'unpack it first with gunzip or unzstd');
});
