import { readdirSync, readFileSync, rmSync } from 'node:fs';
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
