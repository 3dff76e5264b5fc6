import type { RegistryAddress } from './options.ts';
import { isLoopback } from './transport/index.ts';

/** Docker's own registry answers at another host than its name says. */
const dockerHub = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);

/** Where requests go: https unless the text, `plainHttp` or a loopback host (without a CA of its own) says http. */
export function addressOf(
  { registry, scheme }: RegistryAddress,
  { plainHttp = false, hasCa = false }: { readonly plainHttp?: boolean; readonly hasCa?: boolean } = {},
): URL {
  const host = dockerHub.has(registry) ? 'registry-1.docker.io' : registry;
  const bare = new URL(`https://${host}`);
  const isPlain =
    scheme === 'http' || (scheme === undefined && (plainHttp || (isLoopback(bare.hostname) && !hasCa)));
  return isPlain ? new URL(`http://${host}`) : bare;
}

/** The name under which `docker login` keeps the user of a registry. */
export const configKeyOf = (registry: string): string =>
  dockerHub.has(registry) ? 'index.docker.io' : registry.toLowerCase();
