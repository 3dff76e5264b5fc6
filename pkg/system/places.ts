import { resolve } from 'node:path';
import { MosError, type Secret } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import {
  isRepositoryName,
  isTag,
  parseReference,
  type Reference,
  type Repository,
  redacted,
} from '../oci/index.ts';
import type { Registry, Timeouts } from '../registry/index.ts';
import type { Pace } from './mirror/pace.ts';

/** Who we are to one registry, `host[:port]`. */
export type Login = { readonly registry: string; readonly user: string; readonly password: Secret };

/** How registries are talked to; nothing here matters for a folder. */
export type RegistryAccess = {
  readonly plainHttp?: boolean;
  /** A PEM file with the CAs of the registry's TLS certificate. */
  readonly registryCa?: string | undefined;
  /** For the registry that is written to; others are asked as the docker configuration says. */
  readonly credentials?: Login | undefined;
  readonly timeouts?: Timeouts;
  /** Asked for images before the registry is, and before those of the machine's own setting. */
  readonly mirrors?: readonly string[];
  /** When a mirror is left. */
  readonly pace?: Partial<Pace>;
  readonly signal?: AbortSignal | undefined;
};

/** Where repositories are: a registry, a zot root, or one layout that holds everything. */
export type Place =
  | { readonly kind: 'registry'; readonly registry: string; readonly scheme: 'http' | 'https' | undefined }
  | { readonly kind: 'zot'; readonly root: string }
  | { readonly kind: 'oci'; readonly folder: string };

/** The repository beside any name of a place that holds the images of all targets (FORMATS 4). */
export const targetsRepository = 'mos';

/** A reference apart: the place, the repository in it (none in a layout), the tag or digest. */
export function placeOf(reference: Reference): { place: Place; repository: string; name: string } {
  if (reference.kind === 'oci')
    return { place: { kind: 'oci', folder: reference.folder }, repository: '', name: reference.name };
  const { repository, name } = reference;
  return reference.kind === 'zot'
    ? { place: { kind: 'zot', root: reference.root }, repository, name }
    : {
        place: { kind: 'registry', registry: reference.registry, scheme: reference.scheme },
        repository,
        name,
      };
}

/** `--repo`: `host:port`, with a scheme or not, or `zot:ROOT` (relative to `cwd`). */
export function parsePlace(text: string, cwd: string): Place {
  if (text.startsWith('zot:') && text.length > 4) return { kind: 'zot', root: resolve(cwd, text.slice(4)) };
  if (text.replace(/^[a-z]+:\/\//, '').includes('/'))
    throw badPlace(text, 'a path in a registry is no place: the images of targets are found beside it');
  try {
    const { place } = placeOf(parseReference(`${text}/x:y`));
    if (place.kind === 'registry') return place;
  } catch (error) {
    if (!(error instanceof MosError)) throw error;
  }
  throw badPlace(text, 'it is no registry and no folder');
}

const badPlace = (text: string, why: string): MosError =>
  new MosError('usage', `cannot use ${JSON.stringify(redacted(text))} as a repository: ${why}`, {
    hint: 'forms: host[:port], zot:ROOT; the path of a manifest belongs to --name',
  });

/** `--name`: `path:tag`. */
export function parseName(text: string): { repository: string; tag: string } {
  const colon = text.lastIndexOf(':');
  const [repository, tag] = [text.slice(0, Math.max(colon, 0)), text.slice(colon + 1)];
  if (isRepositoryName(repository) && isTag(tag) && repository !== targetsRepository)
    return { repository, tag };
  throw new MosError(
    'usage',
    `cannot use ${JSON.stringify(text.slice(0, 300))} as a name: the form is path:tag`,
    {
      hint: `for example machine/hostfs:1.0.0; the path ${targetsRepository} holds the images`,
    },
  );
}

export const renderPlace = (place: Place): string =>
  place.kind === 'zot'
    ? `zot:${place.root}`
    : place.kind === 'oci'
      ? `oci:${place.folder}`
      : `${place.scheme === undefined ? '' : `${place.scheme}://`}${place.registry}`;

/** Opens repositories; those of one registry share its connections and tokens. Ends with `await using`. */
export type Repositories = AsyncDisposable & {
  /** A registry is not asked before something is wanted of it. `create` makes a folder where there is none. */
  open(place: Place, repository: string, options?: { readonly create?: boolean }): Promise<Repository>;
};

export function openRepositories(host: Host, access: RegistryAccess): Repositories {
  const registries = new Map<string, Promise<Registry>>();
  const connect = (place: Place & { kind: 'registry' }): Promise<Registry> => {
    const key = renderPlace(place);
    const known = registries.get(key) ?? connectTo(host, place, access);
    registries.set(key, known);
    return known;
  };
  return {
    async open(place, repository, options = {}) {
      if (place.kind === 'registry') return (await connect(place)).repository(repository);
      const { openLayout, openZotRoot } = await import('../layout/index.ts');
      if (place.kind === 'oci') return openLayout(host, place.folder, options);
      return (await openZotRoot(host, place.root, options)).repository(repository, options);
    },
    async [Symbol.asyncDispose]() {
      for (const result of await Promise.allSettled(registries.values()))
        if (result.status === 'fulfilled') await result.value[Symbol.asyncDispose]();
    },
  };
}

async function connectTo(
  host: Host,
  { registry, scheme }: Place & { kind: 'registry' },
  { plainHttp, registryCa, credentials, timeouts, signal }: RegistryAccess,
): Promise<Registry> {
  const { connectRegistry } = await import('../registry/index.ts');
  const options = {
    ...(plainHttp === undefined ? {} : { plainHttp }),
    ...(registryCa === undefined ? {} : { ca: registryCa }),
    // Never sent to another registry than the one they are for.
    ...(credentials?.registry === registry ? { credentials } : {}),
    ...(timeouts === undefined ? {} : { timeouts }),
    ...(signal === undefined ? {} : { signal }),
  };
  return connectRegistry(host, { registry, scheme }, options);
}
