import type { DiskInstallResult } from '../../pkg/system/index.ts';
import { size } from '../cli/progress.ts';
import { renderInstalled } from './installed.ts';
import { renderTable } from './table.ts';

/** The plan, or what was made of it. */
export function renderDiskInstall({ plan, installed }: DiskInstallResult): string {
  const { disk, bytes, lost, partitions, images, reference } = plan;
  if (installed !== null)
    return `${renderInstalled(installed)}\non ${disk}, not encrypted\ninstalled successfully`;
  return [
    `install of ${reference} on ${disk} (${size(bytes)}) would make`,
    renderTable(
      ['partition', 'size', ''],
      partitions.map((one) => [one.role, size(one.bytes), one.role === 'esp' ? '' : 'not encrypted']),
    ),
    `images: ${size(images.total)}`,
    lost.length === 0 ? 'nothing is on the disk' : `lost is what is on it: ${lost.join(', ')}`,
  ].join('\n');
}
