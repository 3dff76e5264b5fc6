import type { MadeMedium } from '../../pkg/system/index.ts';
import { size } from '../cli/progress.ts';

export const renderMedium = ({ output, bytes, signer, live, repo, manifests }: MadeMedium): string =>
  [
    `made ${output} (${size(bytes)}), signed by ${signer}`,
    repo === null ? `it boots livecd of ${live}, and has` : `it boots livecd of ${live}, out of ${repo}`,
    ...manifests.map((reference) => `  ${reference}`),
  ].join('\n');
