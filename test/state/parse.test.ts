import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import test from 'ava';
import { objectId, parseLoose } from '../../pkg/state/git/objects.ts';
import { parseCommit, parseTree, renderTree } from '../../pkg/state/git/parse.ts';
import { parsePackedRefs } from '../../pkg/state/git/refs.ts';
import { unpackStored } from '../../pkg/state/git/stored.ts';

const id = (character: string) => character.repeat(40);

test('objects are named as git names them', (t) => {
  // git hash-object -t blob --stdin </dev/null, and git mktree </dev/null
  t.is(objectId('blob', Buffer.alloc(0)), 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391');
  t.is(objectId('tree', renderTree([])), '4b825dc642cb6eb9a060e54bf8d69288fbee4904');
});

test('a tree is read as it was rendered, sorted by bytes', (t) => {
  const entries = ['b', 'a.yaml', 'a', 'é'].map((name) => ({ mode: '100644', name, id: id('1') }));
  t.deepEqual(
    parseTree(renderTree(entries)).map(({ name }) => name),
    ['a', 'a.yaml', 'b', 'é'],
  );
  for (const cut of [1, 10, 20])
    t.throws(() => parseTree(renderTree(entries).subarray(0, -cut)), {
      message: 'cannot read a tree: its form is wrong',
    });
});

test('a commit is read with signatures and other headers passed over', (t) => {
  const text = `tree ${id('1')}\nparent ${id('2')}\nparent ${id('3')}\nauthor x <tree> 1 +0000\ncommitter a b <c> 1700000000 -0130\ngpgsig -----BEGIN\n parent ${id('4')}\n\nsubject\n\ntree ${id('5')}\n`;
  t.deepEqual(parseCommit(Buffer.from(text)), {
    tree: id('1'),
    parents: [id('2'), id('3')],
    time: new Date(1_700_000_000_000),
    message: `subject\n\ntree ${id('5')}\n`,
  });
  for (const bad of ['', `tree ${id('1')}\n\nx`, text.replace(id('1'), 'x'), text.replace(id('3'), 'x')])
    t.throws(() => parseCommit(Buffer.from(bad)), { message: 'cannot read a commit: its form is wrong' });
});

test('packed refs are read without their comments and peeled lines', (t) => {
  const text = `# pack-refs with: peeled fully-peeled sorted \n${id('1')} refs/heads/main\n${id('2')} refs/tags/v1\n^${id('3')}\nrubbish\n${id('4')} HEAD\n`;
  t.deepEqual(
    [...parsePackedRefs(text)],
    [
      ['refs/heads/main', id('1')],
      ['refs/tags/v1', id('2')],
    ],
  );
});

const raw = Buffer.from('blob 5\0hello');
const hello = objectId('blob', Buffer.from('hello'));

test('an object is read stored and compressed', async (t) => {
  for (const level of [0, 1, 9])
    t.deepEqual(await parseLoose(deflateSync(raw, { level }), hello, '/r'), {
      type: 'blob',
      body: Buffer.from('hello'),
    });
  const large = Buffer.alloc(200_000, 7);
  const stored = deflateSync(Buffer.concat([Buffer.from('blob 200000\0'), large]), { level: 0 });
  t.deepEqual((await parseLoose(stored, objectId('blob', large), '/r')).body, large);
});

test('what git stored needs no zlib, and whatever is odd about it is left to zlib', (t) => {
  const stored = deflateSync(raw, { level: 0 });
  t.deepEqual(unpackStored(stored), raw);
  t.is(unpackStored(deflateSync(raw)), undefined);
  for (let length = 0; length < stored.length - 4; length++)
    t.is(unpackStored(stored.subarray(0, length)), undefined);
  for (const at of [0, 1, 2, 3, 4, 5, 6]) {
    const odd = Buffer.from(stored);
    odd.writeUInt8(odd.readUInt8(at) ^ 0x81, at);
    t.is(unpackStored(odd), undefined, `${at}`);
  }
});

const damaged = test.macro({
  exec: async (t, packed: Buffer, why: string) => {
    await t.throwsAsync(parseLoose(packed, hello, '/r'), {
      message: `cannot read the object ${hello} of /r: ${why}`,
    });
  },
  title: (name = '') => `an object that ${name} is refused`,
});
test(
  'unpacks to more than anything of ours',
  damaged,
  deflateSync(Buffer.alloc(9 * 1024 * 1024)),
  'it is damaged',
);
test('is empty', damaged, Buffer.alloc(0), 'it is damaged');
test('is no zlib stream', damaged, Buffer.from('rubbish'), 'it is damaged');
test(
  'holds other bytes',
  damaged,
  deflateSync(Buffer.from('blob 5\0hellO'), { level: 0 }),
  'its bytes have another hash',
);

const named = test.macro({
  exec: async (t, text: string) => {
    const bytes = Buffer.from(text);
    const id = createHash('sha1').update(bytes).digest('hex');
    await t.throwsAsync(parseLoose(deflateSync(bytes), id, '/r'), {
      message: `cannot read the object ${id} of /r: its header is wrong`,
    });
  },
  title: (_, text) => `${JSON.stringify(text)} is no object`,
});
for (const text of ['', 'blob 3\0four', 'blob -1\0', 'bulb 0\0', 'blob 4four']) test(named, text);
