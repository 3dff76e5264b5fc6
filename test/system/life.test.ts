import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openLayout } from '../../pkg/layout/index.ts';
import { lockState, openState } from '../../pkg/state/index.ts';
import { update } from '../../pkg/system/index.ts';
import { mosctl, plain } from '../helpers/cli.ts';
import { installFrom, makeRoot, planFrom, updateFrom } from '../helpers/machine.ts';
import { raiseFloor } from '../helpers/raise-floor.ts';
import { treeOf } from '../helpers/tree.ts';
import {
  addImage,
  addProduct,
  makeVendor,
  publishHostAndData,
  publishRelease,
  type Vendor,
} from '../helpers/vendor.ts';

type Life = {
  vendor: Vendor;
  root: string;
  release(number: number, host: string, data: string): Promise<string>;
};

/** A machine with generation 1: hostfs h1, data d1. */
async function live(t: ExecutionContext): Promise<Life> {
  const vendor = await makeVendor(t);
  for (const name of ['h1', 'h2', 'd1', 'd2', 'd3', 'd4']) await addImage(vendor, name, { [name]: name });
  const release = (number: number, host: string, data: string): Promise<string> =>
    publishHostAndData(vendor, number, host, data);
  const root = await makeRoot(t, vendor);
  await installFrom(root, await release(1, 'h1', 'd1'));
  return { vendor, root, release };
}

const output = async (life: Life, ...words: string[]): Promise<string> => {
  const { exit, stdout, stderr } = await mosctl(life.root, ...words);
  return plain(`${stdout}${stderr}${exit === 0 ? '' : `exit ${exit}\n`}`, {
    ROOT: life.root,
    REPO: life.vendor.repository,
  });
};

test('status of a fresh installation', async (t) => {
  const life = await live(t);
  t.is(
    await output(life, 'status'),
    `generation 1: data added, hostfs added (TIME)
  release 1, security version 0, floor 0
  last good: none yet
  product UUID (first install)
  target  version  type     image         mounted
  data    d1       fs-only  DIGEST
  hostfs  h1       hostfs   DIGEST
warning: the product was fixed by the first install: nobody proved it
warning: the floor is a file: whoever has the disk can restore an older one
`,
  );
});

test('an update of a service is current at once, one of hostfs waits, and both are in log, diff and why', async (t) => {
  const life = await live(t);
  const { root, release } = life;
  const service = await updateFrom(root, await release(2, 'h1', 'd2'));
  t.deepEqual([service.generation, service.changed, service.needsReboot], [2, true, false]);
  const host = await updateFrom(root, await release(3, 'h2', 'd2'));
  t.deepEqual([host.generation, host.changed, host.needsReboot], [3, true, true]);
  const again = await updateFrom(root, await release(3, 'h2', 'd2'));
  t.deepEqual([again.generation, again.changed], [3, false]);
  t.is(
    await output(life, 'log'),
    `generation 3 (next)  TIME
  hostfs h1 → h2
  release 3, security version 0, from zot:REPO:machine/install:3
generation 2 (current)  TIME
  data d1 → d2
  release 2, security version 0, from zot:REPO:machine/install:2
generation 1  TIME
  data added, hostfs added
  release 1, security version 0, from zot:REPO:machine/install:1
`,
  );
  t.is(
    await output(life, 'diff'),
    'generation 2 → generation 3\n  ~ hostfs: h1 (DIGEST) → h2 (DIGEST); needs a reboot\n',
  );
  t.is(
    await output(life, 'diff', '1', 'current'),
    'generation 1 → generation 2\n  ~ data: d1 (DIGEST) → d2 (DIGEST)\n',
  );
  t.is(
    await output(life, 'diff', '1'),
    'nothing → generation 1\n  + data: d1 (DIGEST)\n  + hostfs: h1 (DIGEST); needs a reboot\n',
  );
  t.is(
    await output(life, 'why'),
    `generation 2 runs
  believed: the CAs of ROOT/factory/secure/manifestCA.pem
  product UUID (fixed by the first install)
  manifest DIGEST: complete, release 2, security version 0
    signed by CN=manifest PRODUCT:UUID
    from zot:REPO:machine/install:2, since generation 2
    data d2 is image DIGEST
    hostfs h1 is image DIGEST
how it came to this:
  TIME  generation 1 made: data added, hostfs added; install
  TIME  generation 2 made: data d1 → d2; update
  TIME  generation 3 made: hostfs h1 → h2; update
`,
  );
});

test('where nothing has proved good yet a rollback goes to the generation before', async (t) => {
  const life = await live(t);
  t.is(
    await output(life, 'rollback'),
    `mosctl: cannot roll back: there is no generation before 1 to go to
  mosctl log lists the generations; choose one with --to N
exit 7
`,
  );
  await updateFrom(life.root, await life.release(2, 'h1', 'd2'));
  await updateFrom(life.root, await life.release(3, 'h1', 'd3'));
  t.is(
    await output(life, 'rollback'),
    `generation 4 has the content of generation 2
  ~ data: d3 (DIGEST) → d2 (DIGEST)
`,
  );
});

test('a rollback is a new generation, and a pending update is gone with it', async (t) => {
  const life = await live(t);
  await updateFrom(life.root, await life.release(2, 'h1', 'd2'));
  await updateFrom(life.root, await life.release(3, 'h2', 'd2'));
  t.is(
    await output(life, 'rollback', '--to', '1', '--reason', 'd2 loses data'),
    `generation 4 has the content of generation 1
  ~ data: d2 (DIGEST) → d1 (DIGEST)
  ~ hostfs: h2 (DIGEST) → h1 (DIGEST); needs a reboot
`,
  );
  t.like(await mosctl(life.root, 'log', '-n', '0'), {
    exit: 2,
    stderr: 'mosctl: cannot list the newest 0 generations: say at least 1\n',
  });
  t.is(
    await output(life, 'log', '-n', '2'),
    `generation 4 (current)  TIME
  rollback to generation 1: data d2 → d1, hostfs h2 → h1
  release 1, security version 0, from zot:REPO:machine/install:1
generation 3  TIME
  hostfs h1 → h2
  release 3, security version 0, from zot:REPO:machine/install:3
  TIME remark: rollback from generation 3 to 1: d2 loses data
`,
  );
  t.is(
    await output(life, 'rollback', '--to', '1'),
    'nothing changed: the machine has the content of generation 1 already\n',
  );
  t.is(
    await output(life, 'update', await life.release(2, 'h1', 'd2')),
    `mosctl: cannot accept zot:REPO:machine/install:2: it is release 2, and this machine accepted release 3
  mosctl rollback goes back to a generation that this machine has kept
exit 5
`,
  );
});

test('gc removes what no kept generation uses, pinned ones stay', async (t) => {
  const life = await live(t);
  await updateFrom(life.root, await life.release(2, 'h1', 'd2'));
  await updateFrom(life.root, await life.release(3, 'h1', 'd3'));
  await updateFrom(life.root, await life.release(4, 'h1', 'd4'));
  t.is(await output(life, 'pin', '1'), 'generation 1 is pinned\n');
  const planned = await output(life, 'gc', '--dry-run', '--keep', '1');
  t.regex(planned, /^would remove 2 images, 6 blobs, .*\n {2}generations kept: 4, 1\n/);
  const before = treeOf(join(life.root, 'atomfs-cache'));
  t.is(await output(life, 'gc'), 'removed 0 images, 0 blobs, 0 B\n  generations kept: 4, 3, 2, 1\n');
  t.deepEqual(treeOf(join(life.root, 'atomfs-cache')), before);
  t.is(await output(life, 'pin', '--remove', '1'), 'generation 1 is no longer pinned\n');
  t.regex(
    await output(life, 'gc', '--keep', '1'),
    /^removed 3 images, 9 blobs, .*\n {2}generations kept: 4\n/,
  );
  t.is(
    await output(life, 'rollback', '--to', '1'),
    `mosctl: cannot roll back to generation 1: its images are not in the store any more: cannot read the image of data: cannot find sha256:SHA in ROOT/atomfs-cache/mos
  update to its manifest again, or choose another one with --to N
exit 7
`,
  );
  const verified = await output(life, 'verify');
  t.regex(verified, /^state: \d+ objects; generations verified: 4, 3, 2\n/);
  t.regex(verified, / {2}without images: generations 3, 2\neverything is as it was signed\n$/);
});

test('verify finds a missing and an altered blob, an update with the same manifest brings them back', async (t) => {
  const life = await live(t);
  t.regex(await output(life, 'verify'), /everything is as it was signed\n$/);
  const store = await openLayout(linuxHost, join(life.root, 'atomfs-cache/mos'));
  const [first] = await store.tags();
  t.not(first, undefined);
  const manifest = JSON.parse(Buffer.from(await store.read(await store.resolve(first ?? ''))).toString());
  rmSync(join(life.root, 'atomfs-cache/mos/blobs/sha256', manifest.layers[0].digest.slice(7)));
  const found = await output(life, 'verify');
  t.regex(found, /store: sha256:SHA is missing/);
  t.regex(found, /exit 6\n$/);
  const result = await updateFrom(life.root, await life.release(1, 'h1', 'd1'));
  t.false(result.changed);
  t.regex(await output(life, 'verify'), /everything is as it was signed\n$/);
});

test('a folder in place of any blob is told by verify, and an update with the same manifest brings the blob back', async (t) => {
  const life = await live(t);
  const blobs = join(life.root, 'atomfs-cache/mos/blobs/sha256');
  for (const hex of readdirSync(blobs)) {
    rmSync(join(blobs, hex));
    mkdirSync(join(blobs, hex));
    writeFileSync(join(blobs, hex, 'stray'), '');
    t.regex(await output(life, 'verify'), /it is a directory in place of a file.*exit 6\n$/s);
    t.false((await updateFrom(life.root, await life.release(1, 'h1', 'd1'))).changed);
    t.regex(await output(life, 'verify'), /everything is as it was signed\n$/);
  }
});

test('a plan says steps, bytes and changes, and touches nothing', async (t) => {
  const life = await live(t);
  const reference = await life.release(2, 'h2', 'd2');
  const before = treeOf(life.root, /(?!)/);
  const plan = await planFrom(update, life.root, reference);
  t.deepEqual(plan.steps, [
    'lock the state',
    'fetch and verify the images',
    'write the new generation',
    'switch to it',
    'tidy up',
  ]);
  t.true(plan.bytes.missing > 8000 && plan.bytes.missing === plan.bytes.total);
  t.deepEqual(
    plan.changes.map(({ name }) => name),
    ['data', 'hostfs'],
  );
  t.deepEqual(treeOf(life.root, /(?!)/), before);
  t.false(existsSync(join(life.root, 'config/mos/install')));
});

test('verify tells of a machine that would not boot: a commit of somebody else, a generation below the floor', async (t) => {
  const life = await live(t);
  await updateFrom(life.root, await life.release(2, 'h1', 'd2'));
  const git = (...words: string[]) =>
    execFileSync('git', ['-C', join(life.root, 'config/manifest.git'), ...words], {
      encoding: 'utf8',
    }).trim();
  const env = ['-c', 'user.name=x', '-c', 'user.email=x@x'];
  const own = git('rev-parse', 'refs/mos/current');
  git(...env, 'commit', '-q', '--allow-empty', '-m', 'changed by hand');
  const foreign = git('rev-parse', 'HEAD');
  git('update-ref', 'refs/mos/current', foreign);
  t.regex(
    await output(life, 'verify'),
    new RegExp(
      `generation: current: cannot use the generation of commit ${foreign}: its commit ${foreign} is not one of mosctl`,
    ),
  );
  git('update-ref', 'refs/mos/current', own);
  git('update-ref', 'refs/heads/main', own);
  t.regex(await output(life, 'verify'), /everything is as it was signed/);
  await using lock = await lockState(linuxHost, openState(join(life.root, 'config')), {
    owner: 't',
    wait: 0,
  });
  await raiseFloor(linuxHost, lock, 3);
  t.regex(
    await output(life, 'verify'),
    /generation: current: cannot use generation 2: its security version is 0, this machine requires 3/,
  );
});

for (const [what, damage] of [
  ['gone', (path: string) => rmSync(path)],
  ['no JSON', (path: string) => writeFileSync(path, 'junk')],
] as const)
  test(`a list of images that is ${what} is told by verify and made again by gc and by update`, async (t) => {
    const life = await live(t);
    const index = join(life.root, 'atomfs-cache/mos/index.json');
    const before = readFileSync(index, 'utf8');
    damage(index);
    t.regex(await output(life, 'verify'), /store: cannot .*index.json: .*; mosctl gc makes it again\n/);
    const { exit, stdout } = await mosctl(life.root, 'gc');
    t.deepEqual([exit, stdout], [0, 'removed 0 images, 0 blobs, 0 B\n  generations kept: 1\n']);
    const names = (text: string) =>
      JSON.parse(text)
        .manifests.map((entry: object) => JSON.stringify(entry))
        .sort();
    t.deepEqual(names(readFileSync(index, 'utf8')), names(before));
    damage(index);
    await updateFrom(life.root, await life.release(2, 'h1', 'd2'));
    t.regex(await output(life, 'verify'), /generations verified: 2, 1\n.*\neverything is as it was signed/);
  });

test('small files that are damaged are told by verify; the history says what they said', async (t) => {
  const life = await live(t);
  const records = join(life.root, 'config/mos');
  for (const name of ['accepted.json', 'allocations.json', 'product.json'])
    writeFileSync(join(records, name), Buffer.from([0xff, 0xfe]));
  const told = await output(life, 'verify');
  for (const name of ['accepted.json', 'allocations.json', 'product.json'])
    t.true(told.includes(`state: ROOT/config/mos/${name} is damaged\n`), told);
  t.is((await mosctl(life.root, 'status')).exit, 0);
  const other = await addProduct(life.vendor, 'other');
  const { reference } = await publishRelease(life.vendor, {
    name: 'machine/other:1',
    project: 'other',
    manifest: `update_type: complete\nrelease: 9\ntargets:\n  - {service_name: data, source: "oci:${life.vendor.images}:d2", version: "1", service_type: fs-only}\n`,
  });
  const { exit, stderr } = await mosctl(life.root, 'update', reference);
  t.deepEqual(
    [exit, stderr],
    [
      4,
      `mosctl: cannot use the manifest: it is for the product ${other}, this machine is a ${life.vendor.product}\n`,
    ],
  );
});
