import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { applyEsp } from '../../pkg/esp/index.ts';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { scratchFolder } from '../helpers/folders.ts';

async function* nothing(): AsyncGenerator<Uint8Array> {}

test('a file that goes loses its name before its clusters', async (t) => {
  const esp = await scratchFolder(t);
  mkdirSync(join(esp, 'loader/entries'), { recursive: true });
  writeFileSync(join(esp, 'loader/entries/mos-1.conf'), 'title mos\n');
  const did: string[] = [];
  const { files } = linuxHost;
  const seen = <T>(what: string, done: T): T => {
    did.push(what);
    return done;
  };
  const host: Host = {
    ...linuxHost,
    files: {
      ...files,
      open: async (path) => {
        const file = await files.open(path);
        did.push('open');
        return { ...file, [Symbol.asyncDispose]: () => seen('close', file[Symbol.asyncDispose]()) };
      },
      remove: (path) => seen('remove', files.remove(path)),
      syncFolder: (path) => seen('sync', files.syncFolder(path)),
    },
  };
  const call = { kind: 'remove', path: 'loader/entries/mos-1.conf' } as const;
  await applyEsp(host, esp, [call], nothing);
  t.deepEqual(did, ['open', 'remove', 'sync', 'close', 'sync']);
  t.deepEqual(readdirSync(join(esp, 'loader/entries')), []);
  await applyEsp(host, esp, [call], nothing); // one that is gone already is no error
});
