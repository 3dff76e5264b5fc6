import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { mosctl, plain } from '../helpers/cli.ts';
import { installFrom, makeRoot, updateFrom } from '../helpers/machine.ts';
import { addImage, makeVendor, publishHostAndData, type Vendor } from '../helpers/vendor.ts';

// What a machine lost of its images and of its state: it is told, with what brings it back.

type Machine = {
  readonly vendor: Vendor;
  readonly root: string;
  readonly store: string;
  readonly reference: string;
  /** The exit code, then what was said; mosctl's words alone. */
  run(...words: readonly string[]): Promise<string>;
};

async function installed(t: ExecutionContext): Promise<Machine> {
  const vendor = await makeVendor(t);
  for (const name of ['h1', 'd1']) await addImage(vendor, name, { [name]: name });
  const reference = await publishHostAndData(vendor, 1, 'h1', 'd1');
  const root = await makeRoot(t, vendor);
  await installFrom(root, reference);
  const run = async (...words: readonly string[]): Promise<string> => {
    const { exit, stdout, stderr } = await mosctl(root, ...words);
    return plain(`${exit}\n${stdout}${stderr}`, { ROOT: root });
  };
  return { vendor, root, store: join(root, 'atomfs-cache/mos'), reference, run };
}

const digestOf = async (root: string, name: string): Promise<string> => {
  const { targets } = JSON.parse((await mosctl(root, 'status', '--json')).stdout);
  return targets.find((target: { name: string }) => target.name === name).digest.slice('sha256:'.length);
};

const noStore = 'cannot find the store of images: there is none at ROOT/atomfs-cache/mos';
const cure = 'mosctl update with the same manifest fetches lost images again';

for (const lost of ['', 'mos', 'mos/oci-layout'])
  test(`without ATOMFS-CACHE/${lost} all say so, and an update brings it back`, async (t) => {
    const { store, root, reference, run } = await installed(t);
    rmSync(join(root, 'atomfs-cache', lost), { recursive: true });
    t.true((await run('status')).includes(`\nwarning: ${noStore}: ${cure}\n`));
    t.is(await run('gc'), `7\nmosctl: ${noStore}\n  ${cure}\n`);
    const verified = await run('verify');
    t.regex(verified, /^6\n/);
    t.true(verified.includes(`store: ${noStore}\n`), verified);
    t.regex(await run('update', reference), /^0\n/);
    t.regex(await run('verify'), /everything is as it was signed/);
    t.regex(readFileSync(join(store, 'index.json'), 'utf8'), /sha256/);
  });

test('an image that is not whole is told by status, and an update brings it back', async (t) => {
  const { store, root, reference, run } = await installed(t);
  const digest = await digestOf(root, 'data');
  const image = JSON.parse(readFileSync(join(store, 'blobs/sha256', digest), 'utf8'));
  for (const [verb, lost] of [
    ['read', digest],
    ['use', image.layers[0].digest.slice('sha256:'.length)],
  ]) {
    rmSync(join(store, 'blobs/sha256', lost));
    const why = 'cannot find sha256:SHA in ROOT/atomfs-cache/mos';
    const warning = `\nwarning: cannot ${verb} the image of data: ${why}: ${cure}\n`;
    t.true((await run('status')).includes(warning), await run('status'));
    t.regex(await run('verify'), /^6\n/);
    t.regex(await run('update', reference), /^0\n/);
    t.false((await run('status')).includes('image of'));
  }
  rmSync(join(store, 'blobs/sha256', digest));
  t.true((await run('gc')).endsWith(`  ${cure}; --keep 1 leaves older generations out\n`), await run('gc'));
});

test('status tells of lost images of what waits for a boot, too', async (t) => {
  const { vendor, store, root, run } = await installed(t);
  await addImage(vendor, 'h2', { h2: 'h2' });
  const before = readdirSync(join(store, 'blobs/sha256'));
  await updateFrom(root, await publishHostAndData(vendor, 2, 'h2', 'd1'));
  t.false((await run('status')).includes('image of'));
  for (const name of readdirSync(join(store, 'blobs/sha256')))
    if (!before.includes(name)) rmSync(join(store, 'blobs/sha256', name));
  t.regex(await run('status'), /\nwarning: cannot read the image of hostfs: cannot find sha256:SHA /);
});

test('a folder of blobs that is lost is made again by an update', async (t) => {
  const { store, reference, run } = await installed(t);
  rmSync(join(store, 'blobs'), { recursive: true });
  t.regex(await run('verify'), /^6\n[\s\S]*sha256:SHA is missing/);
  t.regex(await run('update', reference), /^0\n/);
  t.regex(await run('verify'), /everything is as it was signed/);
});

/** Each is told by verify; afterwards an update works and all is well. */
const damaged = test.macro({
  exec: async (
    t,
    file: string,
    bytes: string | undefined,
    { told, fix = () => {} }: { told?: string; fix?: (path: string) => void },
  ) => {
    const { vendor, root, run } = await installed(t);
    const repository = join(root, 'config/manifest.git');
    const path = join(repository, '.git', file);
    if (bytes === undefined) rmSync(path);
    else writeFileSync(path, bytes);
    const verified = await run('verify');
    if (told === undefined) t.regex(verified, /^0\n/);
    else t.true(verified.startsWith('6\n') && verified.includes(`  state: ${told}\n`), verified);
    fix(path);
    await addImage(vendor, 'd2', { d2: 'd2' });
    t.regex(await run('update', await publishHostAndData(vendor, 2, 'h1', 'd2')), /^0\n/);
    t.regex(await run('pin', '1', '--reason', 'to be kept'), /^0\n/);
    t.regex(await run('verify'), /everything is as it was signed/);
    const status = execFileSync('git', ['-C', repository, 'status', '--porcelain'], { encoding: 'utf8' });
    t.is(status, '', 'the view is that of the new generation');
  },
  title: (_, file, bytes) =>
    `${bytes === undefined ? 'a lost' : 'a damaged'} .git/${file} (${JSON.stringify(bytes)}) has a cure, which verify tells`,
});
const git = 'ROOT/config/manifest.git/.git';
const noHead = `${git}/HEAD names no branch; the next update writes it again`;
test(damaged, 'HEAD', '', { told: noHead });
test(damaged, 'HEAD', 'ref: ', { told: noHead });
test(damaged, 'HEAD', undefined, { told: noHead });
for (const bytes of ['', 'DIRC and so on, long enough for a header and a hash'])
  test(damaged, 'index', bytes, { told: `${git}/index is damaged; the next update makes it again` });
test(damaged, 'index', undefined, {});
test(damaged, 'config', '[core]', {
  told: 'cannot write to ROOT/config/manifest.git: its .git/config is not the one that mosctl wrote; find out who changed it, and remove it: the next update writes it again',
  fix: (path) => rmSync(path),
});
test(damaged, 'refs/mos/current', undefined, {
  told: 'refs/mos/current is lost, nothing tells what runs; git -C ROOT/config/manifest.git update-ref refs/mos/current generation-N tells it again',
  fix: (path) =>
    execFileSync('git', ['-C', join(path, '../../../..'), 'update-ref', 'refs/mos/current', 'generation-1']),
});

test('any command that writes makes a damaged HEAD again', async (t) => {
  const { root, run } = await installed(t);
  writeFileSync(join(root, 'config/manifest.git/.git/HEAD'), '');
  t.regex(await run('pin', '1', '--reason', 'to be kept'), /^0\n/);
  t.regex(await run('verify'), /everything is as it was signed/);
});
