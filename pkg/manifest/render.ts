import type { InstallManifest, InstallTarget } from './install.ts';
import type { Network, StorageUse, TargetExtras, Volume } from './target.ts';

const encoder = new TextEncoder();

/**
 * The bytes that are signed: those which the reference's Go program writes for the same content (FORMATS 3). Keys in
 * this order, null for an absent list, our fields at the end of their object and left out when unused.
 */
export const renderInstallManifest = (manifest: InstallManifest): Uint8Array =>
  encoder.encode(
    goJson({
      version: manifest.version,
      product: manifest.product,
      storage: nullable(manifest.storage.map(volumeOf)),
      targets: nullable(manifest.targets.map(targetOf)),
      update_type: manifest.update_type,
      ...(manifest.release === undefined ? {} : { release: manifest.release }),
      ...(manifest.security_version === 0 ? {} : { security_version: manifest.security_version }),
      ...(manifest.not_after === undefined ? {} : { not_after: manifest.not_after }),
      ...(manifest.must_understand?.length ? { must_understand: manifest.must_understand } : {}),
    }),
  );

const nullable = <T>(items: readonly T[]): readonly T[] | null => (items.length === 0 ? null : items);

const volumeOf = ({ label, persistent, nsgroup, size }: Volume) => ({ label, persistent, nsgroup, size });
const useOf = ({ dest, label }: StorageUse) => ({ dest, label });

const networkOf = ({ type, ipv4, ipv6, ports }: Network) => ({
  type,
  ipv4,
  ipv6,
  ports: nullable(
    ports.map(({ host, container, protocol }) => ({
      host,
      container,
      ...(protocol === 'udp' ? { protocol } : {}),
    })),
  ),
});

const targetOf = (target: InstallTarget) => ({
  service_name: target.service_name,
  version: target.version,
  service_type: target.service_type,
  network: networkOf(target.network),
  nsgroup: target.nsgroup,
  digest: target.digest,
  storage: nullable(target.storage.map(useOf)),
  size: target.size,
  ...extrasOf(target),
});

const extraKeys = [
  ...(['depends_on', 'health', 'resources', 'restart', 'environment', 'integrity'] as const),
  ...(['read_only', 'capabilities', 'devices', 'api_role'] as const),
] as const;

/** The optional fields in one order; empty lists and mappings say nothing and are left out. */
export const extrasOf = (target: TargetExtras): TargetExtras =>
  Object.fromEntries(
    extraKeys.flatMap((key) => {
      const value = target[key];
      const isEmpty =
        value === undefined ||
        value === false ||
        (typeof value === 'object' && Object.keys(value).length === 0);
      return isEmpty ? [] : [[key, key === 'environment' ? sorted(value as Record<string, string>) : value]];
    }),
  );

const sorted = (environment: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(environment).sort(([a], [b]) => (a < b ? -1 : 1)));

/** encoding/json of Go escapes these, so that its output may stand in HTML. */
export const goJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
