import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { serve } from '../../pkg/api/index.ts';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { parseReference } from '../../pkg/oci/index.ts';
import {
  boot,
  changeSettings,
  install,
  log,
  machinePaths,
  parsePlace,
  status,
  type UpdatesStatus,
  updatesStatus,
} from '../../pkg/system/index.ts';
import { makeRoot } from '../helpers/machine.ts';
import { startRegistry } from '../helpers/registries.ts';
import { addImage, builtAt, makeVendor, publishRelease } from '../helpers/vendor.ts';

const hour = 3_600_000;

/** A machine whose clock can be set forward and whose reboots are told; between two of them it has a daemon. */
async function makeMachine(t: ExecutionContext) {
  const vendor = await makeVendor(t);
  const root = await makeRoot(t, vendor);
  const registry = await startRegistry(t, { kind: 'docker' });
  const place = parsePlace(registry.host, vendor.folder);
  const reference = `${registry.host}/machine/web:stable`;
  const release = async (number: number): Promise<void> => {
    const image = await addImage(vendor, `v${number}`, { 'etc/motd': `release ${number}` });
    await publishRelease(vendor, {
      name: 'machine/web:stable',
      ...{ place, access: { plainHttp: true } },
      manifest: `update_type: complete
release: ${number}
targets:
  - { service_name: hostfs, source: '${image}', version: ${number}.0.0, service_type: hostfs, nsgroup: none, network: { type: host } }
`,
    });
  };
  let forward = 0;
  let boots = 1;
  const host: Host = {
    ...linuxHost,
    clock: { ...linuxHost.clock, now: () => new Date(Date.now() + forward) },
    machine: { ...linuxHost.machine, bootId: async () => `boot ${boots}` },
  };
  const { run } = await machinePaths(host, root);
  const machine = {
    ...{ root, host, release, reference },
    updates: (): Promise<UpdatesStatus> => updatesStatus(host, { root }),
    /** Another boot; with a generation, of that. */
    async start(generation?: number): Promise<void> {
      boots++;
      if (generation === undefined) return;
      const commit = (await log(host, { root })).find((one) => one.generation === generation)?.commit;
      mkdirSync(run, { recursive: true });
      writeFileSync(
        join(run, 'booted.json'),
        JSON.stringify({ generation, commit, bootId: `boot ${boots}` }),
      );
    },
    /** Until the daemon reboots, or until what is looked for is there. */
    async live(hours: number, until?: (updates: UpdatesStatus) => boolean): Promise<void> {
      forward += hours * hour;
      const stopping = new AbortController();
      const rebooted = Promise.withResolvers<void>();
      const daemon = serve(
        host,
        {
          ...{ root, builtAt, socket: join(root, 'api.sock'), signal: stopping.signal },
          reboot: async () => rebooted.resolve(),
        },
        () => {},
      );
      const seen = async () => {
        while (until !== undefined && !until(await machine.updates())) await host.clock.sleep(50);
      };
      await Promise.race([daemon, until === undefined ? rebooted.promise : seen()]);
      stopping.abort();
      await daemon;
    },
  };
  await release(1);
  const access = { plainHttp: true };
  await install(host, { root, builtAt, reference: parseReference(reference), access }, () => {});
  return machine;
}

test('a machine updates itself, proves good, and leaves what does not', async (t) => {
  const machine = await makeMachine(t);
  const { root, host, reference, release } = machine;
  const running = async () => (await status(host, { root })).running.generation;
  await boot(host, { root }, () => {});
  await changeSettings(host, {
    root,
    automatic: true,
    source: { kind: 'manifest', reference, plainHttp: true, acceptExpired: false },
  });

  // There is nothing new; then there is, and it goes all the way.
  await machine.live(
    0,
    ({ automatic, most_recent_command }) =>
      most_recent_command?.cmd_status === 'Success' && automatic?.action === 'check',
  );
  t.is((await machine.updates()).update_state, 'Idle');
  await release(2);
  await machine.live(7);
  t.is((await machine.updates()).update_state, 'Ready');
  await machine.start(2);
  t.is((await boot(host, { root }, () => {})).good, true);
  await machine.live(0, ({ automatic }) => automatic?.action === 'check');
  const good = await machine.updates();
  t.deepEqual([good.update_state, good.active_generation?.release, good.failed_updates], ['Idle', 2, []]);

  // The loader went back to what ran before: the new one is taken back, and not offered again.
  await release(3);
  await machine.live(7);
  await machine.start(2);
  const record = join(root, 'config/mos/upgrade/record.json');
  const isSeen = () => JSON.parse(readFileSync(record, 'utf8')).trial.since !== null;
  await machine.live(0, isSeen);
  const jobs = join(root, 'config/mos/api/jobs');
  const isDone = (operation: string) =>
    readdirSync(jobs)
      .filter((name) => name.endsWith('.json'))
      .map((name) => JSON.parse(readFileSync(join(jobs, name), 'utf8')))
      .some((job) => job.operation === operation && job.state === 'done');
  await machine.live(1, () => isDone('fall-back'));
  const back = await machine.updates();
  t.deepEqual(
    [back.staging_generation, back.failed_updates.map(({ reason }) => reason)],
    [null, ['generation 3 failed']],
  );
  t.is(back.active_generation?.release, 2);
  await machine.live(7, ({ most_recent_command }) => most_recent_command?.cmd_type === 'refresh');
  t.is((await machine.updates()).update_state, 'Idle');

  // It boots, and its services never become well: after a quarter of an hour it is left by a reboot.
  await release(4);
  await machine.live(7);
  const waiting = (await machine.updates()).staging_generation?.generation ?? 0;
  await machine.start(waiting);
  await machine.live(0, isSeen);
  t.is((await machine.updates()).automatic?.action, 'fall-back');
  t.is((await machine.updates()).active_generation?.release, 4);
  await machine.live(1);
  t.deepEqual(
    (await machine.updates()).failed_updates.map(({ reason }) => reason),
    ['generation 3 failed', `generation ${waiting} failed`],
  );
  await machine.start();
  t.is((await status(host, { root })).release, 2);
  const history = await log(host, { root });
  t.deepEqual(
    history.map(({ verdict }) => verdict),
    [null, 'bad', null, 'bad', 'good', 'good'],
  );
  t.is(await running(), history[0]?.generation ?? 0);
});
