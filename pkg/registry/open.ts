import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { addressOf } from './address.ts';
import { Client } from './client.ts';
import type { Registry, RegistryAddress, RegistryOptions, RegistryRepository } from './options.ts';
import { repositoryOf } from './repository.ts';
import { hasOwnRoots } from './trusted.ts';

/** Makes ready to talk to a registry; nothing is sent before the first call of a repository. */
export async function connectRegistry(
  host: Host,
  address: RegistryAddress,
  options: RegistryOptions = {},
): Promise<Registry> {
  if (!URL.canParse(`https://${address.registry}`) || new URL(`https://${address.registry}`).pathname !== '/')
    throw new MosError(
      'usage',
      `cannot use ${JSON.stringify(address.registry)} as a registry: it must be host:port`,
    );
  const hasCa = options.ca !== undefined || (await hasOwnRoots(host, address.registry));
  const url = addressOf(address, { plainHttp: options.plainHttp === true, hasCa });
  const client = new Client(host, url, address.registry, options);
  return {
    address: url.origin,
    repository: (name) => repositoryOf(client, name, options.chunkSize),
    [Symbol.asyncDispose]: async () => client[Symbol.dispose](),
  };
}

/** One repository of a registry. Idle connections close by themselves and don't keep the program running. */
export async function openRegistry(
  host: Host,
  at: RegistryAddress & { readonly repository: string },
  options: RegistryOptions = {},
): Promise<RegistryRepository> {
  return (await connectRegistry(host, at, options)).repository(at.repository);
}
