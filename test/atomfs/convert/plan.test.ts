import test from 'ava';
import { Lower } from '../../../pkg/atomfs/convert/lower.ts';
import { type Folder, type Node, newFolder, plainAttributes } from '../../../pkg/atomfs/convert/node.ts';
import { NeedsLower, planLayer } from '../../../pkg/atomfs/convert/plan.ts';
import { listRecords } from '../../../pkg/atomfs/convert/records.ts';
import { entriesOf, type Made, tarOf } from '../../helpers/tar.ts';

const folder = (name: string, more: Partial<Made> = {}): Made => ({ name, type: '5', mode: 0o755, ...more });
const file = (name: string, data = name): Made => ({ name, data });
const link = (name: string, target: string): Made => ({ name, type: '2', link: target });
const root = folder('./');

/** Plans layers on top of each other; the last one is returned. */
function planOf(...layers: readonly (readonly Made[])[]) {
  const roots: Folder[] = [];
  let plan = planLayer([], new Lower([]), 0);
  for (const layer of layers) {
    plan = planLayer(entriesOf(tarOf(...layer)), new Lower([...roots]), roots.length);
    roots.unshift(plan.root);
  }
  return plan;
}

/** A line for each name: `d` folder, `D` opaque folder, `w` whiteout, else the type; mode; target or size. */
function treeOf(root: Folder): string[] {
  const lines: string[] = [];
  const visit = (path: string, node: Node): void => {
    if (node.type === 'whiteout') lines.push(`w ${path}`);
    else if (node.type === 'directory') {
      const mode = node.attributes.mode.toString(8);
      if (path !== '') lines.push(`${node.isOpaque ? 'D' : 'd'} ${path} ${mode}`);
      for (const [name, child] of [...node.children].sort())
        visit(path === '' ? name : `${path}/${name}`, child);
    } else lines.push(`${node.type} ${path} ${node.type === 'symlink' ? node.link : node.size}`);
  };
  visit('', root);
  return lines;
}

const plans = test.macro({
  exec(t, layers: readonly (readonly Made[])[], expected: readonly string[]) {
    t.deepEqual(treeOf(planOf(...layers).root), expected);
  },
  title: (what) => what ?? '',
});

test(
  'names lose "./", "/" and what is doubled',
  plans,
  [[root, file('./a'), file('/b'), file('d//./c'), folder('d/')]],
  ['file a 3', 'file b 2', 'd d 755', 'file d/c 6'],
);
test(
  'the last entry of a name wins',
  plans,
  [[root, file('a', '1'), file('a', '22'), link('b', 'x'), folder('b'), file('b/c')]],
  ['file a 2', 'd b 755', 'file b/c 3'],
);
test(
  'a folder that comes twice keeps what is in it and takes the last attributes',
  plans,
  [[root, folder('d'), file('d/a'), folder('d', { mode: 0o700 })]],
  ['d d 700', 'file d/a 3'],
);
test(
  'a file in place of a folder takes all that is below along',
  plans,
  [[root, folder('d'), file('d/a'), file('d')]],
  ['file d 1'],
);
test(
  'a path through a link goes where the link leads',
  plans,
  [
    [
      root,
      folder('usr'),
      folder('usr/lib'),
      link('lib', 'usr/lib'),
      file('lib/a'),
      link('usr/abs', '/usr'),
      file('usr/abs/lib/b'),
      link('usr/lib/up', '../..'),
      file('lib/up/c'),
    ],
  ],
  [
    'file c 8',
    'symlink lib usr/lib',
    'd usr 755',
    'symlink usr/abs /usr',
    'd usr/lib 755',
    'file usr/lib/a 5',
    'file usr/lib/b 13',
    'symlink usr/lib/up ../..',
  ],
);
test(
  'a link out of the image ends at its root',
  plans,
  [[root, link('out', '../../../etc'), file('out/passwd')]],
  ['d etc 755', 'file etc/passwd 10', 'symlink out ../../../etc'],
);
test(
  'a folder without an entry has the attributes that it has below',
  plans,
  [
    [root, folder('tmp', { mode: 0o1777 }), folder('usr', { mode: 0o750 })],
    [root, file('tmp/a'), file('usr/local/b')],
  ],
  ['d tmp 1777', 'file tmp/a 5', 'd usr 750', 'd usr/local 755', 'file usr/local/b 11'],
);
test(
  'a path through a link of a layer below goes where that leads',
  plans,
  [
    [root, folder('usr'), folder('usr/lib', { mode: 0o711 }), link('lib', 'usr/lib')],
    [root, file('lib/a')],
  ],
  ['d usr 755', 'd usr/lib 711', 'file usr/lib/a 5'],
);
test(
  'a folder entry in place of a link below stays a folder',
  plans,
  [
    [root, folder('usr'), link('lib', 'usr')],
    [root, folder('lib'), file('lib/a')],
  ],
  ['d lib 755', 'file lib/a 5'],
);
test(
  'a whiteout hides what is below',
  plans,
  [
    [root, folder('d'), file('d/a'), file('b')],
    [root, file('d/.wh.a', ''), file('.wh.b', '')],
  ],
  ['w b', 'd d 755', 'w d/a'],
);
test(
  'a whiteout of a name that the same layer has makes a folder opaque and says nothing else',
  plans,
  [
    [root, folder('d'), file('f')],
    [root, folder('d'), file('d/new'), file('.wh.d', ''), file('.wh.f', ''), file('f')],
  ],
  ['D d 755', 'file d/new 5', 'file f 1'],
);
test(
  'an opaque mark counts wherever it stands',
  plans,
  [
    [root, folder('d', { mode: 0o711 }), file('d/a')],
    [root, file('d/.wh..wh..opq', ''), file('d/b')],
  ],
  ['D d 711', 'file d/b 3'],
);
test(
  'a whiteout in or below an opaque folder is dropped: overlayfs would list it as a broken name',
  plans,
  [
    [root, folder('d'), file('d/a'), folder('d/e'), file('d/e/b')],
    [
      root,
      file('d/.wh.a', ''),
      folder('d'),
      file('d/.wh..wh..opq', ''),
      folder('d/e'),
      file('d/e/.wh.b', ''),
    ],
  ],
  ['D d 755', 'd d/e 755'],
);
test(
  'a whiteout in a folder that no layer below has is dropped',
  plans,
  [
    [root, folder('d'), file('d/.wh.a', ''), file('d/b'), folder('e')],
    [root, folder('e'), file('e/.wh.a', ''), folder('n'), file('n/.wh.a', ''), file('.wh.a', '')],
  ],
  ['w a', 'd e 755', 'w e/a', 'd n 755'],
);
test('a whiteout is kept where a layer that is no tar may have the folder', (t) => {
  const entries = entriesOf(tarOf(root, folder('d'), file('d/.wh.a', ''), file('e/.wh.a', '')));
  const lower = new Lower([newFolder(plainAttributes, 0)], false);
  t.deepEqual(treeOf(planLayer(entries, lower, 1).root), ['d d 755', 'w d/a', 'd e 755', 'w e/a']);
});
test(
  'an opaque mark makes the folder that has no entry',
  plans,
  [
    [root, folder('d', { mode: 0o711 }), folder('d/e', { mode: 0o700 })],
    [root, file('d/e/.wh..wh..opq', '')],
  ],
  ['d d 711', 'D d/e 700'],
);
test(
  'an opaque mark for a folder that is nowhere is dropped',
  plans,
  [[root], [root, file('no/.wh..wh..opq', '')]],
  [],
);
test(
  'an opaque root hides each name below and makes own folders opaque',
  plans,
  [
    [root, folder('a'), file('b'), folder('c')],
    [root, file('.wh..wh..opq', ''), folder('c'), file('new')],
  ],
  ['w a', 'w b', 'D c 755', 'file new 3'],
);
test(
  'a whiteout below a link that the layer has made goes where that leads, one before it does not',
  plans,
  [
    [root, folder('kept'), file('kept/in'), folder('was'), file('was/in'), file('was/on')],
    [root, file('was/.wh.on', ''), link('was', 'kept'), file('was/.wh.in', '')],
  ],
  ['d kept 755', 'w kept/in', 'symlink was kept'],
);
const linked = [root, folder('d', { mode: 0o700 }), file('d/f'), link('s', 'd')];
test(
  'a path goes through no link that a whiteout hid before',
  plans,
  [linked, [root, file('.wh.s', ''), file('s/n')]],
  ['D s 755', 'file s/n 3'],
);
test(
  'a path goes through a link that a whiteout hides after it, as umoci unpacks it',
  plans,
  [linked, [root, file('s/n'), file('.wh.s', '')]],
  ['d d 700', 'file d/n 3', 'w s'],
);
test(
  'a path goes through no link that an opaque root hid before',
  plans,
  [linked, [root, file('.wh..wh..opq', ''), file('s/n')]],
  ['w d', 'D s 755', 'file s/n 3'],
);
test(
  'a folder that was hidden and is there again has nothing of the old one',
  plans,
  [linked, [root, file('.wh.d', ''), file('d/n')]],
  ['D d 755', 'file d/n 3'],
);
test(
  'a folder in place of what was in place of another folder has nothing of the first',
  plans,
  [linked, [root, file('d'), folder('d')]],
  ['D d 755'],
);
for (const [name, mark] of [
  ['a whiteout', '.wh.x'],
  ['an opaque mark', '.wh..wh..opq'],
] as const)
  test(
    `a folder that only ${name} names can be hidden, before and after`,
    plans,
    [
      [root, folder('d'), folder('d/sub'), file('d/sub/x'), folder('e'), folder('e/sub'), file('e/sub/x')],
      [root, file(`d/sub/${mark}`, ''), file('.wh.d', ''), file('.wh.e', ''), file(`e/sub/${mark}`, '')],
    ],
    ['w d', 'w e'],
  );
test(
  'an opaque mark hides what only other marks and hard links named below it',
  plans,
  [
    [root, folder('d'), folder('d/sub'), file('d/sub/x'), file('d/f')],
    [root, file('d/sub/.wh.x', ''), { name: 'l', type: '1', link: 'd/f' }, file('d/.wh..wh..opq', '')],
  ],
  ['D d 755', 'file l 3'],
);
test(
  'a whiteout below a link of a layer below goes where that leads',
  plans,
  [
    [root, folder('usr'), file('usr/a'), link('lib', 'usr')],
    [root, file('lib/.wh.a', '')],
  ],
  ['d usr 755', 'w usr/a'],
);
test('a whiteout in a folder that is nowhere is dropped', plans, [[root], [root, file('no/.wh.a', '')]], []);
test(
  'what a whiteout or an opaque folder hid is not taken for attributes',
  plans,
  [
    [root, folder('d', { mode: 0o700 }), folder('o'), folder('o/d', { mode: 0o700 })],
    [root, file('.wh.d', ''), file('o/.wh..wh..opq', '')],
    [root, file('d/a'), file('o/d/a')],
  ],
  ['d d 755', 'file d/a 3', 'd o 755', 'd o/d 755', 'file o/d/a 5'],
);
test(
  "aufs' own names are left out",
  plans,
  [[root, folder('.wh..wh.plnk'), file('.wh..wh.plnk/1.2'), file('.wh..wh.aufs'), file('a')]],
  ['file a 1'],
);
test('hard links share, a later entry of one name leaves the others alone', (t) => {
  const { root: made } = planOf(
    [
      [
        root,
        file('a', 'old'),
        { name: 'b', type: '1', link: './a' },
        { name: 'c', type: '1', link: '/b' },
        file('a', 'newer'),
      ],
    ][0] as Made[],
  );
  t.deepEqual(treeOf(made), ['file a 5', 'file b 3', 'file c 3']);
  t.is(made.children.get('b'), made.children.get('c'));
  t.deepEqual(
    listRecords(made).map(({ path, type, link }) => [path, type, link]),
    [
      ['b', 'file', ''],
      ['c', 'hardlink', 'b'],
      ['a', 'file', ''],
    ],
  );
});
test('a hard link to a file of a layer below copies that up, once, and keeps where its bytes are', (t) => {
  const hard = (name: string, target: string): Made => ({ name, type: '1', link: target });
  const { root: made, borrows } = planOf(
    [
      root,
      file('other'),
      folder('d', { mode: 0o711 }),
      file('d/a', 'data'),
      hard('d/b', 'd/a'),
      link('s', 'x'),
    ],
    [root, hard('e', 'other')],
    [
      root,
      folder('d'),
      hard('c', 'd/a'),
      hard('f', 'd/b'),
      hard('g', 'e'),
      hard('t', 's'),
      file('d/.wh.b', ''),
    ],
  );
  t.deepEqual(treeOf(made), [
    'file c 4',
    'd d 755',
    'file d/a 4',
    'w d/b',
    'file e 5',
    'file f 4',
    'file g 5',
    'symlink s x',
    'symlink t x',
  ]);
  t.is(made.children.get('c'), made.children.get('f'));
  t.like(made.children.get('g'), { layer: 0 });
  t.deepEqual(borrows, [0]);
});
test('a hard link to what a whiteout or another kind hides below is to nothing', (t) => {
  const hard: Made = { name: 'l', type: '1', link: 'd/a' };
  for (const middle of [[file('d/.wh.a', '')], [file('d/.wh..wh..opq', '')], [file('d')]])
    t.throws(() => planOf([root, file('d/a')], middle, [hard]), { message: /^cannot place "(l|d\/a)": / });
});
test('a device 0:0 is a whiteout, as overlayfs takes it', (t) => {
  const plan = planOf([root, { name: 'd', type: '3' }]);
  t.deepEqual(treeOf(plan.root), ['w d']);
  t.deepEqual(plan.notes, ['took a device 0:0 for a whiteout, as overlayfs does']);
});

test('attributes of overlayfs and of no known kind are left out and told', (t) => {
  const plan = planOf([
    root,
    folder('d', {
      pax: {
        'SCHILY.xattr.trusted.overlay.redirect': '/etc',
        'SCHILY.xattr.user.overlay.opaque': 'y',
        'SCHILY.xattr.user.kept': '1',
        'SCHILY.xattr.system.posix_acl_access': '2',
      },
    }),
    folder('e', { pax: { 'SCHILY.xattr.system.posix_acl_access': '2', mtime: '-5' } }),
  ]);
  const d = plan.root.children.get('d');
  t.deepEqual(d?.type === 'directory' ? [...d.attributes.xattrs] : [], [['user.kept', '1']]);
  t.deepEqual(plan.notes, [
    'left out the extended attribute "system.posix_acl_access": squashfs cannot keep it (2 times)',
    'left out the extended attribute "trusted.overlay.redirect": in a tar layer it has no meaning',
    'left out the extended attribute "user.overlay.opaque": in a tar layer it has no meaning',
    'moved a time into the years from 1970 to 2106',
  ]);
});

test('an owner that is none becomes root, as for chown, and is told', (t) => {
  const none = 0xffff_ffff;
  const plan = planOf([
    root,
    file('a'),
    { name: 'b', uid: 5, pax: { gid: `${none}` } },
    folder('c', { pax: { uid: `${none}` } }),
  ]);
  t.like(plan.root.children.get('b'), { uid: 5, gid: 0 });
  t.like(plan.root.children.get('c'), { attributes: { uid: 0, gid: 0 } });
  t.deepEqual(plan.notes, ['took the owner 4294967295 for 0: it stands for none (2 times)']);
});

test('the root has the attributes of its entry, else those below, else plain ones', (t) => {
  const own = folder('./', { mode: 0o700, uid: 5, gid: 6, mtime: 77 });
  t.like(planOf([own]).root.attributes, { mode: 0o700, uid: 5, gid: 6, mtime: 77 });
  t.like(planOf([own], [file('a')]).root.attributes, { mode: 0o700, uid: 5, gid: 6, mtime: 77 });
  t.like(planOf([file('a')]).root.attributes, { mode: 0o755, uid: 0, gid: 0, mtime: 0 });
});

test('folders come before what is in them, files in the order of the archive, marks as overlayfs wants them', (t) => {
  const { root: made } = planOf(
    [root, folder('x'), file('x/1')],
    [
      root,
      file('z'),
      file('late/b'),
      file('a'),
      folder('late'),
      file('x/.wh.1', ''),
      folder('x'),
      folder('o'),
      file('o/.wh..wh..opq', ''),
    ],
  );
  const records = listRecords(made);
  t.deepEqual(
    records.map(({ path }) => path),
    ['z', 'late', 'late/b', 'a', 'x', 'x/1', 'o'],
  );
  const [opaque, whiteout] = [records.at(-1), records.at(-2)];
  t.deepEqual(
    [...(opaque?.attributes.xattrs ?? [])],
    [
      ['trusted.overlay.opaque', 'y'],
      ['user.overlay.opaque', 'y'],
    ],
  );
  t.like(whiteout, { type: 'character', major: 0, minor: 0, attributes: { mode: 0 } });
});

test('a layer whose folders all have entries, and no whiteouts, needs nothing from below, another one says so', (t) => {
  const plan =
    (...made: Made[]) =>
    () =>
      planLayer(entriesOf(tarOf(...made)), undefined, 1);
  t.notThrows(plan(root, folder('d'), file('d/a'), file('d/.wh..wh..opq', ''), file('.wh.c', '')));
  for (const made of [
    [file('a')],
    [root, file('d/a')],
    [root, file('d/.wh.a', '')],
    [root, folder('d'), file('d/.wh.a', '')],
    [root, file('.wh..wh..opq', '')],
  ])
    t.throws(plan(...made), { instanceOf: NeedsLower });
});

const refuses = test.macro({
  exec(t, made: readonly Made[], why: string) {
    t.throws(() => planOf([root, ...made]), { message: `cannot place ${why}` });
  },
  title: (what) => `it refuses ${what}`,
});
test(
  'a name that leads out',
  refuses,
  [file('../etc/passwd')],
  '"../etc/passwd": it leads out of its folder',
);
test('".." inside of a name', refuses, [file('a/../b')], '"a/../b": it leads out of its folder');
test(
  'a hard link that leads out',
  refuses,
  [{ name: 'l', type: '1', link: '../x' }],
  '"../x": it leads out of its folder',
);
test(
  'a long part',
  refuses,
  [{ name: 'x', pax: { path: 'x'.repeat(256) } }],
  `"${'x'.repeat(256)}": it has a part of more than 255 bytes`,
);
test('a NUL', refuses, [{ name: 'x', pax: { path: 'a\0b' } }], '"a\\u0000b": it contains a NUL');
test(
  'a whiteout of nothing',
  refuses,
  [file('d/.wh.', '')],
  '"d/.wh.": it is a whiteout of nothing that can exist',
);
test(
  'a whiteout of the folder',
  refuses,
  [file('d/.wh..', '')],
  '"d/.wh..": it is a whiteout of nothing that can exist',
);
test(
  'a whiteout of the folder above',
  refuses,
  [file('d/.wh...', '')],
  '"d/.wh...": it is a whiteout of nothing that can exist',
);
test(
  'a whiteout of a whiteout',
  refuses,
  [file('d/.wh..wh.a', '')],
  '"d/.wh..wh.a": it is a whiteout of nothing that can exist',
);
test('a name below a whiteout', refuses, [file('.wh.d/a')], '".wh.d/a": it lies below a whiteout');
test(
  'a name below a file',
  refuses,
  [file('a'), file('a/b')],
  '"a/b": it lies below "a", which is no folder',
);
test('a name below a file of a layer below', (t) => {
  t.throws(() => planOf([root, file('a')], [root, file('a/b')]), {
    message: 'cannot place "a/b": it lies below "a", which is no folder',
  });
});
test(
  'a link to itself as a folder',
  refuses,
  [link('a', 'a'), file('a/b')],
  '"a/b": it lies below too many links',
);
test(
  'a hard link to nothing',
  refuses,
  [{ name: 'l', type: '1', link: 'x' }],
  '"l": it is a hard link to "x", which is no file of this layer or one below',
);
test(
  'a hard link to a folder',
  refuses,
  [folder('x'), { name: 'l', type: '1', link: 'x' }],
  '"l": it is a hard link to "x", which is no file of this layer or one below',
);
test('a link without target', refuses, [link('l', '')], '"l": it is a symbolic link without a usable target');
test('a root that is a file', refuses, [file('.')], '".": it stands for the root but is no folder');
test(
  'a device number that does not fit',
  refuses,
  [{ name: 'd', type: '4', major: 4096 }],
  '"d": it has the device number 4096:0',
);
