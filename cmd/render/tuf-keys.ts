import type { TufKeys } from '../../pkg/trust/index.ts';
import { renderTable } from './table.ts';

export function renderTufKeys({ keyset, path, root, expires, roles }: TufKeys): string {
  const rows = roles.flatMap(({ role, threshold, keys }) =>
    keys.map(({ id, here }, index) => [
      index === 0 ? role : '',
      index === 0 ? `${threshold} of ${keys.length}` : '',
      id,
      here ? 'here' : 'away',
    ]),
  );
  return [
    `root ${root} of the keyset ${keyset}, until ${expires}; keys at ${path}/ROLE/KEY`,
    renderTable(['role', 'signers', 'key', ''], rows),
  ].join('\n');
}
