import type { InstallTarget } from './install.ts';
import { goJson } from './render.ts';
import { isBootTarget, type Volume } from './target.ts';

/** Targets and volumes to be compared: an install manifest is one, and so is what a machine runs. */
export type Content = { readonly targets: readonly InstallTarget[]; readonly storage: readonly Volume[] };

/** One difference. `fields` are those that differ besides version, digest and size. `boot`: only a reboot makes it real. */
export type Change = {
  readonly kind: 'added' | 'removed' | 'changed';
  readonly what: 'target' | 'volume';
  readonly name: string;
  readonly boot: boolean;
  readonly from?: { readonly version: string; readonly digest: string };
  readonly to?: { readonly version: string; readonly digest: string };
  readonly fields: readonly string[];
};

/** The differences from one to the other, targets first, by name; empty where nothing differs. */
export function diffContent(before: Content, after: Content): Change[] {
  const targets = pairs(before.targets, after.targets, (target) => target.service_name);
  const volumes = pairs(before.storage, after.storage, (volume) => volume.label);
  return [
    ...targets.flatMap(([name, from, to]) => targetChange(name, from, to) ?? []),
    ...volumes.flatMap(([name, from, to]) => volumeChange(name, from, to) ?? []),
  ];
}

function pairs<T>(before: readonly T[], after: readonly T[], nameOf: (item: T) => string) {
  const from = new Map(before.map((item) => [nameOf(item), item]));
  const to = new Map(after.map((item) => [nameOf(item), item]));
  const names = [...new Set([...from.keys(), ...to.keys()])].sort();
  return names.map((name) => [name, from.get(name), to.get(name)] as const);
}

const kindOf = (from: unknown, to: unknown) =>
  from === undefined ? ('added' as const) : to === undefined ? ('removed' as const) : ('changed' as const);

function targetChange(
  name: string,
  from: InstallTarget | undefined,
  to: InstallTarget | undefined,
): Change | undefined {
  const fields =
    from && to ? differing(from, to).filter((key) => !['version', 'digest', 'size'].includes(key)) : [];
  const isSame = from?.digest === to?.digest && from?.version === to?.version && fields.length === 0;
  if (from && to && isSame) return undefined;
  const boot = [from, to].some((target) => target !== undefined && isBootTarget(target));
  return {
    kind: kindOf(from, to),
    what: 'target',
    name,
    boot,
    ...(from ? { from: { version: from.version, digest: from.digest } } : {}),
    ...(to ? { to: { version: to.version, digest: to.digest } } : {}),
    fields,
  };
}

function volumeChange(name: string, from: Volume | undefined, to: Volume | undefined): Change | undefined {
  const fields = from && to ? differing(from, to) : [];
  if (from && to && fields.length === 0) return undefined;
  return { kind: kindOf(from, to), what: 'volume', name, boot: false, fields };
}

function differing(from: object, to: object): string[] {
  const value = (of: object, key: string): string => goJson(Reflect.get(of, key) ?? null);
  const keys = new Set([...Object.keys(from), ...Object.keys(to)]);
  return [...keys].filter((key) => value(from, key) !== value(to, key)).sort();
}

/** One line for people and for the subject of a commit: `hostfs 1.0 → 1.1, web added`. */
export function summarizeChanges(changes: readonly Change[]): string {
  const parts = changes.map(({ kind, what, name, from, to, fields }) => {
    const subject = what === 'volume' ? `volume ${name}` : name;
    if (kind !== 'changed') return `${subject} ${kind}`;
    if (from && to && from.version !== to.version) return `${subject} ${from.version} → ${to.version}`;
    return from?.digest === to?.digest ? `${subject} ${fields.join(' and ')} changed` : `${subject} rebuilt`;
  });
  const shown = parts.slice(0, 4);
  if (parts.length > shown.length) shown.push(`${parts.length - shown.length} more`);
  return shown.length === 0 ? 'nothing changed' : shown.join(', ');
}
