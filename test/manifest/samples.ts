import {
  type InstallManifest,
  type ManifestSha,
  parseInstallManifest,
  parseManifestSha,
  type Sources,
} from '../../pkg/manifest/index.ts';

type Given = Readonly<Record<string, unknown>>;

export const sha = (character: string): ManifestSha => parseManifestSha(character.repeat(64));

/** A target as it stands in a signed manifest; `given` overrides. */
export const target = (name: string, given: Given = {}): Given => ({
  service_name: name,
  version: '1.0',
  service_type: name === 'hostfs' ? 'hostfs' : name === 'bootkit' ? 'fs-only' : 'container',
  network: { type: name === 'hostfs' ? 'host' : 'none', ipv4: '', ipv6: '', ports: null },
  nsgroup: 'none',
  digest: `sha256:${'d'.repeat(64)}`,
  storage: null,
  size: 500,
  ...given,
});

export const simple = (given: Given = {}): Given => ({
  nsgroup: 'web',
  network: { type: 'simple', ipv4: '', ipv6: '', ports: null, ...given },
});

export async function manifest(targets: readonly Given[], given: Given = {}): Promise<InstallManifest> {
  const document = {
    version: 1,
    product: 'default',
    storage: null,
    targets,
    update_type: 'complete',
    ...given,
  };
  return (await parseInstallManifest(new TextEncoder().encode(JSON.stringify(document)))).manifest;
}

export const sourcesOf = (...all: readonly (readonly [string, InstallManifest])[]): Sources =>
  new Map(all.map(([character, content]) => [sha(character), content]));
