import type { Host } from '../../host/index.ts';
import { addNote, lockState } from '../../state/index.ts';
import type { Report } from '../../steps/index.ts';
import { boot } from '../boot.ts';
import { openMachine } from '../machine.ts';
import { reboot } from '../reboot.ts';
import { rollback } from '../rollback.ts';
import type { UpgradeOptions } from './commands.ts';
import { type Look, takeUpgrade } from './look.ts';
import { verdictOf } from './state.ts';

const lockWait = 60_000;

/**
 * Takes back what failed, or did not prove good in time: it is marked bad, so that it is not offered again, and the last
 * good generation runs again, by a reboot where only that does it. Each step is found again by the verdicts, so that a stop
 * between two of them loses nothing.
 */
export async function fallBack(
  host: Host,
  options: UpgradeOptions,
  reason: string,
  report: Report,
): Promise<void> {
  const { root, ca, integrity } = options;
  const before = await takeUpgrade(host, root);
  await blame(host, root, before, reason);
  const { machine } = await takeUpgrade(host, root);
  const { running, next } = machine;
  const restart = options.reboot ?? (() => reboot(host, { root, isFailure: true }));
  if (verdictOf(machine, next) === 'bad') {
    await rollback(host, { root, ca, to: running, reason }, report);
    return;
  }
  if (verdictOf(machine, running) !== 'bad') return;
  if (next !== null) return restart(); // what it goes back to waits already
  const result = await rollback(host, { root, ca, reason }, report);
  // What the machine was rebooted for it leaves by a reboot, whichever generation it calls the current one.
  const wasBooted = before.record.trial !== null && before.record.trial.bootId !== null;
  if (wasBooted || ('needsReboot' in result && result.needsReboot)) await restart();
  else await boot(host, { root, ca, integrity }, report);
}

/** A generation that was made and has no verdict yet. */
async function blame(host: Host, root: string, { record, machine }: Look, reason: string): Promise<void> {
  const { trial } = record;
  const commit = machine.history.find(({ generation }) => generation === trial?.generation)?.commit;
  if (commit === undefined) return;
  const { state } = await openMachine(host, root);
  await using lock = await lockState(host, state, { owner: 'mosctl update', wait: lockWait });
  await addNote(host, lock, commit, { kind: 'bad', reason });
}
