import type { InspectedImage } from '../../pkg/system/index.ts';
import { printable } from '../cli/output.ts';
import { size } from '../cli/progress.ts';
import { renderTable } from './table.ts';

/** What somebody wrote into an image must not steer the terminal. */
export function renderImage(image: InspectedImage): string {
  const facts = [
    ...(image.platform === null ? [] : [`platform ${image.platform}`]),
    ...(image.command.length === 0 ? [] : [`runs ${image.command.join(' ')}`]),
    ...(image.user === null ? [] : [`as ${image.user}`]),
  ];
  const layers = image.layers.map((layer) => [
    printable(layer.format ?? layer.mediaType),
    size(layer.size),
    layer.verityRoot === null ? 'none' : layer.verityRoot.slice(0, 16),
    layer.digest,
  ]);
  return [
    `${image.reference}`,
    `  ${image.digest} (${printable(image.mediaType)}, ${image.size} bytes)`,
    ...(facts.length === 0 ? [] : [`  ${printable(facts.join(', '))}`]),
    ...(layers.length === 0 ? [] : [renderTable(['layer', 'size', 'verity', 'digest'], layers)]),
    ...image.images.map((one) => `  ${printable(one.platform)}: ${one.digest}`),
  ].join('\n');
}
