import type { PublishResult } from '../../pkg/system/index.ts';
import { size } from '../cli/progress.ts';
import { renderChanges } from './changes.ts';
import { renderTable } from './table.ts';

export function renderPublished(result: PublishResult): string {
  const rows = result.targets.map((target) => [
    target.name,
    target.version,
    target.digest,
    size(target.bytes),
    target.converted ? 'converted' : 'as it is',
    target.sentBytes === 0
      ? 'there already'
      : `${size(target.sentBytes)} ${result.dryRun ? 'to send' : 'sent'}`,
  ]);
  const head = result.dryRun ? 'would publish' : result.changed ? 'published' : 'nothing changed:';
  const release = result.release === null ? '' : `, release ${result.release}`;
  return [
    `${head} ${result.reference} for product ${result.product}${release}`,
    renderTable(['target', 'version', 'image', 'size', 'layers', 'transfer'], rows),
    ...(result.changes === null ? [] : ['against what is published:', renderChanges(result.changes)]),
  ].join('\n');
}
