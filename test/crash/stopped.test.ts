import { execFileSync } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { call } from '../helpers/cli.ts';
import { countingHost, crashingHost } from '../helpers/counting-host.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { installFrom, makeRoot, updateFrom } from '../helpers/machine.ts';
import { treeOf } from '../helpers/tree.ts';
import { addImage, makeVendor, publishRelease, type Vendor } from '../helpers/vendor.ts';

/** `make crash` tries every point; `make test` every so many, the first and the last ones always. */
const step = Number(process.env['CRASH_STEP'] ?? 20);

const chosen = (count: number): number[] =>
  Array.from({ length: count }, (_, index) => index + 1).filter(
    (n) => n % step === 1 || step === 1 || n > count - 4,
  );

type Stage = { readonly vendor: Vendor; readonly root: string; readonly refs: readonly string[] };

/** Three releases: the second changes the service, the third hostfs too. */
async function stage(t: ExecutionContext): Promise<Stage> {
  const vendor = await makeVendor(t);
  const refs: string[] = [];
  for (const [release, host, data] of [
    [1, 'h1', 'd1'],
    [2, 'h1', 'd2'],
    [3, 'h2', 'd2'],
  ] as const) {
    const [h, d] = [
      await addImage(vendor, host, { [host]: host }),
      await addImage(vendor, data, { [data]: data }),
    ];
    const manifest = `update_type: complete
release: ${release}
targets:
  - {service_name: hostfs, source: "${h}", version: "${host}", service_type: hostfs}
  - {service_name: data, source: "${d}", version: "${data}", service_type: fs-only}
`;
    refs.push((await publishRelease(vendor, { name: `machine/m:${release}`, manifest })).reference);
  }
  return { vendor, root: await makeRoot(t, vendor), refs };
}

const run = (root: string, words: readonly string[], host: Host = linuxHost) =>
  call(['mosctl', '--quiet', '--json', ...words, '--root', root], { host });

/** What a machine is, without what differs from run to run: times, and so the ids of commits. */
async function stateOf(root: string): Promise<unknown> {
  const log = JSON.parse((await run(root, ['log'])).stdout || '[]') as Record<string, unknown>[];
  const files = Object.entries(treeOf(root)).filter(
    ([name]) => !/manifest\.git\/\.git\/|\.mos\/hashed\//.test(name),
  );
  const notes = (entry: Record<string, unknown>) =>
    (entry['notes'] as { kind: string; reason: string }[]).map(({ kind, reason }) => [kind, reason]);
  return {
    log: log.map((entry) => [entry['generation'], entry['summary'], entry['roles'], notes(entry)]),
    files: Object.fromEntries(files),
  };
}

/** Whatever the moment, the machine is the old or the new one, sound, and the same command ends it. */
async function everyStop(
  t: ExecutionContext,
  template: string,
  words: readonly string[],
  isInstall = false,
): Promise<void> {
  const folder = await temporaryFolder(t);
  const copyOf = async (name: string): Promise<string> => {
    await cp(template, join(folder, name), { recursive: true });
    return join(folder, name);
  };
  const undisturbed = await copyOf('undisturbed');
  const before = await stateOf(undisturbed);
  const counting = countingHost(linuxHost);
  t.is((await run(undisturbed, words, counting.host)).exit, 0);
  const after = JSON.stringify(await stateOf(undisturbed)).replaceAll(undisturbed, 'ROOT');
  const generations = new Set([
    JSON.stringify((before as { log: unknown }).log),
    JSON.stringify((JSON.parse(after) as { log: unknown }).log),
  ]);
  for (const n of chosen(counting.names.length)) {
    const root = await copyOf(`stop-${n}`);
    const { host, crashed } = crashingHost(linuxHost, n);
    const stopped = await run(root, words, host);
    // Ids of commits decide how many folders of objects are synced: the count may be one less.
    t.is(stopped.exit === 0, !crashed());
    if (!crashed()) t.true(n > counting.names.length - 6, `mutation ${n} was not reached`);
    const what = `${words.join(' ')} stopped before mutation ${n} (${counting.names[n - 1]})`;
    const status = await run(root, ['status']);
    t.true(status.exit === 0 || (isInstall && status.exit === 9), `${what}: status ${status.stderr}`);
    if (status.exit === 0) {
      const verified = await run(root, ['verify']);
      t.is(verified.exit, 0, `${what}: ${verified.stdout}`);
      execFileSync('git', ['-C', join(root, 'config/manifest.git'), 'fsck', '--full', '--strict'], {
        stdio: 'pipe',
      });
      const now = ((await stateOf(root)) as { log: unknown[] }).log.filter(
        (entry) => ((entry as unknown[])[2] as unknown[]).length > 0,
      );
      const known = [...generations].flatMap((log) =>
        (JSON.parse(log) as unknown[][]).filter((entry) => (entry[2] as unknown[]).length > 0),
      );
      for (const entry of now)
        t.true(
          known.some((one) => (entry as unknown[])[0] === one[0]),
          what,
        );
    }
    const again = await run(root, words);
    t.is(again.exit, 0, `${what}, again: ${again.stderr}`);
    t.deepEqual(
      JSON.parse(JSON.stringify(await stateOf(root)).replaceAll(root, 'ROOT')),
      JSON.parse(after),
      what,
    );
    await linuxHost.files.removeTree(root);
  }
  t.log(`${words[0]}: ${chosen(counting.names.length).length} of ${counting.names.length} mutations`);
}

test('install', async (t) => {
  const { root, refs } = await stage(t);
  await everyStop(t, root, ['install', refs[0] ?? ''], true);
});

test('update of a service', async (t) => {
  const { root, refs } = await stage(t);
  await installFrom(root, refs[0] ?? '');
  await everyStop(t, root, ['update', refs[1] ?? '']);
});

test('update of hostfs', async (t) => {
  const { root, refs } = await stage(t);
  await installFrom(root, refs[0] ?? '');
  await everyStop(t, root, ['update', refs[2] ?? '']);
});

test('rollback', async (t) => {
  const { root, refs } = await stage(t);
  for (const [index, ref] of refs.entries()) await (index === 0 ? installFrom : updateFrom)(root, ref);
  await everyStop(t, root, ['rollback', '--to', '1']);
});

test('gc', async (t) => {
  const { root, refs } = await stage(t);
  for (const [index, ref] of refs.entries()) await (index === 0 ? installFrom : updateFrom)(root, ref);
  await everyStop(t, root, ['gc', '--keep', '1']);
});
