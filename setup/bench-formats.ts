// squashfs and erofs layers of a real root file system beside each other: size, walk and reads, cold and warm.
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
} from 'node:fs';
import { join, resolve } from 'node:path';

const rounds = Number(process.argv[2] ?? 7);
const folder = mkdtempSync('/var/tmp/mos-bench-');
const formats = ['squashfs', 'erofs'] as const;
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

type Row = Record<'MB' | 'cold walk' | 'warm walk' | 'cold reads' | 'warm reads', number>;

/** What `ls -lR` asks: every name with its attributes. */
function walk(path: string, files: string[] = []): string[] {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const below = join(path, entry.name);
    const stat = lstatSync(below);
    if (entry.isDirectory()) walk(below, files);
    else if (stat.isFile() && stat.size > 0) files.push(below);
  }
  return files;
}

/** 4 KiB somewhere in each of 500 files, the same ones in each round. */
function read(files: readonly string[]): void {
  const block = Buffer.alloc(4096);
  for (let i = 0; i < 500; i++) {
    const path = files[(i * 7919) % files.length] ?? '';
    const file = openSync(path, 'r');
    readSync(file, block, 0, 4096, Math.floor(lstatSync(path).size / 2));
    closeSync(file);
  }
}

function timed(work: () => unknown): number {
  const started = performance.now();
  work();
  return performance.now() - started;
}

function blobOf(layout: string): string {
  const read = (digest: string) =>
    JSON.parse(readFileSync(join(layout, 'blobs/sha256', digest.slice(7)), 'utf8'));
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
  return join(layout, 'blobs/sha256', read(index.manifests[0].digest).layers[0].digest.slice(7));
}

/** Runs with nothing of the layer in memory: mounted anew, the file's pages dropped. */
function cold(layer: string, at: string, format: string, work: () => void): { cold: number; warm: number } {
  execFileSync('dd', [
    `of=${layer}`,
    'oflag=nocache',
    'conv=notrunc,fdatasync',
    'count=0',
    'status=none',
    'if=/dev/null',
  ]);
  execFileSync('mount', ['-o', 'loop,ro', '-t', format, layer, at]);
  try {
    return { cold: timed(work), warm: timed(work) };
  } finally {
    execFileSync('umount', [at]);
  }
}

function measure(format: (typeof formats)[number]): Row {
  const layout = join(folder, format);
  const mosb = resolve('build/mosb');
  execFileSync(mosb, [
    'image',
    'convert',
    '--quiet',
    '--fresh',
    `--format=${format}`,
    `oci:${resolve('build/images/debian')}:1`,
    `oci:${layout}:1`,
  ]);
  const layer = blobOf(layout);
  const at = join(folder, `${format}.mnt`);
  mkdirSync(at);
  let files: string[] = [];
  const walks: { cold: number; warm: number }[] = [];
  const reads: { cold: number; warm: number }[] = [];
  for (let i = 0; i < rounds; i++) {
    walks.push(
      cold(layer, at, format, () => {
        files = walk(at);
      }),
    );
    reads.push(cold(layer, at, format, () => read(files)));
  }
  return {
    MB: lstatSync(layer).size / 1e6,
    'cold walk': median(walks.map((one) => one.cold)),
    'warm walk': median(walks.map((one) => one.warm)),
    'cold reads': median(reads.map((one) => one.cold)),
    'warm reads': median(reads.map((one) => one.warm)),
  };
}

try {
  console.log(
    `| format | size (MB) | cold walk (ms) | warm walk (ms) | 500 cold reads (ms) | 500 warm reads (ms) |\n|---|---|---|---|---|---|`,
  );
  for (const format of formats) {
    const row = measure(format);
    console.log(
      `| ${format} | ${row.MB.toFixed(1)} | ${Object.values(row)
        .slice(1)
        .map((ms) => ms.toFixed(0))
        .join(' | ')} |`,
    );
  }
} finally {
  rmSync(folder, { recursive: true });
}
