import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { applyEsp, bootFileName } from '../../pkg/esp/index.ts';
import type { Host, WritableFile } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { digestOf } from '../../pkg/oci/index.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { ForgetfulHost, worlds } from '../helpers/forgetful-host.ts';
import { treeOf } from '../helpers/tree.ts';

const entry = 'loader/entries/mos-1.conf';
const text = 'title mos\n';

async function makeEsp(t: ExecutionContext): Promise<string> {
  const esp = await scratchFolder(t);
  for (const folder of ['loader/entries', 'EFI/mos']) mkdirSync(join(esp, folder), { recursive: true });
  return esp;
}

/** Says what is done to files, and what one says that is removed. A rename is refused. */
function watched(): { readonly host: Host; readonly did: string[] } {
  const did: string[] = [];
  const { files } = linuxHost;
  const seen = <T>(what: string, done: T): T => {
    did.push(what);
    return done;
  };
  const spied: Partial<Host['files']> = {
    open: async (path) => {
      const file = await files.open(path);
      did.push('open');
      return { ...file, [Symbol.asyncDispose]: () => seen('close', file[Symbol.asyncDispose]()) };
    },
    create: async (path) => {
      const file = await files.create(path);
      did.push('create');
      return {
        size: 0,
        write: (chunk) => seen('write', file.write(chunk)),
        sync: () => seen('sync file', file.sync()),
        [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
      } satisfies WritableFile;
    },
    writeAt: (path, at, bytes) =>
      seen(bytes.length === 0 ? 'sync file' : 'write', files.writeAt(path, at, bytes)),
    remove: (path) => seen(`remove ${JSON.stringify(readFileSync(path, 'utf8'))}`, files.remove(path)),
    rename: () => Promise.reject(new Error('renamed')),
    syncFolder: (path) => seen('sync folder', files.syncFolder(path)),
  };
  return { host: { ...linuxHost, files: { ...files, ...spied } }, did };
}

const written = ['create', 'write', 'sync folder', 'sync file'];
const removed = (was: string) => [
  'open',
  `remove ${JSON.stringify(was)}`,
  'sync folder',
  'close',
  'sync folder',
];
/** At first, of each entry that is there. */
const synced = ['sync folder', 'sync file'];
const silenced = '\n'.repeat(text.length);

test('a file that goes loses its name before its clusters, and an entry before that its text', async (t) => {
  const esp = await makeEsp(t);
  writeFileSync(join(esp, entry), text);
  const { host, did } = watched();
  await applyEsp(host, esp, [{ kind: 'remove', path: entry }]);
  t.deepEqual(did, [...synced, 'write', ...removed(silenced)]);
  t.deepEqual(readdirSync(join(esp, 'loader/entries')), []);
  await applyEsp(host, esp, [{ kind: 'remove', path: entry }]); // one that is gone already is no error
});

test('a file has its name from the start, and its clusters before its length', async (t) => {
  const esp = await makeEsp(t);
  const { host, did } = watched();
  await applyEsp(host, esp, [{ kind: 'write', path: entry, text }]);
  t.deepEqual(did.splice(0), written);
  const other = 'title other\n';
  await applyEsp(host, esp, [{ kind: 'write', path: entry, text: other }]);
  t.deepEqual(did, [...synced, 'write', ...removed(silenced), ...written]);
  t.is(readFileSync(join(esp, entry), 'utf8'), other);
});

test('a boot file takes the place of a torn one, and goes when its bytes are not those of its name', async (t) => {
  const esp = await makeEsp(t);
  const good = Buffer.from('boot file');
  const bootFile = digestOf(good);
  const path = `EFI/mos/${bootFileName(bootFile)}`;
  const call = { kind: 'copy', path, bootFile, bytes: good.length } as const;
  writeFileSync(join(esp, path), 'torn');
  const { host, did } = watched();
  const copy = (bytes: Buffer) =>
    applyEsp(host, esp, [call], async function* () {
      yield bytes;
    });
  await copy(good);
  t.deepEqual(did, [...removed('torn'), ...written]);
  t.is(readFileSync(join(esp, path), 'utf8'), 'boot file');
  await t.throwsAsync(copy(Buffer.from('boot fi1e')), { code: 'corrupt' });
  t.deepEqual(readdirSync(join(esp, 'EFI/mos')), []);
});

for (const survives of worlds)
  test(`what was written to an empty ESP outlasts a power cut, ${survives} survives`, async (t) => {
    const esp = await scratchFolder(t);
    const bytes = Buffer.from('boot file');
    const bootFile = digestOf(bytes);
    const path = `EFI/mos/${bootFileName(bootFile)}`;
    const forgetful = new ForgetfulHost(linuxHost, await scratchFolder(t), Number.POSITIVE_INFINITY, esp);
    await applyEsp(
      forgetful.host,
      esp,
      [
        { kind: 'copy', path, bootFile, bytes: bytes.length },
        { kind: 'write', path: entry, text },
      ],
      async function* () {
        yield bytes;
      },
    );
    const written = treeOf(esp);
    await forgetful.powerCut(survives);
    t.deepEqual(treeOf(esp), written);
    t.is(readFileSync(join(esp, entry), 'utf8'), text);
  });
