import type { Host } from '../../host/index.ts';
import type { Report } from '../../steps/index.ts';
import { runCommand, type UpgradeOptions } from './commands.ts';
import { lookAtUpgrade } from './look.ts';
import type { CommandType } from './record.ts';
import { stateOf, type UpdateState } from './state.ts';
import { type UpdatesStatus, updatesStatus } from './status.ts';

export type ApplyOptions = UpgradeOptions & {
  /** Also reboots, where only that makes the update real. */
  readonly andReboot?: boolean | undefined;
};

const next: Readonly<Record<UpdateState, CommandType | undefined>> = {
  ...{ Idle: undefined, Available: 'prepare', Staged: 'activate', Ready: undefined },
};

/** One command; returns where the update stands then. */
export async function updateCommand(
  host: Host,
  type: CommandType,
  options: UpgradeOptions,
  report: Report,
): Promise<UpdatesStatus> {
  await runCommand(host, type, options, report);
  return updatesStatus(host, options);
}

/** All of them in their order, from wherever the update stands. */
export async function applyUpdate(host: Host, options: ApplyOptions, report: Report): Promise<UpdatesStatus> {
  const state = async () => stateOf((await lookAtUpgrade(host, options.root)).record);
  if ((await state()) !== 'Ready') await runCommand(host, 'refresh', options, report);
  for (let type = next[await state()]; type !== undefined; type = next[await state()])
    await runCommand(host, type, options, report);
  if (options.andReboot && (await state()) === 'Ready') await runCommand(host, 'reboot', options, report);
  return updatesStatus(host, options);
}
