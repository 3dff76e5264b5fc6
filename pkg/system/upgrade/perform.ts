import { isMosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import type { Report } from '../../steps/index.ts';
import { type AutomaticAction, type NextAction, planAutomatic } from './automatic.ts';
import { runCommand, type UpgradeOptions } from './commands.ts';
import { fallBack } from './fall-back.ts';
import { lockCommands, upgradeFolder } from './folder.ts';
import { lookAtUpgrade, takeUpgrade } from './look.ts';
import { type AutomaticMemory, type CommandType, changeUpgrade } from './record.ts';
import { readSettings } from './settings.ts';
import { stateOf } from './state.ts';
import { readUpdateHolds } from './update-holds.ts';

/** What automatic updates do next. Also remembers since when a new generation was seen running. */
export async function nextAutomatic(host: Host, root: string): Promise<NextAction | null> {
  const folder = await upgradeFolder(host, root);
  const settings = await readSettings(host, folder);
  if (!settings.automatic || settings.source === null) return null;
  const { record, machine, isNews } = await lookAtUpgrade(host, root);
  if (isNews) await writeNews(host, root, folder);
  const holds = await readUpdateHolds(host, folder);
  return planAutomatic({ settings, record, machine, holds }, host.clock.now());
}

/** A command that is at work has taken it in, or its end will wake whoever plans. */
async function writeNews(host: Host, root: string, folder: string): Promise<void> {
  try {
    await using _lock = await lockCommands(host, folder, 'automatic updates');
    await takeUpgrade(host, root);
  } catch (error) {
    if (!isMosError(error, 'busy')) throw error;
  }
}

const commands: Readonly<Partial<Record<AutomaticAction, CommandType>>> = {
  ...{ check: 'refresh', prepare: 'prepare', activate: 'activate', reboot: 'reboot' },
};

/** Does one thing, and remembers how it went: after a failure the next try comes later. */
export async function performAutomatic(
  host: Host,
  { action, why }: NextAction,
  options: UpgradeOptions,
  report: Report,
): Promise<void> {
  const folder = await upgradeFolder(host, options.root);
  const remember = (change: (memory: AutomaticMemory) => AutomaticMemory) =>
    changeUpgrade(host, folder, (record) => ({ ...record, automatic: change(record.automatic) }));
  const type = commands[action];
  const now = (): string => host.clock.now().toISOString();
  try {
    if (type === undefined) await fallBack(host, options, why.join('; '), report);
    else await runCommand(host, type, { ...options, automatic: true }, report);
  } catch (error) {
    await remember((memory) => ({ ...memory, failures: memory.failures + 1, failedAt: now() }));
    throw error;
  }
  const state = stateOf((await lookAtUpgrade(host, options.root)).record);
  const isOver = action !== 'check' || state === 'Idle';
  await remember((memory) => ({
    checked: action === 'check' ? now() : memory.checked,
    ...(isOver ? { failures: 0, failedAt: null } : { failures: memory.failures, failedAt: memory.failedAt }),
  }));
}
