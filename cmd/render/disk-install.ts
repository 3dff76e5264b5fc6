import type { DiskInstallResult } from '../../pkg/system/index.ts';
import { size } from '../cli/progress.ts';
import { renderInstalled } from './installed.ts';
import { renderTable } from './table.ts';

/** As `--json` prints it: the recovery key in plain text, where no file has it. */
export type ShownDiskInstall = Omit<DiskInstallResult, 'recoveryKey'> & {
  readonly recoveryKey: string | null;
  readonly recoveryFile: string | null;
};

/** Told this once. `recoveryFile` is what has the key instead. */
export const reveal = (
  { recoveryKey, ...result }: DiskInstallResult,
  recoveryFile: string | undefined,
): ShownDiskInstall => ({
  ...result,
  recoveryKey: recoveryKey?.reveal() ?? null,
  recoveryFile: recoveryFile ?? null,
});

/** The plan, or what was made of it. */
export function renderDiskInstall({ plan, installed, ...recovery }: ShownDiskInstall): string {
  const { disk, bytes, lost, partitions, images, reference } = plan;
  const isEncrypted = partitions.some((one) => one.isEncrypted);
  if (installed !== null)
    return [
      renderInstalled(installed),
      `on ${disk}, ${isEncrypted ? 'encrypted' : 'not encrypted'}`,
      ...(isEncrypted ? renderRecovery(recovery) : []),
      'installed successfully',
    ].join('\n');
  return [
    `install of ${reference} on ${disk} (${size(bytes)}) would make`,
    renderTable(
      ['partition', 'size', ''],
      partitions.map((one) => [one.role, size(one.bytes), protection(one)]),
    ),
    `images: ${size(images.total)}`,
    lost.length === 0 ? 'nothing is on the disk' : `lost is what is on it: ${lost.join(', ')}`,
  ].join('\n');
}

const protection = ({ role, isEncrypted }: DiskInstallResult['plan']['partitions'][number]): string => {
  if (role === 'esp') return '';
  return isEncrypted ? 'encrypted' : 'not encrypted';
};

const renderRecovery = ({
  recoveryKey,
  recoveryFile,
}: Pick<ShownDiskInstall, 'recoveryKey' | 'recoveryFile'>): string[] =>
  recoveryKey === null
    ? [`the recovery key is in ${recoveryFile}`]
    : [
        '',
        `    recovery key   ${recoveryKey}`,
        '',
        'It opens the partitions when the TPM does not, and is never shown again: keep it elsewhere.',
      ];
