import type { SecurityResult } from '../../pkg/system/index.ts';
import { renderTable } from './table.ts';

export function renderSecurity({ services }: SecurityResult): string {
  if (services.length === 0) return 'no service';
  return services
    .map(({ name, score, points }) =>
      [
        `${name}: ${score} of 100`,
        renderTable(
          ['about', 'points', 'why'],
          points.map(({ about, got, most, why }) => [about, `${got}/${most}`, why]),
        ),
      ].join('\n'),
    )
    .join('\n');
}
