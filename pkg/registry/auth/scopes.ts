/** What a token is to allow: `repository:<name>:<actions>` (distribution token specification, "Scope"). */
export type Scope = string;

export const pullScope = (repository: string): Scope => `repository:${repository}:pull`;
export const pushScope = (repository: string): Scope => `repository:${repository}:pull,push`;

/** One scope per resource with all actions, sorted: also the name of the token in the cache. */
export function mergeScopes(scopes: readonly Scope[]): readonly Scope[] {
  const byName = new Map<string, Set<string>>();
  for (const scope of scopes.filter((text) => text !== '')) {
    const colon = scope.lastIndexOf(':');
    const name = scope.slice(0, colon);
    const actions = byName.get(name) ?? new Set();
    for (const action of scope.slice(colon + 1).split(',')) actions.add(action);
    byName.set(name, actions);
  }
  return [...byName].map(([name, actions]) => `${name}:${[...actions].sort().join(',')}`).sort();
}

/** True where what `held` allows is enough for `wanted`. */
export function covers(held: readonly Scope[], wanted: readonly Scope[]): boolean {
  const both = mergeScopes([...held, ...wanted]);
  return both.join(' ') === mergeScopes(held).join(' ');
}
