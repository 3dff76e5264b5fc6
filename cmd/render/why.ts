import type { WhyManifest, WhyResult } from '../../pkg/system/index.ts';
import { shortDigest } from './changes.ts';
import { renderTime } from './history.ts';

/** From the CA down to the images, then what happened. */
export const renderWhy = (result: WhyResult): string =>
  [
    `generation ${result.generation} runs${result.booted === null ? '' : `, generation ${result.booted} was booted`}`,
    `  believed: the CAs of ${result.anchors}`,
    `  product ${result.product} (${result.productOrigin})`,
    ...result.manifests.flatMap(renderManifest),
    ...result.holds.map(
      ({ service, version, reason, time }) =>
        `  ${service} ${version} is held back since ${renderTime(time)}: ${reason}; the one before goes on`,
    ),
    'how it came to this:',
    ...result.happenings.map(
      ({ time, generation, text }) => `  ${renderTime(time)}  generation ${generation} ${text}`,
    ),
  ].join('\n');

const renderManifest = (manifest: WhyManifest): string[] => [
  `  manifest ${manifest.sha.slice(0, 12)}: ${manifest.update}, ${manifest.release === null ? 'no release' : `release ${manifest.release}`}, security version ${manifest.securityVersion}`,
  `    signed by ${manifest.signer}`,
  ...(manifest.source === null ? [] : [`    from ${manifest.source}, since generation ${manifest.since}`]),
  ...manifest.targets.map(
    ({ name, version, digest }) => `    ${name} ${version} is image ${shortDigest(digest)}`,
  ),
];
