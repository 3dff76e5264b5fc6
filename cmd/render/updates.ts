import type { UpdateHold, UpdateSettings, UpdatesStatus } from '../../pkg/system/index.ts';
import { shortDigest } from './changes.ts';
import { renderTime } from './history.ts';

export function renderUpdates(status: UpdatesStatus): string {
  const { update_state, chosen_update: chosen, active_generation: active, staging_generation: next } = status;
  const { last_failure: failure, automatic } = status;
  return [
    `${update_state}: ${stateText(status)}`,
    ...(chosen === null ? [] : [`  ${chosen.version} (${shortDigest(chosen.digest)})`]),
    ...(active === null ? [] : [`  generation ${active.generation} runs${releaseText(active.release)}`]),
    ...(next === null
      ? []
      : [`  the next boot takes generation ${next.generation}${releaseText(next.release)}`]),
    ...(status.available_at === null ? [] : [`  for this machine from ${renderTime(status.available_at)}`]),
    ...(status.recalled === null ? [] : [`  warning: what runs here should be left: ${status.recalled}`]),
    ...status.not_yet.map((why) => `  not yet: ${why}`),
    ...(automatic === null
      ? []
      : [`  by itself: ${automatic.action}, not before ${renderTime(automatic.at)}`]),
    ...status.failed_updates.map(
      ({ version, digest, reason }) => `  not offered again: ${version} (${shortDigest(digest)}): ${reason}`,
    ),
    ...(failure === null
      ? []
      : [`  last failure: ${failure.cmd_type}, ${renderTime(failure.timestamp)}: ${failure.stderr}`]),
  ].join('\n');
}

const stateText = ({ update_state, not_yet }: UpdatesStatus): string => {
  if (update_state === 'Ready') return 'an update waits for the next boot';
  if (update_state === 'Staged') return 'an update is fetched and verified';
  if (update_state === 'Available') return 'there is an update';
  return not_yet.length === 0 ? 'no update is known' : 'there is an update, and not yet for this machine';
};

const releaseText = (release: number | null): string => (release === null ? '' : `, release ${release}`);

export const renderUpdateSettings = (settings: UpdateSettings): string => {
  const { source, automatic, window, delay, ignoreWaves, versionLock, checkEvery } = settings;
  const onOff = (value: boolean): string => (value ? 'on' : 'off');
  return [
    `source        ${source === null ? 'none' : sourceText(source)}`,
    `automatic     ${onOff(automatic)}`,
    `window        ${window === null ? 'any' : `${window} (UTC)`}`,
    `delay         ${delay} h`,
    `ignore-waves  ${onOff(ignoreWaves)}`,
    `version-lock  ${versionLock ?? 'none'}`,
    `check-every   ${checkEvery} h`,
  ].join('\n');
};

function sourceText({
  kind,
  reference,
  plainHttp,
  acceptExpired,
}: NonNullable<UpdateSettings['source']>): string {
  const remarks = [
    ...(plainHttp ? ['plain http'] : []),
    ...(acceptExpired ? ['an index that has expired is accepted'] : []),
  ];
  const words = remarks.length === 0 ? '' : ` (${remarks.join(', ')})`;
  return `${kind === 'channel' ? 'the channel ' : ''}${reference}${words}`;
}

export const renderHolds = ({ holds }: { readonly holds: readonly UpdateHold[] }): string =>
  holds.length === 0
    ? 'nobody holds updates'
    : holds
        .map(({ owner, reason, until }) => `${owner} holds updates until ${renderTime(until)}: ${reason}`)
        .join('\n');
