import { MosError, messageOf } from '../errors/index.ts';
import type { Digest } from '../oci/index.ts';
import { bridgeProblem } from './allocate.ts';
import { readDocument } from './document.ts';
import {
  type Findings,
  integer,
  list,
  oneOf,
  optional,
  type Problem,
  problemsError,
  type Reader,
  record,
  refuse,
  text,
} from './fields.ts';
import {
  type InstallManifest,
  type ManifestExtras,
  manifestExtras,
  manifestVersion,
  requireVersion,
  type UpdateType,
} from './install.ts';
import { isHostIds, type NsGroup, type Product, type ServiceName } from './names.ts';
import { dependencyProblems, duplicateProblems, portProblems } from './rules.ts';
import {
  digest,
  extras,
  isBootTarget,
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
  writtenSize,
} from './target.ts';

/** A target as a person writes it. `digest` and `size` are compared with those of the image manifest at `source`. */
export type ImportTarget = TargetExtras & {
  readonly service_name: ServiceName;
  readonly source: string;
  readonly version: string;
  readonly service_type: ServiceType;
  readonly network: Network;
  readonly nsgroup: NsGroup | '' | 'none';
  readonly storage: readonly StorageUse[];
  readonly digest?: Digest;
  readonly size?: number;
};

/** FORMATS 2. */
export type ImportFile = ManifestExtras & {
  readonly version: typeof manifestVersion;
  readonly product: Product;
  readonly storage: readonly Volume[];
  readonly targets: readonly ImportTarget[];
  readonly update_type: UpdateType;
};

type WrittenTarget = Omit<ImportTarget, 'network' | 'nsgroup'> & {
  readonly network?: Network;
  readonly nsgroup?: NsGroup | '' | 'none';
};

const writtenTarget: Reader<WrittenTarget> = record({
  service_name: serviceName,
  source: text(
    (value) => value.length > 0 && value.length <= 1000,
    'must be docker://host/name:tag or oci:DIR:TAG',
  ),
  version: versionText,
  service_type: oneOf('hostfs', 'container', 'fs-only'),
  network: optional(network),
  nsgroup: optional(nsgroup),
  storage: list(storageUse),
  digest: optional(digest),
  size: optional(integer(1)),
  ...extras(writtenSize),
});

const written = record({
  version: integer(manifestVersion, manifestVersion) as Reader<typeof manifestVersion>,
  product: name<Product>('product'),
  update_type: oneOf('complete', 'partial'),
  storage: list(volume(writtenSize)),
  targets: list(writtenTarget),
  ...manifestExtras,
});

/**
 * The file that `mosb manifest publish` takes: strict, every problem with its line in one error.
 * @param fileName is named in the error.
 */
export async function parseImportFile(text: string, fileName: string): Promise<ImportFile> {
  const { value, lineOf } = await readDocument(text, fileName);
  requireVersion(value, fileName);
  const findings: Findings = { problems: [], unknown: [] };
  const read = written(value, [], findings);
  for (const path of findings.unknown) refuse(findings, path, 'is not known here');
  if (findings.problems.length > 0) throw problemsError(fileName, findings.problems, lineOf);
  const file: ImportFile = { ...read, targets: read.targets.map(withDefaults) };
  const problems = [...(await sourceProblems(file)), ...importProblems(file, read.targets)];
  if (problems.length > 0) throw problemsError(fileName, problems, lineOf);
  return file;
}

const noNetwork: Network = { type: 'none', ipv4: '', ipv6: '', ports: [] };
const hostNetwork: Network = { ...noNetwork, type: 'host' };

/** The reference gives hostfs and bootkit the network of the host. */
const withDefaults = (target: WrittenTarget): ImportTarget => ({
  ...target,
  network: target.network ?? (isBootTarget(target) ? hostNetwork : noNetwork),
  nsgroup: target.nsgroup ?? '',
});

async function sourceProblems(file: ImportFile): Promise<Problem[]> {
  // Late: oci brings zod along, and a boot that only reads install manifests needs neither.
  const { parseReference } = await import('../oci/index.ts');
  return file.targets.flatMap((target, at): Problem[] => {
    try {
      parseReference(target.source);
      return [];
    } catch (error) {
      return [{ path: ['targets', at, 'source'], text: `is refused: ${messageOf(error)}` }];
    }
  });
}

function importProblems(file: ImportFile, asWritten: readonly WrittenTarget[]): Problem[] {
  const isPartial = file.update_type === 'partial';
  const problems: Problem[] = [
    ...duplicateProblems(file),
    ...portProblems(file.targets),
    ...dependencyProblems(file.targets, isPartial),
    ...fixedAddressProblems(file.targets),
    ...roleProblems(file.targets),
    ...storageProblems(file, isPartial),
    ...file.targets.flatMap((target, at) => targetProblems(target, asWritten[at], at)),
  ];
  if (file.targets.length === 0) problems.push({ path: ['targets'], text: 'must name at least one target' });
  return problems;
}

function targetProblems(target: ImportTarget, asWritten: WrittenTarget | undefined, at: number): Problem[] {
  const problems: Problem[] = [];
  const wrong = (key: string, text: string) => problems.push({ path: ['targets', at, key], text });
  const { service_name, service_type, network: net } = target;
  if (service_name === 'hostfs' && service_type !== 'hostfs')
    wrong('service_type', 'must be hostfs for the target hostfs');
  if (service_name === 'bootkit' && service_type !== 'fs-only')
    wrong('service_type', 'must be fs-only for the target bootkit');
  if (service_type === 'container') {
    if (asWritten?.network === undefined)
      wrong('network', 'is missing: a container says host, none or simple');
    if (target.nsgroup === '')
      wrong('nsgroup', 'is missing: a container names its group, or none for the ids of the host');
  }
  if (isBootTarget(target)) {
    if (net.type === 'simple') wrong('network', 'must be host or none for what the machine boots from');
    if (!isHostIds(target.nsgroup)) wrong('nsgroup', 'must be none for what the machine boots from');
    if (target.storage.length > 0) wrong('storage', 'must be empty for what the machine boots from');
  }
  if (net.type !== 'simple' && (net.ipv4 !== '' || net.ipv6 !== '' || net.ports.length > 0))
    wrong('network', `must not have addresses or ports with type ${net.type}`);
  for (const key of ['read_only', 'capabilities', 'devices', 'api_role'] as const)
    if (service_type !== 'container' && target[key] !== undefined)
      wrong(key, `must not be there for a ${service_type}`);
  if (service_type === 'container' && target.api_role !== undefined && isHostIds(target.nsgroup))
    wrong(
      'api_role',
      'must not be there for a container with the ids of the host: nobody could tell it from root',
    );
  if (service_type !== 'container' && net.type === 'simple')
    wrong('network', `must not be simple for a ${service_type}`);
  return problems;
}

/** A machine tells services apart by their ids. */
function roleProblems(targets: readonly ImportTarget[]): Problem[] {
  const containers = targets
    .map((target, at) => ({ target, at }))
    .filter(({ target }) => target.service_type === 'container' && !isHostIds(target.nsgroup));
  return containers.flatMap(({ target: { nsgroup, api_role }, at }): Problem[] => {
    const first = containers.find((one) => one.target.nsgroup === nsgroup)?.target;
    if (first === undefined || first.api_role === api_role) return [];
    const text = `must be that of ${first.service_name}, ${first.api_role ?? 'none'}: they share the nsgroup ${nsgroup}`;
    return [{ path: ['targets', at, 'api_role'], text }];
  });
}

/** A service could not write to a volume of other ids; a partial manifest may use those of others. */
function storageProblems({ targets, storage }: ImportFile, isPartial: boolean): Problem[] {
  const volumes = new Map(storage.map((volume) => [volume.label, volume]));
  const groupOf = (nsgroup: string): string => (isHostIds(nsgroup) ? 'none' : nsgroup);
  return targets.flatMap((target, at) =>
    target.storage.flatMap((use, index): Problem[] => {
      const path = ['targets', at, 'storage', index, 'label'];
      const volume = volumes.get(use.label);
      if (volume === undefined)
        return isPartial ? [] : [{ path, text: `is ${use.label}, which storage lacks` }];
      if (
        [volume.nsgroup, target.nsgroup].includes('') ||
        groupOf(volume.nsgroup) === groupOf(target.nsgroup)
      )
        return [];
      return [
        {
          path,
          text: `is ${use.label}, whose nsgroup is ${volume.nsgroup} and not ${groupOf(target.nsgroup)}`,
        },
      ];
    }),
  );
}

function fixedAddressProblems(targets: readonly ImportTarget[]): Problem[] {
  const owners = new Map<string, string>();
  return targets.flatMap((target, at) =>
    (['ipv4', 'ipv6'] as const).flatMap((key): Problem[] => {
      const address = target.network[key];
      if (address === '') return [];
      const path = ['targets', at, 'network', key];
      const problem = bridgeProblem(key, address);
      if (problem !== undefined) return [{ path, text: problem }];
      const owner = owners.get(address.split('/')[0] ?? '');
      owners.set(address.split('/')[0] ?? '', owner ?? target.service_name);
      return owner === undefined ? [] : [{ path, text: `is ${address}, which ${owner} has already` }];
    }),
  );
}

/** What publish found at the source of a target: the descriptor of the image manifest. */
export type ResolvedImage = { readonly digest: Digest; readonly size: number };

/** The manifest to be signed; a digest or size that the file states must be the one that was found. */
export function toInstallManifest(
  file: ImportFile,
  images: ReadonlyMap<ServiceName, ResolvedImage>,
): InstallManifest {
  const targets = file.targets.map(({ source, ...target }) => {
    const image = images.get(target.service_name);
    if (image === undefined)
      throw new MosError('internal', `cannot publish ${target.service_name}: nobody looked at ${source}`);
    for (const key of ['digest', 'size'] as const)
      if (target[key] !== undefined && target[key] !== image[key])
        throw new MosError(
          'untrusted',
          `cannot publish ${target.service_name}: ${source} has ${key} ${image[key]}, the file says ${target[key]}`,
        );
    return { ...target, digest: image.digest, size: image.size };
  });
  return { ...file, targets };
}
