import type { InspectedManifest } from '../../pkg/system/index.ts';
import { renderTable } from './table.ts';

export function renderManifest(inspected: InspectedManifest): string {
  const { manifest } = inspected;
  const rows = manifest.targets.map((target) => [
    target.service_name,
    target.version,
    target.service_type,
    target.network.type,
    target.nsgroup === '' ? 'none' : target.nsgroup,
    target.digest,
  ]);
  const facts = [
    `product ${manifest.product}`,
    `${manifest.update_type} update`,
    manifest.release === undefined ? 'no release' : `release ${manifest.release}`,
    `security version ${manifest.security_version}`,
    ...(manifest.not_after === undefined ? [] : [`not after ${manifest.not_after}`]),
  ];
  return [
    `${inspected.reference} (not verified: see mosb manifest verify)`,
    `  ${inspected.digest}, ${inspected.certificates} certificates, ${inspected.signatures} signatures`,
    `  ${facts.join(', ')}`,
    renderTable(['target', 'version', 'type', 'network', 'nsgroup', 'image'], rows),
    ...manifest.storage.map(
      (volume) =>
        `  volume ${volume.label}: ${volume.size} MiB, ${volume.persistent ? 'persistent' : 'ephemeral'}`,
    ),
    ...inspected.unknown.map((field) => `  warning: ${field} is not known to this version`),
  ].join('\n');
}
