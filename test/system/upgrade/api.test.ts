import { readFile, rename, writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { type Api, openApi } from '../../../pkg/api/api.ts';
import { startAutomatic } from '../../../pkg/api/automatic.ts';
import { dispatch } from '../../../pkg/api/dispatch.ts';
import { parseRequestHead, usualLimits } from '../../../pkg/api/http/index.ts';
import type { Jobs } from '../../../pkg/api/jobs/index.ts';
import { MosError } from '../../../pkg/errors/index.ts';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { nextAutomatic, updatesStatus } from '../../../pkg/system/index.ts';
import { lockCommands } from '../../../pkg/system/upgrade/folder.ts';
import { requestOf } from '../../helpers/api.ts';
import { installFrom, makeRoot, updateFrom } from '../../helpers/machine.ts';
import { trial } from '../../helpers/trial.ts';
import { addImage, makeVendor, publishRelease, type Vendor } from '../../helpers/vendor.ts';

const admin = { name: 'alice', role: 'admin' } as const;

async function call(api: Api, line: string, body = ''): Promise<{ status: number; value: unknown }> {
  const headers = ['Content-Type: application/json', `Content-Length: ${body.length}`];
  const head = parseRequestHead(requestOf(line, ...(body === '' ? [] : headers)).slice(0, -4), usualLimits);
  const answer = await dispatch(api, admin, { ...head, body: Buffer.from(body) });
  return { status: answer.status, value: answer.body === '' ? undefined : JSON.parse(String(answer.body)) };
}

/** Waits for the job that an action began. */
async function act(api: Api, action: string): Promise<number> {
  const { status } = await call(api, `POST /actions/${action}`);
  const [job] = api.jobs.list();
  if (job !== undefined) for await (const _ of api.jobs.events(job.id));
  return status;
}

type Status = {
  readonly update_state: string;
  readonly chosen_update: { readonly digest: string } | null;
  readonly active_generation: { readonly generation: number };
  readonly staging_generation: { readonly generation: number } | null;
  readonly most_recent_command: {
    readonly cmd_type: string;
    readonly cmd_status: string;
    readonly stderr: string;
  };
};
const statusOf = async (api: Api): Promise<Status> =>
  (await call(api, 'GET /updates/status')).value as Status;

async function release(vendor: Vendor, number: number): Promise<void> {
  const image = await addImage(vendor, `v${number}`, { 'etc/motd': `release ${number}` });
  await publishRelease(vendor, {
    name: 'machine/stable:latest',
    manifest: `update_type: complete
release: ${number}
targets:
  - { service_name: hostfs, source: '${image}', version: ${number}.0.0, service_type: hostfs, nsgroup: none, network: { type: host } }
`,
  });
}

async function makeApi(t: ExecutionContext) {
  const vendor = await makeVendor(t);
  const root = await makeRoot(t, vendor);
  await release(vendor, 1);
  const source = `zot:${vendor.repository}:machine/stable:latest`;
  await installFrom(root, source);
  const open = () => openApi(linuxHost, { root, builtAt: new Date(0) });
  return { vendor, source, root, open };
}

test('an update goes from Idle to Ready and back, by the digest that was chosen', async (t) => {
  const { vendor, source, open } = await makeApi(t);
  {
    await using api = await open();
    t.is((await statusOf(api)).update_state, 'Idle');
    t.is(await act(api, 'refresh-updates'), 204);
    t.regex((await statusOf(api)).most_recent_command.stderr, /nobody has said where/);
    t.is((await call(api, 'POST /v1/updates/source', JSON.stringify({ reference: source }))).status, 200);

    t.is(await act(api, 'refresh-updates'), 204);
    t.is((await statusOf(api)).update_state, 'Idle'); // what it has is what there is
    for (const [action, status] of [
      ['prepare-update', 404],
      ['activate-update', 404],
      ['deactivate-update', 409],
    ] as const)
      t.is(await act(api, action), status, action);

    await release(vendor, 2);
    t.is(await act(api, 'refresh-updates'), 204);
    const { update_state, chosen_update } = await statusOf(api);
    t.is(update_state, 'Available');
    t.is(await act(api, 'activate-update'), 409);
    await release(vendor, 3); // the tag moves on: what was chosen stays
    t.is(await act(api, 'prepare-update'), 204);
    const staged = await statusOf(api);
    t.is(staged.update_state, 'Staged');
    t.deepEqual(staged.chosen_update, chosen_update);
  }
  await using api = await open(); // the daemon was started again
  t.is((await statusOf(api)).update_state, 'Staged');
  t.is(await act(api, 'activate-update'), 204);
  const ready = await statusOf(api);
  t.is(ready.update_state, 'Ready');
  t.deepEqual(ready.active_generation, { generation: 1, release: 1, next_to_boot: false } as never);
  t.deepEqual(ready.staging_generation, { generation: 2, release: 2, next_to_boot: true } as never);
  for (const action of ['refresh-updates', 'prepare-update', 'activate-update'])
    t.is(await act(api, action), 409);

  t.is(await act(api, 'deactivate-update'), 204);
  const back = await statusOf(api);
  t.is(back.update_state, 'Staged');
  t.is(back.staging_generation, null);
  t.is(back.most_recent_command.cmd_status, 'Success');
});

test('while one command is at work another is 423, and one that was stopped is told', async (t) => {
  const { source, open } = await makeApi(t);
  {
    await using api = await open();
    await call(api, 'POST /v1/updates/source', JSON.stringify({ reference: source }));
    const go = Promise.withResolvers<void>();
    await api.jobs.start('verify', 'bob', () => go.promise);
    t.is((await call(api, 'POST /actions/refresh-updates')).status, 423);
    go.resolve();
  }
});

test('a command that ends while somebody looks was not stopped', async (t) => {
  const { source, root, open } = await makeApi(t);
  await using api = await open();
  await call(api, 'POST /v1/updates/source', JSON.stringify({ reference: source }));
  t.is(await act(api, 'refresh-updates'), 204);
  const file = `${root}/config/mos/upgrade/record.json`;
  const ended = await readFile(file, 'utf8');
  await writeFile(file, ended.replace('"Success"', '"Started"'));
  const lock: typeof linuxHost.files.lock = async (...given) => {
    await writeFile(file, ended);
    return linuxHost.files.lock(...given);
  };
  const host = { ...linuxHost, files: { ...linuxHost.files, lock } };
  const { most_recent_command, last_failure } = await updatesStatus(host, { root });
  t.is(most_recent_command?.cmd_status, 'Success');
  t.is(last_failure, null);
});

test('who plans automatic updates does not write over a command that is at work', async (t) => {
  const { source, root, open } = await makeApi(t);
  await using api = await open();
  await call(
    api,
    'POST /v1/updates/settings',
    JSON.stringify({ source: { reference: source }, automatic: true }),
  );
  t.is(await act(api, 'refresh-updates'), 204);
  const folder = `${root}/config/mos/upgrade`;
  const file = `${folder}/record.json`;
  const { command, ...rest } = JSON.parse(await readFile(file, 'utf8'));
  const atWork = {
    ...rest,
    command: { ...command, cmd_status: 'Started' },
    trial: { ...trial, generation: 1 },
  };
  await writeFile(file, JSON.stringify(atWork));
  {
    await using _lock = await lockCommands(linuxHost, folder, 'mosctl update prepare');
    await nextAutomatic(linuxHost, root);
    t.deepEqual(JSON.parse(await readFile(file, 'utf8')), atWork);
  }
  await nextAutomatic(linuxHost, root);
  t.not(JSON.parse(await readFile(file, 'utf8')).trial.since, null);
});

test('automatic updates go on when the disk is full no more', async (t) => {
  const { source, open } = await makeApi(t);
  await using api = await open();
  await call(
    api,
    'POST /v1/updates/settings',
    JSON.stringify({ source: { reference: source }, automatic: true }),
  );
  const sleep = (ms: number, signal?: AbortSignal) => linuxHost.clock.sleep(Math.min(ms, 10), signal);
  const host = { ...linuxHost, clock: { ...linuxHost.clock, sleep } };
  const told: string[] = [];
  const looked = Promise.withResolvers<void>();
  let isFull = true;
  const start: Jobs['start'] = async (operation, who, work) => {
    if (!isFull) looked.resolve();
    else {
      isFull = false;
      throw new MosError('no-space', 'cannot write: no space left');
    }
    return api.jobs.start(operation, who, work);
  };
  const options = { ...api.options, tell: (line: string) => void told.push(line) };
  await using _ = startAutomatic({ ...api, host, options, jobs: { ...api.jobs, start } });
  await looked.promise;
  t.deepEqual(told, ['cannot begin check: cannot write: no space left']);
});

test('an image that is lost, and one that is there again, is in the next answer', async (t) => {
  const { root, open } = await makeApi(t);
  await using api = await open();
  const isHealthy = async () => (await call(api, 'GET /v1/health')).value as { healthy: boolean };
  const blobs = `${root}/atomfs-cache/mos/blobs`;
  t.like(await isHealthy(), { healthy: true });
  await rename(blobs, `${blobs}.away`);
  t.like(await isHealthy(), { healthy: false });
  await rename(`${blobs}.away`, blobs);
  t.like(await isHealthy(), { healthy: true });
});

test('settings and holds are checked, and what is not named stays', async (t) => {
  const { source, open } = await makeApi(t);
  await using api = await open();
  const set = (change: object) => call(api, 'POST /v1/updates/settings', JSON.stringify(change));
  const usual = { automatic: false, delay: 0, ignoreWaves: false, versionLock: null, checkEvery: 6 };
  const shown = { kind: 'manifest', reference: source, plainHttp: false, acceptExpired: false };
  const window = 'sat,sun 02:00-04:00';
  t.deepEqual(await set({ source: { reference: source }, window }), {
    status: 200,
    value: { source: shown, ...usual, window } as never,
  });
  for (const wrong of [
    { window: 'noon' },
    { delay: -1 },
    { delay: 1.5 },
    { checkEvery: 0 },
    { automatic: 'on' },
    { source: { reference: '../x' } },
    { source: { kind: 'channel', reference: 'registry.example.com/machine/stable:tag' } },
    { source: { reference: source, acceptExpired: true } },
    { colour: 1 },
  ])
    t.is((await set(wrong)).status, 400, JSON.stringify(wrong));
  t.deepEqual((await set({ window: null })).value, { source: shown, ...usual, window: null });
  const hold = (body: object) => call(api, 'POST /v1/updates/holds', JSON.stringify(body));
  t.is((await hold({ reason: 'a sale', minutes: 30 })).status, 200);
  for (const wrong of [{}, { reason: '' }, { reason: 'x', minutes: 0 }, { reason: 'x', owner: 'a b' }])
    t.is((await hold(wrong)).status, 400, JSON.stringify(wrong));
  const { holds } = (await statusOf(api)) as never as { holds: { owner: string }[] };
  t.deepEqual(
    holds.map(({ owner }) => owner),
    ['alice'],
  );
  t.is((await call(api, 'DELETE /v1/updates/holds/bob')).status, 404);
  t.is((await call(api, 'DELETE /v1/updates/holds/me')).status, 200);
});

test('what a killed activation had switched already waits for the reboot all the same', async (t) => {
  const { vendor, source, root, open } = await makeApi(t);
  await using api = await open();
  await call(api, 'POST /v1/updates/source', JSON.stringify({ reference: source }));
  await release(vendor, 2);
  for (const action of ['refresh-updates', 'prepare-update']) t.is(await act(api, action), 204);
  await updateFrom(root, source); // the same, but for the record
  t.is((await statusOf(api)).update_state, 'Staged');
  t.is(await act(api, 'activate-update'), 204);
  const { update_state, staging_generation } = await statusOf(api);
  t.deepEqual([update_state, staging_generation?.generation], ['Ready', 2]);
});
