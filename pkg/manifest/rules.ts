import type { Problem } from './fields.ts';
import type { Network, StorageUse, TargetExtras, Volume } from './target.ts';

/** What an import file's and an install manifest's targets have in common. */
export type AnyTarget = TargetExtras & {
  readonly service_name: string;
  readonly network: Network;
  readonly storage: readonly StorageUse[];
};
export type AnyManifest = { readonly storage: readonly Volume[]; readonly targets: readonly AnyTarget[] };

/** Names and labels that stand there twice. */
export function duplicateProblems(manifest: AnyManifest): Problem[] {
  const problems: Problem[] = [];
  const labels = manifest.storage.map((volume) => volume.label);
  const services = manifest.targets.map((target) => target.service_name);
  for (const index of repeated(services))
    problems.push({
      path: ['targets', index, 'service_name'],
      text: `is ${services[index]} for the second time`,
    });
  for (const index of repeated(labels))
    problems.push({ path: ['storage', index, 'label'], text: `is ${labels[index]} for the second time` });
  for (const [at, target] of manifest.targets.entries())
    for (const index of repeated(target.storage.map((use) => use.dest)))
      problems.push({
        path: ['targets', at, 'storage', index, 'dest'],
        text: `is ${target.storage[index]?.dest} for the second time`,
      });
  return problems;
}

const repeated = (values: readonly string[]): number[] =>
  values.flatMap((value, index) => (values.indexOf(value) < index ? [index] : []));

/** Two services that ask for one port of the host; each protocol has its own ports. */
export function portProblems(targets: readonly AnyTarget[]): Problem[] {
  const problems: Problem[] = [];
  const taken = new Map<string, string>();
  for (const [at, target] of targets.entries())
    for (const [index, port] of target.network.ports.entries()) {
      const key = `${port.host}/${port.protocol ?? 'tcp'}`;
      const owner = taken.get(key);
      const text = `is ${key}, which ${owner} has already`;
      if (owner !== undefined)
        problems.push({ path: ['targets', at, 'network', 'ports', index, 'host'], text });
      taken.set(key, owner ?? target.service_name);
    }
  return problems;
}

/** Dependencies on what isn't there, and circles of them. */
export function dependencyProblems(targets: readonly AnyTarget[], isOpen: boolean): Problem[] {
  const known = new Set(targets.map((target) => target.service_name));
  const missing = targets.flatMap((target, at) =>
    (target.depends_on ?? []).flatMap((needed, index): Problem[] =>
      isOpen || known.has(needed)
        ? []
        : [{ path: ['targets', at, 'depends_on', index], text: `is ${needed}, which is no target` }],
    ),
  );
  const circle = findCircle(targets);
  if (circle === undefined) return missing;
  const at = targets.findIndex((target) => target.service_name === circle[0]);
  return [
    ...missing,
    { path: ['targets', at, 'depends_on'], text: `goes in a circle: ${circle.join(' → ')}` },
  ];
}

/** The first circle of dependencies, its first name repeated at its end. */
export function findCircle(targets: readonly AnyTarget[]): string[] | undefined {
  const needs = new Map(targets.map((target) => [target.service_name, target.depends_on ?? []] as const));
  const done = new Set<string>();
  const search = (name: string, way: readonly string[]): string[] | undefined => {
    if (way.includes(name)) return [...way.slice(way.indexOf(name)), name];
    if (done.has(name)) return undefined;
    for (const next of needs.get(name) ?? []) {
      const circle = search(next, [...way, name]);
      if (circle !== undefined) return circle;
    }
    done.add(name);
    return undefined;
  };
  for (const target of targets) {
    const circle = search(target.service_name, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}
