import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openLayout } from '../../pkg/layout/index.ts';
import { update } from '../../pkg/system/index.ts';
import { mosctl, plain } from '../helpers/cli.ts';
import { installFrom, makeRoot, planFrom, updateFrom } from '../helpers/machine.ts';
import { treeOf } from '../helpers/tree.ts';
import { addImage, makeVendor, publishRelease, type Vendor } from '../helpers/vendor.ts';

type Life = {
  vendor: Vendor;
  root: string;
  release(number: number, host: string, data: string): Promise<string>;
};

/** A machine with generation 1: hostfs h1, data d1. */
async function live(t: ExecutionContext): Promise<Life> {
  const vendor = await makeVendor(t);
  for (const name of ['h1', 'h2', 'd1', 'd2', 'd3', 'd4']) await addImage(vendor, name, { [name]: name });
  const release = async (number: number, host: string, data: string): Promise<string> => {
    const { reference } = await publishRelease(vendor, {
      name: `machine/install:${number}`,
      manifest: `update_type: complete
release: ${number}
targets:
  - {service_name: hostfs, source: "oci:${vendor.images}:${host}", version: "${host}", service_type: hostfs}
  - {service_name: data, source: "oci:${vendor.images}:${data}", version: "${data}", service_type: fs-only}
`,
    });
    return reference;
  };
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
