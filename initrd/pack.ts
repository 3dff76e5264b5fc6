// Packs an initrd: pack.ts PREINIT MOSCTL MANIFEST-CA MODULES OUT. OUT ending in .zst is compressed, as a boot loader wants it.
import { resolve } from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import { writeAtomic } from '../pkg/host/index.ts';
import { linuxHost } from '../pkg/host/linux/index.ts';
import { readInitrd } from './contents.ts';
import { renderCpio } from './cpio.ts';

const [preinit, mosctl, manifestCa, modules, out] = process.argv.slice(2).map((path) => resolve(path));
if (!preinit || !mosctl || !manifestCa || !modules || !out)
  throw new Error('usage: pack.ts PREINIT MOSCTL MANIFEST-CA MODULES OUT');

const archive = Buffer.concat(
  renderCpio(await readInitrd(linuxHost, { preinit, mosctl, manifestCa, modules })),
);
// Level 19 is 9 % smaller and takes 40 times longer. No worker threads: with them Node 24 gives back nothing.
const level = { params: { [constants.ZSTD_c_compressionLevel]: 9 } };
await writeAtomic(linuxHost, out, out.endsWith('.zst') ? zstdCompressSync(archive, level) : archive);
