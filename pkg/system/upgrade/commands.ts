import type { Integrity } from '../../atomfs/index.ts';
import { exitCodeOf, isMosError, MosError, messageOf } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { parseReference } from '../../oci/index.ts';
import type { Report } from '../../steps/index.ts';
import { boot } from '../boot.ts';
import { architectureOf } from '../offered.ts';
import { reboot } from '../reboot.ts';
import { rollback } from '../rollback.ts';
import { fetchUpdate, update } from '../update.ts';
import { askSource, type Candidate } from './candidate.ts';
import { choose } from './choose.ts';
import { isCommandAtWork, lockCommands } from './folder.ts';
import { type Look, lookAtMachine, lookAtUpgrade, takeUpgrade } from './look.ts';
import { type CommandType, changeUpgrade, type SeenUpdate, type UpgradeRecord } from './record.ts';
import { readSettings, type UpdateSettings } from './settings.ts';
import { stateOf, type UpdateState } from './state.ts';

export type UpgradeOptions = {
  readonly root: string;
  readonly ca?: string | undefined;
  readonly builtAt: Date;
  readonly integrity?: Integrity | undefined;
  readonly signal?: AbortSignal | undefined;
  /** With check: also what failed before. */
  readonly again?: boolean | undefined;
  /** Who does it: automatic updates take back what does not prove good. */
  readonly automatic?: boolean | undefined;
  /** In place of a reboot of this machine. */
  readonly reboot?: (() => Promise<void>) | undefined;
};

type Act = Look & { readonly options: UpgradeOptions; readonly report: Report };
type Action = (host: Host, act: Act) => Promise<Partial<UpgradeRecord>>;

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
  refresh,
  async prepare(host, act) {
    await fetchUpdate(host, await incoming(host, act), act.report);
    return { prepared: true };
  },
  activate,
  async deactivate(host, { options: { root, ca }, machine, report }) {
    const reason = 'the update was deactivated';
    await rollback(host, { root, ca, to: machine.running, reason }, report);
    return { generation: null, trial: null };
  },
  async reboot(host, { options, folder, machine: { bootId } }) {
    // Before: afterwards there may be no time.
    await changeUpgrade(host, folder, (record) => ({
      ...record,
      trial: record.trial === null ? null : { ...record.trial, bootId },
    }));
    await (options.reboot?.() ?? reboot(host, { root: options.root }));
    return {};
  },
};

/** What was chosen, by its digest: whatever the tag names by now. */
async function incoming(host: Host, { options, record, folder }: Act) {
  const { root, ca, builtAt, signal } = options;
  const plainHttp = (await readSettings(host, folder)).source?.plainHttp ?? false;
  const reference = parseReference(record.chosen?.reference ?? '');
  const [release, arch] = [record.chosen?.release ?? null, architectureOf(host)];
  const offered = release === null || arch === undefined ? undefined : { release, arch };
  return { root, ca, builtAt, reference, offered, retry: record.again, access: { plainHttp, signal } };
}

async function refresh(host: Host, act: Act): Promise<Partial<UpgradeRecord>> {
  const { options, folder, record, report, machine } = act;
  const settings = await readSettings(host, folder);
  const now = host.clock.now();
  const { candidates, recalled } = await askSource(
    host,
    settings.source,
    { ...options, folder, machine },
    report,
  );
  if (recalled !== null)
    report({ kind: 'note', text: `warning: generation ${machine.running}: ${recalled}` });
  const failed = options.again ? [] : record.failed;
  const isFailed = ({ digest }: Candidate) => failed.some((one) => one.digest === digest);
  for (const { version } of candidates.filter(isFailed))
    report({ kind: 'note', text: `${version} failed before, and is not offered again` });
  const usable = await keepNewer(
    host,
    act,
    settings,
    candidates.filter((one) => !isFailed(one)),
  );
  // What was seen at a time that is still to come was seen by a clock that was set back since.
  const known = record.seen.filter(({ time }) => Date.parse(time) <= now.getTime());
  const since = ({ digest }: Candidate): SeenUpdate =>
    known.find((one) => one.digest === digest) ?? { digest, time: now.toISOString() };
  const seen = usable.slice(0, mostSeen).map(since);
  const choice = choose(usable, settings, seen, now);
  const isSame = choice.chosen !== null && record.chosen?.digest === choice.chosen.digest;
  return {
    ...choice,
    ...{ seen, recalled, failed },
    again: options.again ?? (isSame && record.again),
    prepared: isSame && record.prepared,
  };
}

const mostSeen = 50;

/** Without those that the machine has, or had and left: what a tag names is known by its manifest only. */
async function keepNewer(
  host: Host,
  { options: { root, ca, builtAt, signal, again = false }, report }: Act,
  { source }: UpdateSettings,
  candidates: readonly Candidate[],
): Promise<readonly Candidate[]> {
  const access = { plainHttp: source?.plainHttp ?? false, signal };
  const newer: Candidate[] = [];
  for (const candidate of candidates) {
    const { reference, isNewer, version } = candidate;
    try {
      const options = { root, ca, builtAt, reference, access, retry: again, plan: true };
      const plan = isNewer ? undefined : await update(host, options, report);
      if (plan === undefined || !('steps' in plan) || plan.steps.length > 0) newer.push(candidate);
    } catch (error) {
      // As what it tried before and left.
      if (!isMosError(error, 'state')) throw error;
      report({ kind: 'note', text: `${version} is not offered: ${messageOf(error)}` });
    }
  }
  return newer;
}

async function activate(host: Host, act: Act): Promise<Partial<UpgradeRecord>> {
  const { options, record, report, folder } = act;
  const { root, ca, integrity } = options;
  const result = await update(host, await incoming(host, act), report);
  if (!('needsReboot' in result)) throw new MosError('internal', 'cannot activate: it was only planned');
  const { generation } = result;
  // Asked of the machine: an earlier try that was killed may have switched already.
  const { next, bootId } = await lookAtMachine(host, root);
  const { digest = '', version = '' } = record.chosen ?? {};
  const made = { generation, digest, version, automatic: options.automatic ?? false, bootId: null };
  if (next === generation) return { generation, trial: { ...made, since: null, sinceBoot: null } };
  // What needs no reboot is made to run now: nothing is left to do.
  const trial = { ...made, since: host.clock.now().toISOString(), sinceBoot: bootId };
  await changeUpgrade(host, folder, (known) => ({ ...known, trial }));
  const { targets } = await boot(host, { root, ca, integrity }, report);
  for (const { name, problem } of targets)
    if (problem !== null) report({ kind: 'note', text: `warning: ${name} did not come up` });
  return { chosen: null, prepared: false };
}

/** `not-found` where there is nothing to do, `state` in the wrong state, `busy` while another is at work. */
export async function requireCommand(host: Host, root: string, type: CommandType): Promise<void> {
  const { folder, record } = await lookAtUpgrade(host, root);
  requireState(type, stateOf(record));
  if (await isCommandAtWork(host, folder))
    throw new MosError('busy', `cannot ${type}: another command of updates is at work`, {
      hint: 'wait until it has ended',
    });
}

function requireState(type: CommandType, state: UpdateState): void {
  const { from, nothing } = allowed[type];
  if (nothing.includes(state))
    throw new MosError('not-found', `cannot ${type}: there is no update`, {
      hint: 'look for one: mosctl update check, or POST /actions/refresh-updates',
    });
  if (!from.includes(state))
    throw new MosError('state', `cannot ${type}: the update is ${state}, it must be ${from.join(' or ')}`);
}

/** One command of the update, from its state to the next; how it ended is kept. */
export async function runCommand(
  host: Host,
  type: CommandType,
  options: UpgradeOptions,
  report: Report,
): Promise<void> {
  const { folder } = await lookAtUpgrade(host, options.root);
  await using _lock = await lockCommands(host, folder, `mosctl update ${type}`);
  const look = await takeUpgrade(host, options.root);
  requireState(type, stateOf(look.record));
  const begun = { cmd_type: type, timestamp: host.clock.now().toISOString(), stderr: '' };
  await changeUpgrade(host, folder, (record) => ({
    ...record,
    command: { ...begun, cmd_status: 'Started', exit_status: null },
  }));
  const end = (exit_status: number, stderr: string, more: Partial<UpgradeRecord>) => {
    const timestamp = host.clock.now().toISOString();
    const cmd_status = exit_status === 0 ? 'Success' : 'Failed';
    const command = { cmd_type: type, cmd_status, timestamp, exit_status, stderr } as const;
    const failure = exit_status === 0 ? {} : { lastFailure: command };
    return changeUpgrade(host, folder, (record) => ({ ...record, ...more, command, ...failure }));
  };
  try {
    await end(0, '', await actions[type](host, { ...look, options, report }));
  } catch (error) {
    await end(exitCodeOf(error), messageOf(error), {});
    throw error;
  }
}
