import { execFileSync } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { mosb } from './vendor.ts';

// Images to measure with: Debian's root file system, and made ones, the same bytes each time. They are made once, in
// build/bench/images, converted as a vendor does it.

const layout = 'build/bench/images';
const work = 'build/bench/work';

/** One layer of a made image: how much of it cannot be compressed, how much is text. */
type Layer = { readonly seed: string; readonly random: number; readonly text: number };

const layer = (seed: string, random = 92): Layer => ({ seed, random, text: 48 });
const tens = Array.from({ length: 10 }, (_, index) => layer(`layer ${index}`));

const images = {
  /** Debian: one layer, about 100 MB of squashfs. */
  system: undefined,
  /** 920 MB in ten layers. */
  large: tens,
  /** The same, but for its last layer. */
  'large-next': [...tens.slice(0, 9), layer('another')],
  /** 2 GB in one layer. */
  huge: [layer('huge', 2000)],
  /** Debian, and nineteen small layers on top. */
  twenty: Array.from({ length: 19 }, (_, index) => ({ seed: `small ${index}`, random: 1, text: 1 })),
} as const satisfies Record<string, readonly Layer[] | undefined>;

export type ImageName = keyof typeof images;

/** The layers of images that grow on Debian's come on top of its own. */
const onDebian: readonly ImageName[] = ['system', 'twenty'];

export const debianTar = (): string => firstLayer('build/images/debian', '1');

/** The file of the first layer of an image in a layout. */
function firstLayer(folder: string, name: string): string {
  const blob = (digest: string) => `${folder}/blobs/sha256/${digest.slice(7)}`;
  const read = (file: string) => JSON.parse(readFileSync(file, 'utf8'));
  const named = (entry: { annotations?: Record<string, string> }) =>
    entry.annotations?.['org.opencontainers.image.ref.name'] === name;
  const { digest } = read(`${folder}/index.json`).manifests.find(named);
  return blob(read(blob(digest)).layers[0].digest);
}

/** The same of an image that `imageSource` gave. */
export const layerFile = (source: string): string =>
  firstLayer(layout, source.slice(source.lastIndexOf(':') + 1));

/** Makes the image where it is missing; returns its reference. */
export function imageSource(name: ImageName, say: (text: string) => void): string {
  const key = createHash('sha256')
    .update(JSON.stringify(images[name] ?? []))
    .update(debianTar())
    .digest('hex');
  const tag = `${name}-${key.slice(0, 12)}`;
  const source = `oci:${resolve(layout)}:${tag}`;
  const mark = join(layout, `.${tag}`);
  if (existsSync(mark)) return source;
  say(`making the image ${name}`);
  mkdirSync(layout, { recursive: true });
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work);
  const tars = [...(onDebian.includes(name) ? [debianTar()] : []), ...(images[name] ?? []).map(makeTar)];
  writeFileSync(join(work, 'config.json'), '{"Entrypoint":["/sbin/init"]}');
  const plain = join(work, 'plain');
  execFileSync(process.execPath, [
    'layouts/images/oci-layout.ts',
    plain,
    '1',
    join(work, 'config.json'),
    ...tars,
  ]);
  mosb('image', 'convert', '--quiet', `--scratch=${resolve(work)}`, `oci:${resolve(plain)}:1`, source);
  rmSync(work, { recursive: true });
  writeFileSync(mark, '');
  return source;
}

const megabyte = 1_000_000;

/** Files of one megabyte, without times and owners of this machine. */
function makeTar({ seed, random, text }: Layer): string {
  const name = createHash('sha256').update(seed).digest('hex');
  const [root, tar] = [join(work, name), join(work, `${name}.tar`)];
  mkdirSync(join(root, 'usr'), { recursive: true });
  const noise = createCipheriv('aes-128-ctr', Buffer.from(name.slice(0, 32), 'hex'), Buffer.alloc(16));
  const zeroes = Buffer.alloc(megabyte);
  for (let i = 0; i < random; i++)
    writeFileSync(join(root, 'usr', `${name.slice(0, 8)}-${i}`), noise.update(zeroes));
  const lines = Array.from(
    { length: megabyte / 50 },
    (_, i) => `${seed}: line ${i} of a text that packs well\n`,
  );
  for (let i = 0; i < text; i++)
    writeFileSync(join(root, 'usr', `${name.slice(0, 8)}-text-${i}`), lines.join(`${i}`));
  const same = [
    '--sort=name',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--mtime=@0',
    '--mode=u=rwX,go=rX',
  ];
  execFileSync('tar', ['--create', '--file', `${tar}.part`, '--directory', root, ...same, '.']);
  rmSync(root, { recursive: true });
  renameSync(`${tar}.part`, tar);
  return tar;
}
