import type { VolumeState } from '../../pkg/system/index.ts';
import { size as formatBytes } from '../cli/progress.ts';
import { renderTable } from './table.ts';

export function renderVolumes(volumes: readonly VolumeState[]): string {
  if (volumes.length === 0) return 'no volume';
  const bytes = (count: number | null): string => (count === null ? '' : formatBytes(count));
  return renderTable(
    ['volume', 'kind', 'size', 'made', 'used', 'services', 'place'],
    volumes.map(({ label, persistent, size, made, used, services, partition }) => [
      label,
      persistent ? 'persistent' : 'emptied',
      size === null ? 'not in the manifest' : bytes(size),
      `${bytes(made)}${size !== null && made !== null && made > size ? ', never made smaller' : ''}`,
      bytes(used),
      services.join(', '),
      partition ?? 'a file',
    ]),
  );
}
