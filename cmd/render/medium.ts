import type { MadeMedium } from '../../pkg/system/index.ts';
import { size } from '../cli/progress.ts';

export const renderMedium = ({ output, bytes, signer, live, manifests }: MadeMedium): string =>
  [
    `made ${output} (${size(bytes)}), signed by ${signer}`,
    `it boots livecd of ${live}, and has`,
    ...manifests.map((reference) => `  ${reference}`),
  ].join('\n');
