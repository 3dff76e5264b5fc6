import { readFile, stat, writeFile } from 'node:fs/promises';
import test from 'ava';

import {
  parseVeritySuperblock,
  planVerity,
  renderVeritySuperblock,
  veritySalt,
} from '../../pkg/atomfs/index.ts';
import { linuxHost as host } from '../../pkg/host/linux/index.ts';
import { digestOf } from '../../pkg/oci/index.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { sealFile } from '../helpers/seal.ts';

/** Bytes that are the same in each run and don't repeat: xorshift32. */
function bytesOf(size: number): Buffer {
  const words = new Uint32Array(Math.ceil(size / 4));
  let x = 2463534242;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  return Buffer.from(words.buffer, 0, size);
}

const sizes = [1, 4096, 4097, 128 * 4096, 128 * 4096 + 1, 129 * 128 * 4096 + 5] as const;

const accepted = test.macro({
  exec: async (t, size: number) => {
    const file = `${await temporaryFolder(t)}/image`;
    await writeFile(file, bytesOf(size));
    const sealed = await sealFile(file);
    const offset = planVerity(size).hashOffset;
    t.is((await stat(file)).size, sealed.size);
    t.is(sealed.digest, digestOf(await readFile(file)));
    await host.processes.query(['veritysetup', 'verify', `--hash-offset=${offset}`, file, file, sealed.root]);
  },
  title: (_, size) => `veritysetup accepts the tree of ${size} bytes`,
});
for (const size of sizes) test(accepted, size);

const identical = test.macro({
  exec: async (t, size: number) => {
    const folder = await temporaryFolder(t);
    const data = bytesOf(size);
    await writeFile(`${folder}/ours`, data);
    await sealFile(`${folder}/ours`);
    const ours = await readFile(`${folder}/ours`);
    const { hashOffset } = planVerity(size);
    const uuid = ours
      .subarray(hashOffset + 16, hashOffset + 32)
      .toString('hex')
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    await writeFile(`${folder}/theirs`, Buffer.concat([data, Buffer.alloc(hashOffset - size)]));
    const salt = Buffer.from(veritySalt).toString('hex');
    await host.processes.query([
      'veritysetup',
      'format',
      `--salt=${salt}`,
      `--uuid=${uuid}`,
      `--hash-offset=${hashOffset}`,
      `${folder}/theirs`,
      `${folder}/theirs`,
    ]);
    const theirs = await readFile(`${folder}/theirs`);
    // veritysetup ends the file after the superblock's 512 bytes where there is no tree.
    t.true(ours.subarray(0, theirs.length).equals(theirs));
    t.true(ours.length - theirs.length < 4096);
  },
  title: (_, size) => `veritysetup format makes the same bytes behind ${size} bytes`,
});
for (const size of sizes) test(identical, size);

test('a superblock is read as it was written', (t) => {
  const superblock = { uuid: new Uint8Array(16).fill(7), dataBlocks: 12345678901, salt: bytesOf(40) };
  const read = parseVeritySuperblock(renderVeritySuperblock(superblock), 'it');
  t.deepEqual(read, { ...superblock, salt: Uint8Array.from(superblock.salt) });
});

const refused = test.macro({
  exec: (t, change: (bytes: DataView) => void, why: string) => {
    const block = renderVeritySuperblock({ uuid: new Uint8Array(16), dataBlocks: 1, salt: veritySalt });
    change(new DataView(block.buffer, block.byteOffset));
    t.throws(() => parseVeritySuperblock(block, 'the layer'), { message: `cannot use the layer: ${why}` });
  },
  title: (_, _change, why) => `a superblock is refused: ${why}`,
});
test(refused, (b) => b.setUint8(0, 0), 'there is no verity superblock behind the file system');
test(refused, (b) => b.setUint32(8, 2, true), 'its verity version is 2, not 1');
test(refused, (b) => b.setUint32(12, 0, true), 'its verity format is 0, not 1');
test(refused, (b) => b.setUint8(35, '1'.charCodeAt(0)), 'its verity algorithm is "sha156", not "sha256"');
test(refused, (b) => b.setUint32(64, 512, true), 'its verity data block size is 512, not 4096');
test(refused, (b) => b.setUint32(68, 1024, true), 'its verity hash block size is 1024, not 4096');
test(refused, (b) => b.setUint16(80, 257, true), 'its verity salt has 257 bytes');
