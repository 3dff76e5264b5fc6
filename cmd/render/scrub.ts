import type { GcResult, VerifyResult } from '../../pkg/system/index.ts';
import { size } from '../cli/progress.ts';

export function renderCollected({ dryRun, kept, images, blobs, bytes }: GcResult): string {
  const did = dryRun ? 'would remove' : 'removed';
  return [
    `${did} ${images.length} images, ${blobs} blobs, ${size(bytes)}`,
    `  generations kept: ${kept.join(', ')}`,
    ...images.map((digest) => `  ${digest}`),
  ].join('\n');
}

export const renderVerified = (result: VerifyResult): string =>
  [
    `state: ${result.objects} objects; generations verified: ${result.generations.join(', ') || 'none'}`,
    `store: ${result.blobs} blobs, ${size(result.bytes)}; mounts: ${result.mounts.length}`,
    ...(result.collected.length === 0
      ? []
      : [`  without images: generations ${result.collected.join(', ')}`]),
    ...(result.orphans === 0
      ? []
      : [`  ${result.orphans} blobs that nothing names (mosctl gc removes them)`]),
    ...result.problems.map(({ where, message }) => `  ${where}: ${message}`),
    ...(result.problems.length === 0 ? ['everything is as it was signed'] : []),
  ].join('\n');
