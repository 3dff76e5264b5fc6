import { bridgeProblem, type IdRange, idRanges, type ServiceAddress } from './allocate.ts';
import { readDocument } from './document.ts';
import {
  type Findings,
  integer,
  list,
  optional,
  type Problem,
  problemsError,
  type Reader,
  record,
  refuse,
  text,
} from './fields.ts';
import { isName, type ManifestSha, type NsGroup, type ServiceName, type VolumeLabel } from './names.ts';
import { label, name, serviceName } from './target.ts';

/** How the ids of an nsgroup lie on the host: container id 0 is `hostid`, `count` of them. */
export type IdMap = { readonly nsgroup: NsGroup; readonly hostid: number; readonly count: number };

/** One entry: the install manifest that defines the target, and what this machine gave it. */
export type SystemTarget = {
  readonly name: ServiceName;
  readonly source: ManifestSha;
  readonly idmap?: IdMap;
  readonly network?: ServiceAddress;
};
export type SystemVolume = {
  readonly volume: VolumeLabel;
  readonly source: ManifestSha;
  readonly idmap?: IdMap;
};

/** FORMATS 6. On disk one array: the targets, then the volumes. */
export type SystemManifest = {
  readonly targets: readonly SystemTarget[];
  readonly volumes: readonly SystemVolume[];
};

export const sourceFile = (sha: ManifestSha): string => `${sha}.yaml`;
export const signatureFile = (sha: ManifestSha): string => `${sha}.yaml.signed`;
export const certificateFile = (sha: ManifestSha): string => `${sha}.pem`;
export const systemManifestFile = 'manifest.yaml';

const source: Reader<ManifestSha> = (value, path, findings) => {
  const file = text(
    (given) => given.endsWith('.yaml') && isName('sha', given.slice(0, -5)),
    'must be <sha256>.yaml',
  );
  return file(value, path, findings)?.slice(0, -5) as ManifestSha;
};

const idmap: Reader<IdMap> = record({
  nsgroup: name<NsGroup>('nsgroup'),
  hostid: integer(idRanges.first, idRanges.end - idRanges.size),
  count: integer(idRanges.size, idRanges.size),
});

const onBridge =
  (family: 'ipv4' | 'ipv6'): Reader<string> =>
  (value, path, findings) => {
    if (typeof value !== 'string') return refuse(findings, path, 'is missing');
    const problem = bridgeProblem(family, value);
    return problem === undefined ? value : refuse(findings, path, problem);
  };

const target: Reader<SystemTarget> = record({
  name: serviceName,
  source,
  idmap: optional(idmap),
  network: optional(record({ ipv4: onBridge('ipv4'), ipv6: onBridge('ipv6') })),
});
const volume: Reader<SystemVolume> = record({ volume: label, source, idmap: optional(idmap) });
const isVolume = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, 'volume');

const entry: Reader<SystemTarget | SystemVolume> = (value, path, findings) =>
  isVolume(value) ? volume(value, path, findings) : target(value, path, findings);

/** Strict: only this program writes the file, and nobody signs it. */
export async function parseSystemManifest(
  bytes: Uint8Array | string,
  what: string = systemManifestFile,
): Promise<SystemManifest> {
  const { value, lineOf } = await readDocument(bytes, what);
  const findings: Findings = { problems: [], unknown: [] };
  const entries = list(entry)(value ?? 'nothing', [], findings);
  for (const path of findings.unknown) refuse(findings, path, 'is not known here');
  if (findings.problems.length > 0) throw problemsError(what, findings.problems, lineOf);
  const problems = twice(entries);
  if (problems.length > 0) throw problemsError(what, problems, lineOf);
  return {
    targets: entries.filter((one) => 'name' in one),
    volumes: entries.filter((one) => 'volume' in one),
  };
}

function twice(entries: readonly (SystemTarget | SystemVolume)[]): Problem[] {
  const seen = new Set<string>();
  return entries.flatMap((one, index): Problem[] => {
    const key = 'name' in one ? `target ${one.name}` : `volume ${one.volume}`;
    if (seen.has(key)) return [{ path: [index], text: `is the ${key} for the second time` }];
    seen.add(key);
    return [];
  });
}

/**
 * YAML that is JSON too: one line per entry, so that people and `git diff` read it and a boot needs no YAML library.
 * Entries are sorted by name.
 */
export function renderSystemManifest(manifest: SystemManifest): string {
  const targets = [...manifest.targets].sort((a, b) => (a.name < b.name ? -1 : 1));
  const volumes = [...manifest.volumes].sort((a, b) => (a.volume < b.volume ? -1 : 1));
  const lines = [...targets.map(targetLine), ...volumes.map(volumeLine)];
  return lines.length === 0 ? '[]\n' : `[\n${lines.map((line) => `  ${line}`).join(',\n')}\n]\n`;
}

const mapOf = ({ nsgroup, hostid, count }: IdMap) => ({ nsgroup, hostid, count });
const targetLine = (one: SystemTarget): string =>
  JSON.stringify({
    name: one.name,
    source: sourceFile(one.source),
    ...(one.idmap === undefined ? {} : { idmap: mapOf(one.idmap) }),
    ...(one.network === undefined ? {} : { network: { ipv4: one.network.ipv4, ipv6: one.network.ipv6 } }),
  });
const volumeLine = (one: SystemVolume): string =>
  JSON.stringify({
    volume: one.volume,
    source: sourceFile(one.source),
    ...(one.idmap === undefined ? {} : { idmap: mapOf(one.idmap) }),
  });

export const toIdRange = (map: IdMap): IdRange => ({ start: map.hostid, count: map.count });
