import { execFileSync } from 'node:child_process';
import { mkdir, open, writeFile } from 'node:fs/promises';
import test from 'ava';
import type { TarEntry } from '../../../pkg/atomfs/convert/tar/entry.ts';
import { temporaryFolder } from '../../helpers/folder.ts';
import { entriesOf, type Made, paxRecords, tarEnd, tarEntry, tarOf } from '../../helpers/tar.ts';

const plain = {
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: 1_000_000_000,
  xattrs: new Map(),
  link: '',
  major: 0,
  minor: 0,
  size: 0,
  start: 512,
  pieces: undefined,
} as const;

const reads = test.macro({
  exec(t, made: Made, expected: Partial<TarEntry>) {
    t.deepEqual(entriesOf(tarOf(made)), [{ ...plain, type: 'file', name: made.name, ...expected }]);
  },
  title: (what) => `it reads ${what}`,
});

test(
  'a file',
  reads,
  { name: 'a/b', data: 'text', mode: 0o4755, uid: 7, gid: 8 },
  {
    mode: 0o4755,
    uid: 7,
    gid: 8,
    size: 4,
  },
);
test('a folder', reads, { name: 'd/', type: '5', mode: 0o1777 }, { type: 'directory', mode: 0o1777 });
test('a folder of the oldest format', reads, { name: 'd/', type: '\0' }, { type: 'directory' });
test('a file of the oldest format', reads, { name: 'f', type: '\0', data: 'x' }, { size: 1 });
test('a contiguous file', reads, { name: 'f', type: '7', data: 'x' }, { size: 1 });
test('a symbolic link', reads, { name: 'l', type: '2', link: '../x' }, { type: 'symlink', link: '../x' });
test('a hard link', reads, { name: 'l', type: '1', link: 'x' }, { type: 'hardlink', link: 'x' });
test(
  'a device',
  reads,
  { name: 'd', type: '3', major: 5, minor: 1 },
  { type: 'character', major: 5, minor: 1 },
);
test(
  'a block device',
  reads,
  { name: 'd', type: '4', major: 259, minor: 70_000 },
  {
    type: 'block',
    major: 259,
    minor: 70_000,
  },
);
test('a fifo', reads, { name: 'f', type: '6' }, { type: 'fifo' });
test('a name that is not UTF-8', reads, { name: 'caf\xe9' }, {});
test('a name with a newline', reads, { name: 'a\nb' }, {});
test(
  'a name in a prefix',
  reads,
  { name: 'name', edit: (h) => h.write('folder/sub', 345) },
  {
    name: 'folder/sub/name',
  },
);
test(
  "a prefix of star's format",
  reads,
  {
    name: 'name',
    edit: (h) => {
      h.write('folder', 345);
      h.write('01234567', 476);
      h.write('tar\0', 508);
    },
  },
  { name: 'folder/name' },
);
test(
  'a GNU header, whose times are no prefix',
  reads,
  {
    name: 'name',
    edit: (h) => {
      h.write('ustar  \0', 257);
      h.write('14000000000\0', 345);
    },
  },
  {},
);
test(
  'a number in base 256',
  reads,
  {
    name: 'f',
    edit: (h) => Buffer.from('8000000080000001', 'hex').copy(h, 108),
  },
  { uid: 0x8000_0001 },
);
test(
  'a time before 1970',
  reads,
  {
    name: 'f',
    edit: (h) => Buffer.from('ffffffffffffffffffffffff', 'hex').copy(h, 136),
  },
  { mtime: -1 },
);
test('a number with blanks', reads, { name: 'f', edit: (h) => h.write('   17 \0\0', 108) }, { uid: 15 });
test('an empty number', reads, { name: 'f', edit: (h) => h.fill(0, 108, 116) }, {});

const afterPax = { start: 1536 } as const;
test(
  'pax values, which are stronger than the header',
  reads,
  {
    name: 'short',
    data: '12345',
    pax: { path: 'p/\xe9', uid: '3000000', gid: '4', mtime: '12.75', 'SCHILY.xattr.user.a=b': '1' },
  },
  {
    ...afterPax,
    name: 'p/\xe9',
    uid: 3_000_000,
    gid: 4,
    mtime: 12,
    size: 5,
    xattrs: new Map([['user.a', 'b=1']]),
  },
);
test(
  'a pax time before 1970 rounded down',
  reads,
  { name: 'f', pax: { mtime: '-1.5' } },
  {
    ...afterPax,
    mtime: -2,
  },
);
test('an empty pax value as none', reads, { name: 'f', pax: { path: '' } }, afterPax);
test(
  'an xattr with every byte',
  reads,
  {
    name: 'f',
    pax: { 'SCHILY.xattr.security.capability': '\x01\0\0\x02\n=\xff' },
  },
  { ...afterPax, xattrs: new Map([['security.capability', '\x01\0\0\x02\n=\xff']]) },
);
test(
  "an xattr of libarchive's, where star's has none",
  reads,
  {
    name: 'f',
    pax: {
      'LIBARCHIVE.xattr.user.one': Buffer.from('1').toString('base64'),
      'LIBARCHIVE.xattr.user.%e9': Buffer.from('\0').toString('base64'),
      'SCHILY.xattr.user.one': 'star',
    },
  },
  {
    ...afterPax,
    xattrs: new Map([
      ['user.one', 'star'],
      ['user.\xe9', '\0'],
    ]),
  },
);

test('GNU long names and link targets, and pax behind them, belong to the next entry', (t) => {
  const name = `${'n'.repeat(150)}/end`;
  const link = `/${'l'.repeat(300)}`;
  const archive = Buffer.concat([
    tarEntry({ name: '././@LongLink', type: 'L', data: `${name}\0` }),
    tarEntry({ name: '././@LongLink', type: 'K', data: `${link}\0` }),
    tarEntry({ name: 'short', type: '2', link: 'short', pax: { uid: '5' } }),
    tarEntry({ name: 'next' }),
    tarEnd,
  ]);
  t.deepEqual(
    entriesOf(archive).map((entry) => [entry.name, entry.link, entry.uid]),
    [
      [name, link, 5],
      ['next', '', 0],
    ],
  );
});

test('pieces of any size give the same entries', (t) => {
  const archive = tarOf(
    { name: 'a', data: 'x'.repeat(700), pax: { path: 'long'.repeat(200) } },
    { name: 'b', data: 'y'.repeat(512) },
  );
  const whole = entriesOf(archive, archive.length);
  for (const size of [1, 7, 511, 512, 513, 1024]) t.deepEqual(entriesOf(archive, size), whole);
});

test('bytes behind the end mark are not looked at', (t) => {
  t.deepEqual(entriesOf(Buffer.concat([tarOf({ name: 'a' }), Buffer.alloc(3000, 7)])).length, 1);
});

test('an archive may end without zero blocks, and right behind the last byte of a file as umoci does it', (t) => {
  t.is(entriesOf(tarEntry({ name: 'a', data: 'x' })).length, 1);
  t.is(entriesOf(Buffer.concat([tarEntry({ name: 'a' }), Buffer.alloc(512)])).length, 1);
  t.is(entriesOf(tarEntry({ name: 'a', data: 'x' }).subarray(0, 513)).length, 1);
  t.is(entriesOf(Buffer.alloc(0)).length, 0);
});

const refuses = test.macro({
  exec(t, archive: Buffer, why: string) {
    t.throws(() => entriesOf(archive), { message: `cannot read the tar: ${why}` });
  },
  title: (what) => `it refuses ${what}`,
});
const edited = (edit: (header: Buffer) => void, more: Partial<Made> = {}) =>
  tarOf({ name: 'f', edit, ...more });
const pax = (data: string, type = 'x') => tarOf({ name: 'pax', type, data }, { name: 'f' });

const cut = tarEntry({ name: 'a', data: 'x'.repeat(600) });
test(
  'an archive cut in a header',
  refuses,
  cut.subarray(0, 100),
  'it ends in the middle of an entry, after 100 bytes',
);
test(
  'an archive cut in a file',
  refuses,
  cut.subarray(0, 1111),
  'it ends in the middle of an entry, after 1111 bytes',
);
test(
  'a zero block between entries',
  refuses,
  Buffer.concat([tarEntry({ name: 'a' }), Buffer.alloc(512), tarOf({ name: 'b' })]),
  'a zero block stands between entries',
);
test('something that is no tar', refuses, Buffer.alloc(1024, 'no tar'), 'a header has a broken number');
test(
  'a flipped bit',
  refuses,
  Buffer.concat([Buffer.from('X'), tarOf({ name: 'f' }).subarray(1)]),
  'a header has a wrong checksum',
);
test(
  'a broken number',
  refuses,
  edited((h) => h.write('12z', 108)),
  'a header has a broken number',
);
test(
  'a number that is too large',
  refuses,
  edited((h) => h.fill(0x8f, 124, 136)),
  'a header has a number that is too large',
);
test(
  'a negative size',
  refuses,
  edited((h) => h.fill(0xff, 124, 136)),
  'a size is negative',
);
test('an unknown type', refuses, tarOf({ name: 'f', type: 'M' }), 'an entry has the unknown type "M"');
test(
  'a negative owner',
  refuses,
  edited((h) => h.fill(0xff, 108, 116)),
  'a uid is -1',
);
test(
  'an owner of more than 32 bits',
  refuses,
  tarOf({ name: 'f', pax: { gid: '4294967296' } }),
  'a gid is 4294967296',
);
test('a pax record that is too long', refuses, pax('99 a=b\n'), 'an extended header has a broken record');
test('a pax record without end', refuses, pax('6 a=b '), 'an extended header has a broken record');
test('a pax record without value', refuses, pax('5 ab\n'), 'an extended header has a record without a value');
test('a pax number that is none', refuses, tarOf({ name: 'f', pax: { size: '1e3' } }), 'size is no number');
test('a pax time that is none', refuses, tarOf({ name: 'f', pax: { mtime: 'now' } }), 'mtime is no time');
test(
  'a global header that would change entries',
  refuses,
  tarOf({ name: 'g', type: 'g', data: paxRecords([['uid', '0']]) }, { name: 'f' }),
  'a global header sets uid',
);
test(
  'an extended header without bounds',
  refuses,
  tarOf({ name: 'x', type: 'x', data: Buffer.alloc(1024 * 1024 + 1) }),
  'an extended header has 1048577 bytes',
);

test('the comment of git archive is no entry', (t) => {
  const archive = tarOf(
    { name: 'pax_global_header', type: 'g', data: paxRecords([['comment', 'c0ffee']]) },
    { name: 'f' },
  );
  t.deepEqual(
    entriesOf(archive).map(({ name }) => name),
    ['f'],
  );
});

/** Data in three places of a file of 1 MiB and a bit. */
async function sparseFile(folder: string, name: string, places: readonly number[]): Promise<void> {
  const file = await open(`${folder}/${name}`, 'w');
  for (const at of places) await file.write(Buffer.from(`data at ${at}`), 0, undefined, at);
  await file.truncate(1_100_000);
  await file.close();
}

const sparse = test.macro({
  async exec(t, ...options: string[]) {
    const folder = await temporaryFolder(t);
    await mkdir(`${folder}/in`);
    const many = Array.from({ length: 60 }, (_, i) => i * 16_384);
    await sparseFile(`${folder}/in`, 'few', [0, 500_000, 1_048_576]);
    await sparseFile(`${folder}/in`, 'many', many);
    await sparseFile(`${folder}/in`, 'hole', []);
    await writeFile(`${folder}/in/next`, 'behind it');
    const names = ['few', 'many', 'hole', 'next'];
    const archive = execFileSync('tar', ['-cS', ...options, '-C', `${folder}/in`, ...names], {
      maxBuffer: 1e8,
    });
    for (const entry of entriesOf(archive)) {
      const original = execFileSync('cat', [`${folder}/in/${entry.name}`], { maxBuffer: 1e8 });
      const made = Buffer.alloc(entry.size);
      let at = entry.start;
      for (const { offset, size } of entry.pieces ?? [{ offset: 0, size: entry.size }]) {
        archive.copy(made, offset, at, at + size);
        at += size;
      }
      t.true(made.equals(original), entry.name);
    }
    const [few, lots, hole, next] = entriesOf(archive);
    t.deepEqual([few?.name, lots?.name, hole?.name, next?.name], names);
    t.deepEqual(
      [few?.pieces?.length, lots?.pieces?.length, hole?.pieces?.length, next?.pieces],
      [3, 60, 0, undefined],
    );
  },
  title: (_, ...options) => `it reads sparse files as tar ${options.join(' ')} writes them`,
});
test(sparse, '--format=gnu');
test(sparse, '--format=posix', '--sparse-version=0.0');
test(sparse, '--format=posix', '--sparse-version=0.1');
test(sparse, '--format=posix', '--sparse-version=1.0');

const sparsePax = (records: Readonly<Record<string, string>>) =>
  tarOf({ name: 'f', data: 'x'.repeat(512), pax: records });
const v01 = { 'GNU.sparse.size': '1024', 'GNU.sparse.numblocks': '1' };
test(
  'a map that is outside of its file',
  refuses,
  sparsePax({ ...v01, 'GNU.sparse.map': '1000,512' }),
  'a sparse map does not fit its file',
);
test(
  'a map that is smaller than the data',
  refuses,
  sparsePax({ ...v01, 'GNU.sparse.map': '0,511' }),
  'a sparse map does not fit its file',
);
test(
  'pieces that overlap',
  refuses,
  sparsePax({ ...v01, 'GNU.sparse.numblocks': '2', 'GNU.sparse.map': '0,256,128,256' }),
  'the pieces of a sparse file overlap',
);
test('half a pair', refuses, sparsePax({ ...v01, 'GNU.sparse.map': '0,256,128' }), 'a sparse map is broken');
test(
  'a map of another length',
  refuses,
  sparsePax({ ...v01, 'GNU.sparse.map': '0,512,600,0' }),
  'a sparse map has a wrong length',
);
test(
  'an unknown sparse format',
  refuses,
  sparsePax({ 'GNU.sparse.major': '2', 'GNU.sparse.minor': '0' }),
  'a sparse file has the unknown format 2.0',
);
test(
  'a sparse file without its size',
  refuses,
  sparsePax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0' }),
  'a sparse file has no GNU.sparse.realsize',
);
test(
  'a map in the data that does not end',
  refuses,
  tarOf({
    name: 'f',
    data: '9'.repeat(2048),
    pax: { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '10' },
  }),
  'a sparse map is too long',
);
