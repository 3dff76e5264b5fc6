import type { EditedChannel, ShownChannel, SignedIndex } from '../../pkg/system/index.ts';
import { renderTable } from './table.ts';

const indent = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

export function renderEdited({ channel, changed, waiting, signed, needed }: EditedChannel): string {
  if (!changed) return `nothing changed: ${channel}`;
  const more = signed < needed ? `, ${signed} of ${needed} signatures` : '';
  return [`waits for mosb release sign in ${channel}${more}:`, ...indent(waiting)].join('\n');
}

export function renderSigned({ channel, changed, changes, missing, versions, expires }: SignedIndex): string {
  const waits = missing.map(({ role, found, needed }) => `${role}: ${found} of ${needed}`);
  return [
    `${changed ? 'signed' : 'nothing changed:'} ${channel}`,
    ...indent(changes),
    ...rolesOf({ versions, expires }),
    ...(waits.length === 0
      ? []
      : ['more signatures are needed before machines see the rest:', ...indent(waits)]),
  ].join('\n');
}

function rolesOf({ versions, expires }: Pick<SignedIndex, 'versions' | 'expires'>): string[] {
  if (versions === null || expires === null) return [];
  const roles = ['root', 'targets', 'snapshot', 'timestamp'] as const;
  return [
    renderTable(
      ['role', 'version', 'until'],
      roles.map((role) => [role, String(versions[role]), expires[role]]),
    ),
  ];
}

export function renderChannel({ channel, product, index, versions, expires, waiting }: ShownChannel): string {
  const releases = (index?.releases ?? [])
    .toReversed()
    .map((one) => [
      one.version,
      String(one.release),
      one.arch,
      `${one.minimum ?? ''}-${one.maximum ?? ''}`.replace(/^-$/, 'any'),
      one.withdrawn === undefined
        ? one.waves.length === 0
          ? 'at once'
          : String(one.waves.length)
        : `withdrawn: ${one.withdrawn}`,
      one.manifest,
    ]);
  return [
    `${channel} for product ${product}`,
    ...(index === null ? ['  machines see nothing yet'] : []),
    ...(index?.max === undefined ? [] : [`  recalled: everything above release ${index.max}`]),
    ...(releases.length === 0
      ? []
      : [renderTable(['version', 'release', 'arch', 'from', 'waves', 'manifest'], releases)]),
    ...rolesOf({ versions, expires }),
    ...(waiting.length === 0 ? [] : ['waits for mosb release sign:', ...indent(waiting)]),
  ].join('\n');
}
