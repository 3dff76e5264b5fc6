import { MosError } from '../errors/index.ts';
import type { Digest } from '../oci/index.ts';
import { readDocument } from './document.ts';
import {
  defaulted,
  type Findings,
  integer,
  list,
  oneOf,
  optional,
  problemsError,
  type Reader,
  record,
  renderPath,
  text,
  time,
} from './fields.ts';
import type { NsGroup, Product, ServiceName } from './names.ts';
import { duplicateProblems } from './rules.ts';
import {
  digest,
  extras,
  type Network,
  name,
  network,
  nsgroup,
  type ServiceType,
  type StorageUse,
  serviceName,
  storageUse,
  type TargetExtras,
  type Volume,
  versionText,
  volume,
} from './target.ts';

export const manifestVersion = 1;
export type UpdateType = 'complete' | 'partial';

/** One target of a signed manifest. `digest` and `size` (bytes) are those of the image manifest. */
export type InstallTarget = TargetExtras & {
  readonly service_name: ServiceName;
  readonly version: string;
  readonly service_type: ServiceType;
  readonly network: Network;
  readonly nsgroup: NsGroup | '' | 'none';
  readonly digest: Digest;
  readonly storage: readonly StorageUse[];
  readonly size: number;
};

/** The optional fields of the whole manifest that are ours (FORMATS 2). */
export type ManifestExtras = {
  /** Only grows per product; undefined: without order. */
  readonly release?: number;
  /** Compared with the floor of the machine. */
  readonly security_version: number;
  /** Not accepted after this time, RFC 3339 in UTC. */
  readonly not_after?: string;
  readonly must_understand?: readonly string[];
};

/** FORMATS 3. Lists that are null on the wire are empty here. Names as on the wire. */
export type InstallManifest = ManifestExtras & {
  readonly version: typeof manifestVersion;
  readonly product: Product;
  readonly storage: readonly Volume[];
  readonly targets: readonly InstallTarget[];
  readonly update_type: UpdateType;
};

export const manifestExtras = {
  release: optional(integer(0)),
  security_version: defaulted(integer(0, 0x7fffffff), 0),
  not_after: optional(time),
  must_understand: optional(
    list(text((value) => /^[a-z_.]{1,100}$/.test(value), 'must be the name of a field')),
  ),
};

const targetShape = {
  service_name: serviceName,
  version: versionText,
  service_type: oneOf('hostfs', 'container', 'fs-only'),
  network,
  nsgroup: defaulted(nsgroup, ''),
  digest,
  storage: list(storageUse),
  size: integer(1),
  ...extras(integer(1)),
};

const manifestShape = {
  version: integer(manifestVersion, manifestVersion) as Reader<typeof manifestVersion>,
  product: name<Product>('product'),
  storage: list(volume(integer(1))),
  targets: list<InstallTarget>(record(targetShape)),
  update_type: oneOf('complete', 'partial'),
  ...manifestExtras,
};

/** Every field that this program knows; `must_understand` may name these. */
const understood: ReadonlySet<string> = new Set([
  ...Object.keys(manifestShape),
  ...Object.keys(targetShape),
  ...['label', 'persistent', 'dest', 'type', 'ipv4', 'ipv6', 'ports', 'protocol'],
  ...['exec', 'http', 'tcp', 'interval', 'timeout', 'retries', 'start_period'],
  ...['memory', 'cpu', 'pids', 'io_weight', 'disk'],
]);

/** The manifest, and the fields that this program does not know (`targets[0].colour`): tolerated and to be reported. */
export type ReadInstallManifest = { readonly manifest: InstallManifest; readonly unknown: readonly string[] };

/**
 * Reads JSON or YAML bytes. Call it only for bytes whose signature was verified. Refuses what FORMATS 3 says; every
 * problem is in the one error.
 */
export async function parseInstallManifest(
  bytes: Uint8Array,
  what = 'the install manifest',
): Promise<ReadInstallManifest> {
  const { value } = await readDocument(bytes, what);
  requireVersion(value, what);
  const findings: Findings = { problems: [], unknown: [] };
  const manifest: InstallManifest = record(manifestShape)(value, [], findings);
  if (findings.problems.length === 0) findings.problems.push(...installProblems(manifest));
  if (findings.problems.length > 0) throw problemsError(what, findings.problems);
  return { manifest, unknown: findings.unknown.map(renderPath) };
}

/** Before anything else, because a newer document may have another shape. */
export function requireVersion(value: unknown, what: string): void {
  const version = (value as { version?: unknown } | null)?.version;
  if (typeof version === 'number' && version !== manifestVersion)
    throw new MosError(
      'unsupported',
      `cannot use ${what}: its version is ${version}, this program knows version ${manifestVersion}`,
      version > manifestVersion ? { hint: 'update mosctl first' } : {},
    );
}

function installProblems(manifest: InstallManifest) {
  const problems = duplicateProblems(manifest);
  if (manifest.targets.length === 0)
    problems.push({ path: ['targets'], text: 'must name at least one target' });
  for (const [index, field] of (manifest.must_understand ?? []).entries())
    if (!understood.has(field))
      problems.push({
        path: ['must_understand', index],
        text: `names ${field}, which restricts and which this program does not know`,
      });
  return problems;
}
