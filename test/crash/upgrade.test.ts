import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { applyUpdate, changeSettings, log, machinePaths, updatesStatus } from '../../pkg/system/index.ts';
import { countingHost, crashingHost } from '../helpers/counting-host.ts';
import { installFrom, makeRoot } from '../helpers/machine.ts';
import { addImage, builtAt, makeVendor, publishRelease } from '../helpers/vendor.ts';
import { workFolder } from './operations.ts';
import { chosenPoints, forEachPoint } from './points.ts';

// The steps of an update are stopped before their n-th mutation: the same command ends them, and what was known stays known.

test('mosctl update apply, stopped in the process', async (t) => {
  const vendor = await makeVendor(t);
  const release = async (number: number): Promise<void> =>
    void (await publishRelease(vendor, {
      name: 'machine/web:stable',
      manifest: `update_type: complete
release: ${number}
targets:
  - { service_name: hostfs, source: '${await addImage(vendor, `v${number}`, { 'etc/motd': `${number}` })}', version: ${number}.0.0, service_type: hostfs, nsgroup: none, network: { type: host } }
`,
    }));
  await release(1);
  const reference = `zot:${vendor.repository}:machine/web:stable`;
  const template = await makeRoot(t, vendor);
  await installFrom(template, reference);
  const source = { kind: 'manifest', reference, plainHttp: false, acceptExpired: false } as const;
  await changeSettings(linuxHost, { root: template, source });
  await release(2);
  const folder = await workFolder(t);
  const copyOf = async (name: string): Promise<string> => {
    const root = join(folder, name);
    await cp(template, root, { recursive: true });
    const { run } = await machinePaths(linuxHost, root);
    t.teardown(() => linuxHost.files.removeTree(run));
    return root;
  };
  const apply = (host: Host, root: string) => applyUpdate(host, { root, builtAt }, () => {});

  const { host, names } = countingHost(linuxHost);
  t.is((await apply(host, await copyOf('undisturbed'))).update_state, 'Ready');
  const points = chosenPoints(names.length);
  await forEachPoint(points, async (n) => {
    const what = `stopped before mutation ${n} (${names[n - 1]})`;
    const root = await copyOf(`stop-${n}`);
    await apply(crashingHost(linuxHost, n).host, root).catch(() => {});
    const stopped = await updatesStatus(linuxHost, { root });
    t.not(stopped.most_recent_command?.cmd_status, 'Started', what);
    const { update_state, staging_generation, failed_updates } = await apply(linuxHost, root);
    t.deepEqual([update_state, staging_generation?.release, failed_updates], ['Ready', 2, []], what);
    t.deepEqual(
      (await log(linuxHost, { root })).map((entry) => entry.release),
      [2, 1],
      what,
    );
    await linuxHost.files.removeTree(root);
  });
  t.log(`stopped before a mutation: update apply: ${points.length} of ${names.length} points`);
});
