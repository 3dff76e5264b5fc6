import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { Lower } from '../../../pkg/atomfs/convert/lower.ts';
import { planLayer } from '../../../pkg/atomfs/convert/plan.ts';
import { listRecords } from '../../../pkg/atomfs/convert/records.ts';
import { renderTar } from '../../../pkg/atomfs/convert/render.ts';
import { linuxHost as host } from '../../../pkg/host/linux/index.ts';
import { temporaryFolder } from '../../helpers/folder.ts';
import { entriesOf, type Made, tarOf } from '../../helpers/tar.ts';

const root: Made = { name: './', type: '5', mode: 0o755 };

async function rendered(t: ExecutionContext, ...made: readonly Made[]): Promise<Buffer> {
  const path = `${await temporaryFolder(t)}/archive`;
  const archive = tarOf(root, ...made);
  await writeFile(path, archive);
  const { root: tree } = planLayer(entriesOf(archive), new Lower([]), 0);
  const chunks: Buffer[] = [];
  for await (const chunk of renderTar(host, path, listRecords(tree), new Map())) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test('the tar has whole blocks, and GNU tar reads it as it was meant', async (t) => {
  const long = `${'n'.repeat(120)}/${'m'.repeat(120)}`;
  const archive = await rendered(
    t,
    { name: 'd', type: '5', mode: 0o1777, pax: { uid: '3000000', gid: '4294967294' } },
    { name: 'd/f', data: 'x'.repeat(513), mode: 0o4755 },
    { name: 'short', pax: { path: long } },
    { name: 'link', type: '2', pax: { linkpath: `/${'t'.repeat(150)}` } },
    { name: 'hard', type: '1', link: 'd/f' },
    { name: 'dev', type: '4', major: 259, minor: 70_000 },
  );
  t.is(archive.length % 512, 0);
  const list = execFileSync('tar', ['-tvf', '-', '--numeric-owner', '--utc', '--full-time'], {
    input: archive,
  });
  t.deepEqual(
    list
      .toString()
      .trim()
      .split('\n')
      .map((line) => line.replaceAll(/ +/g, ' ')),
    [
      'drwxrwxrwt 3000000/4294967294 0 2001-09-09 01:46:40 d',
      '-rwsr-xr-x 0/0 513 2001-09-09 01:46:40 d/f',
      'hrwsr-xr-x 0/0 0 2001-09-09 01:46:40 hard link to d/f',
      `drwxr-xr-x 0/0 0 1970-01-01 00:00:00 ${'n'.repeat(120)}`,
      `-rw-r--r-- 0/0 0 2001-09-09 01:46:40 ${long}`,
      `lrw-r--r-- 0/0 0 2001-09-09 01:46:40 link -> /${'t'.repeat(150)}`,
      'brw-r--r-- 0/0 259,70000 2001-09-09 01:46:40 dev',
    ],
  );
});

test('reading what was written gives the same entries, extended attributes of any bytes too', async (t) => {
  const pax = { 'SCHILY.xattr.user.a': '\0\n=\xff', 'SCHILY.xattr.security.capability': '\x01'.repeat(90) };
  const archive = await rendered(t, { name: 'caf\xe9\n', data: 'text', uid: 5, pax });
  const [entry, ...others] = entriesOf(archive);
  t.deepEqual(others, []);
  t.like(entry, { name: 'caf\xe9\n', uid: 5, size: 4, mode: 0o644, mtime: 1_000_000_000 });
  t.deepEqual(
    [...(entry?.xattrs ?? [])],
    [
      ['security.capability', '\x01'.repeat(90)],
      ['user.a', '\0\n=\xff'],
    ],
  );
});

test('no names of users or groups, which sqfstar would look up on this machine', async (t) => {
  const named = await rendered(t, { name: 'f', edit: (header) => header.write('daemon', 265) });
  t.is(named.toString('latin1', 265, 329).replaceAll('\0', ''), '');
});

test('holes of sparse files are written out, content is taken from where it lies', async (t) => {
  const map = '2\n10\n5\n600\n3\n'.padEnd(512, '\0');
  const sparse = { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '2000' };
  const archive = await rendered(
    t,
    { name: 'before', data: 'b'.repeat(1000) },
    { name: 'sparse', data: `${map}aaaaabbb`, pax: sparse },
    { name: 'before', data: 'new' },
    { name: 'behind', data: 'c'.repeat(600) },
  );
  const content = new Map(
    entriesOf(archive).map(({ name, start, size }) => [
      name,
      archive.subarray(start, start + size).toString(),
    ]),
  );
  const expected = Buffer.alloc(2000);
  expected.write('aaaaa', 10);
  expected.write('bbb', 600);
  t.deepEqual(
    [...content],
    [
      ['sparse', expected.toString()],
      ['before', 'new'],
      ['behind', 'c'.repeat(600)],
    ],
  );
});

test('large files pass in pieces of 1 MiB', async (t) => {
  const path = `${await temporaryFolder(t)}/archive`;
  const archive = tarOf(root, { name: 'large', data: Buffer.alloc(5_000_000, 'x') });
  await writeFile(path, archive);
  const { root: tree } = planLayer(entriesOf(archive), new Lower([]), 0);
  const sizes: number[] = [];
  for await (const chunk of renderTar(host, path, listRecords(tree), new Map())) sizes.push(chunk.length);
  t.deepEqual(sizes, [1_048_576, 1_048_576, 1_048_576, 1_048_576, 807_424]);
});
