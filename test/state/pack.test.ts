import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import test from 'ava';
import { objectId } from '../../pkg/state/git/objects.ts';
import { renderPack } from '../../pkg/state/git/pack.ts';
import { renderCommit, renderTree } from '../../pkg/state/git/parse.ts';
import { renderStored, unpackStored } from '../../pkg/state/git/stored.ts';
import { temporaryFolder } from '../helpers/folder.ts';

test('what we store is a zlib stream, and read as it was', (t) => {
  for (const size of [0, 1, 0xffff, 0x10000, 300_000]) {
    const body = randomBytes(size);
    const stored = renderStored(body);
    t.deepEqual(inflateSync(stored), body);
    t.deepEqual(unpackStored(stored), body);
  }
});

test('git takes objects of any size from one pack, and is content with them', async (t) => {
  const folder = await temporaryFolder(t);
  const git = (args: readonly string[], input?: Uint8Array) =>
    execFileSync('git', ['-C', folder, ...args], { input: input ?? '', encoding: 'latin1' });
  git(['init', '--quiet']);
  const blobs = [0, 1, 15, 16, 2047, 2048, 70_000, 300_000].map((size) => randomBytes(size));
  const files = blobs.map((body, i) => ({ mode: '100644', name: `${i}.é`, id: objectId('blob', body) }));
  const tree = renderTree(files);
  const commit = renderCommit({
    tree: objectId('tree', tree),
    parents: [],
    time: new Date('2026-01-02T03:04:05.6Z'),
    message: 'generation 1: é\n\nRelease: 1\n',
  });
  const pack = renderPack([
    ...blobs.map((body) => ({ type: 'blob', body }) as const),
    { type: 'tree', body: tree },
    { type: 'commit', body: commit },
  ]);
  git(['unpack-objects', '-q', '--strict'], pack);
  const id = objectId('commit', commit);
  git(['update-ref', 'HEAD', id]);
  t.is(git(['fsck', '--full', '--strict', '--no-dangling']), '');
  t.is(
    git(['log', '--format=%H %an <%ae> %aI %cI %s']),
    `${id} machine <root@machine.local> 2026-01-02T03:04:05+00:00 2026-01-02T03:04:05+00:00 ${Buffer.from('generation 1: é').toString('latin1')}\n`,
  );
  for (const [i, body] of blobs.entries())
    t.is(git(['cat-file', 'blob', files[i]?.id ?? '']), body.toString('latin1'));
});
