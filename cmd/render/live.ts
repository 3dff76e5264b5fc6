import type { LiveActResult } from '../../pkg/system/index.ts';
import { renderDiskInstall, type ShownDiskInstall } from './disk-install.ts';
import { renderProvisioned } from './provisioned.ts';

type ShownLive = Omit<LiveActResult, 'installed'> & { readonly installed: ShownDiskInstall | null };

/** The last line is the one that who watches the console waits for. */
export function renderLive({ provisioned, installed }: ShownLive): string {
  const lines = [
    ...(provisioned === null ? [] : [renderProvisioned(provisioned)]),
    ...(installed === null ? [] : [renderDiskInstall(installed)]),
  ];
  return lines.length === 0 ? 'this live system does nothing by itself' : lines.join('\n');
}
