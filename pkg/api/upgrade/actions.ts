import { exitCodeOf, MosError, messageOf } from '../../errors/index.ts';
import { parseReference, renderReference } from '../../oci/index.ts';
import type { Report } from '../../steps/index.ts';
import { fetchUpdate, log, pinReference, reboot, rollback, update } from '../../system/index.ts';
import type { Api } from '../api.ts';
import { type CommandType, readUpgrade, type UpgradeRecord, writeUpgrade } from './record.ts';
import { reconcile, stateOf, type UpdateState, type UpdatesStatus, updatesStatus } from './state.ts';

/** Where the update stands, after a look at the machine. */
export async function readUpdates(api: Api): Promise<UpdatesStatus> {
  const { record, machine, history } = await look(api);
  return updatesStatus(record, machine, history);
}

async function look(api: Api) {
  const { host, folder, options, jobs } = api;
  const [machine, history, known] = await Promise.all([
    api.status(),
    log(host, { root: options.root }),
    readUpgrade(host, folder),
  ]);
  const isAtWork = jobs.list().some(({ state }) => state === 'running');
  const seen = isAtWork ? known : settled(reconcile(known, machine, history));
  if (seen !== known) await writeUpgrade(host, folder, seen);
  return { record: seen, machine, history };
}

/** A command that nobody is at work on any more was stopped with the daemon. */
function settled(record: UpgradeRecord): UpgradeRecord {
  const { command } = record;
  if (command?.cmd_status !== 'Started') return record;
  const stderr = 'the daemon was stopped while it was at work';
  return { ...record, command: { ...command, cmd_status: 'Unknown', stderr } };
}

type Action = (
  api: Api,
  record: UpgradeRecord,
  report: Report,
  signal: AbortSignal,
) => Promise<Partial<UpgradeRecord>>;

/** From which states each may begin; `nothing` of them means that there is nothing to do it with. */
const allowed: Readonly<
  Record<CommandType, { from: readonly UpdateState[]; nothing: readonly UpdateState[] }>
> = {
  refresh: { from: ['Idle', 'Available', 'Staged'], nothing: [] },
  prepare: { from: ['Available', 'Staged'], nothing: ['Idle'] },
  activate: { from: ['Staged'], nothing: ['Idle'] },
  deactivate: { from: ['Ready'], nothing: [] },
  reboot: { from: ['Idle', 'Available', 'Staged', 'Ready'], nothing: [] },
};

const actions: Readonly<Record<CommandType, Action>> = {
  refresh: refreshUpdates,
  async prepare(api, record, report, signal) {
    await fetchUpdate(api.host, incoming(api, record, signal), report);
    return { prepared: true };
  },
  async activate(api, record, report, signal) {
    const result = await update(api.host, incoming(api, record, signal), report);
    // What needs no reboot runs already: nothing is left to do.
    if ('needsReboot' in result && result.needsReboot) return { generation: result.generation };
    return { chosen: null, prepared: false };
  },
  async deactivate(api, _record, report) {
    const { root, ca } = api.options;
    const { running } = await api.status();
    await rollback(
      api.host,
      { root, ca, to: running.generation, reason: 'the update was deactivated' },
      report,
    );
    return { generation: null };
  },
  async reboot({ host, options }) {
    await reboot(host, { root: options.root });
    return {};
  },
};

const accessOf = ({ source }: UpgradeRecord, signal: AbortSignal) => ({
  plainHttp: source?.plainHttp ?? false,
  signal,
});

/** What was chosen, by its digest: whatever the tag names by now. */
const incoming = ({ options }: Api, record: UpgradeRecord, signal: AbortSignal) => ({
  ...options,
  reference: parseReference(record.chosen?.reference ?? ''),
  access: accessOf(record, signal),
});

async function refreshUpdates(
  { host, options }: Api,
  record: UpgradeRecord,
  report: Report,
  signal: AbortSignal,
): Promise<Partial<UpgradeRecord>> {
  const { source, failed } = record;
  if (source === null)
    throw new MosError('state', 'cannot look for updates: nobody has said where', {
      hint: 'an admin says it: POST /v1/updates/source',
    });
  const access = accessOf(record, signal);
  const { reference, digest } = await pinReference(host, parseReference(source.reference), access);
  if (failed.includes(digest)) {
    report({ kind: 'note', text: `${digest} failed to boot before, and is not offered again` });
    return { chosen: null, prepared: false };
  }
  const plan = await update(host, { ...options, reference, access, plan: true }, report);
  if (!('steps' in plan) || plan.steps.length === 0) return { chosen: null, prepared: false };
  const isSame = record.chosen?.digest === digest;
  return {
    chosen: { version: source.reference, digest, reference: renderReference(reference) },
    prepared: isSame && record.prepared,
  };
}

/** Begins a command: `not-found` where there is nothing to do, `state` in the wrong state, `busy` while another is at work. */
export async function startCommand(api: Api, type: CommandType, who: string, again = false): Promise<void> {
  const { record } = await look(api);
  const state = stateOf(record);
  const { from, nothing } = allowed[type];
  if (nothing.includes(state))
    throw new MosError('not-found', `cannot ${type}: there is no update`, {
      hint: 'look for one: POST /actions/refresh-updates',
    });
  if (!from.includes(state))
    throw new MosError('state', `cannot ${type}: the update is ${state}, it must be ${from.join(' or ')}`);
  const { host, folder } = api;
  const begun = async (): Promise<UpgradeRecord> => {
    const command = { cmd_type: type, timestamp: host.clock.now().toISOString(), stderr: '' };
    const started: UpgradeRecord = {
      ...record,
      failed: again ? [] : record.failed,
      command: { ...command, cmd_status: 'Started', exit_status: null },
    };
    await writeUpgrade(host, folder, started);
    return started;
  };
  await api.jobs.start(type, who, async (report, signal) => {
    const started = await begun();
    const end = (more: Partial<UpgradeRecord>, exit: number, stderr: string): Promise<void> =>
      writeUpgrade(host, folder, {
        ...started,
        ...more,
        command: {
          cmd_type: type,
          cmd_status: exit === 0 ? 'Success' : 'Failed',
          timestamp: host.clock.now().toISOString(),
          ...{ exit_status: exit, stderr },
        },
      });
    try {
      const more = await actions[type](api, started, report, signal);
      await end(more, 0, '');
    } catch (error) {
      await end({}, exitCodeOf(error), messageOf(error));
      throw error;
    }
  });
}

export type UpdateSource = { readonly reference: string; readonly plainHttp?: boolean };

/** Says where updates come from; what was chosen from elsewhere is forgotten. */
export async function setSource(
  api: Api,
  { reference, plainHttp = false }: UpdateSource,
): Promise<UpdateSource> {
  const source = { reference: renderReference(parseReference(reference)), plainHttp };
  const { record } = await look(api);
  if (stateOf(record) === 'Ready')
    throw new MosError('state', 'cannot change where updates come from: one waits for the next boot', {
      hint: 'take it back first: POST /actions/deactivate-update',
    });
  await writeUpgrade(api.host, api.folder, { ...record, source, chosen: null, prepared: false });
  return source;
}
