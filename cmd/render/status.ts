import type { StatusMount, StatusResult } from '../../pkg/system/index.ts';
import { size } from '../cli/progress.ts';
import { shortDigest } from './changes.ts';
import { renderTime } from './history.ts';
import { renderTable } from './table.ts';

export function renderStatus(status: StatusResult): string {
  const { running, next, good } = status;
  const versions = [
    ...(status.release === null ? [] : [`release ${status.release}`]),
    ...(status.securityVersion === null ? [] : [`security version ${status.securityVersion}`]),
    renderFloor(status),
  ];
  return [
    `generation ${running.generation}: ${running.summary} (${renderTime(running.time)})`,
    `  ${versions.join(', ')}`,
    ...(next === null ? [] : [`  the next boot takes generation ${next.generation}: ${next.summary}`]),
    ...(status.update === null ? [] : [`  update: ${renderUpdate(status.update)}`]),
    `  last good: ${good === null ? 'none yet' : `generation ${good.generation}`}${status.booted === null ? '' : `, booted: generation ${status.booted}`}`,
    ...(status.product === null ? [] : [`  product ${status.product} (${status.productOrigin})`]),
    ...(status.protection?.secrets === 'released' ? [`  ${protectedBy}`] : []),
    ...(status.targets.length === 0 ? [] : [renderTargets(status)]),
    ...status.otherMounts.map((mount) => `  also mounted: ${renderMount(mount)}`),
    ...status.warnings.map((warning) => `warning: ${warning}`),
  ].join('\n');
}

function renderFloor({ floor, floorKept, floorBefore }: StatusResult): string {
  const facts = [
    ...(floorKept === 'TPM' ? ['counted by the TPM'] : []),
    ...(floorBefore === null ? [] : [`${floorBefore} before a ticket`]),
  ];
  return `floor ${floor}${facts.length === 0 ? '' : ` (${facts.join(', ')})`}`;
}

const renderUpdate = ({ state, version, availableAt, notYet }: NonNullable<StatusResult['update']>): string =>
  [
    `${state}${version === null ? '' : ` ${version}`}`,
    ...(notYet === null ? [] : [`not yet: ${notYet}`]),
    ...(availableAt === null ? [] : [`for this machine from ${renderTime(availableAt)}`]),
  ].join(', ');
const protectedBy =
  'its disk is encrypted, by a passphrase that the TPM gives to the production boot file alone';

const renderTargets = ({ targets }: StatusResult): string =>
  renderTable(
    ['target', 'version', 'type', 'image', 'mounted'],
    targets.map(({ name, version, type, digest, mounts }) => [
      name,
      version,
      type,
      shortDigest(digest),
      mounts.map(renderMount).join(', '),
    ]),
  );

function renderMount({ at, integrity, isWritable, room, isCopy, isCurrent }: StatusMount): string {
  const writing = room === null ? 'writable' : `writable up to ${size(room)}`;
  const words = [
    integrity,
    ...(isCopy ? ['unpacked'] : []),
    isWritable ? writing : 'read-only',
    ...(isCurrent ? [] : ['another image']),
  ];
  return `${at} (${words.join(', ')})`;
}
