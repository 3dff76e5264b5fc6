// Packs an initrd: pack.ts PREINIT MOSCTL MANIFEST-CA MODULES OUT. OUT ending in .zst is compressed, as a boot loader wants it.
import { resolve } from 'node:path';
import { writeAtomic } from '../pkg/host/index.ts';
import { linuxHost } from '../pkg/host/linux/index.ts';
import { initrdArchive } from './archive.ts';

const [preinit, mosctl, manifestCa, modules, out] = process.argv.slice(2).map((path) => resolve(path));
if (!preinit || !mosctl || !manifestCa || !modules || !out)
  throw new Error('usage: pack.ts PREINIT MOSCTL MANIFEST-CA MODULES OUT');

const parts = { preinit, mosctl, manifestCa, modules };
await writeAtomic(linuxHost, out, await initrdArchive(linuxHost, parts, { compress: out.endsWith('.zst') }));
