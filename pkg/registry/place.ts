import type { Descriptor } from '../oci/index.ts';
import { isDocument } from '../oci/index.ts';
import { pullScope, pushScope } from './auth/scopes.ts';
import type { Client } from './client.ts';

/** A repository at a registry: what each request starts from. */
export type Place = { readonly client: Client; readonly repository: string };

export const pathOf = ({ repository }: Place, rest: string): string => `/v2/${repository}/${rest}`;

/** Manifests and indexes have their own end point. */
export const contentPath = (
  place: Place,
  { mediaType, digest }: Pick<Descriptor, 'mediaType' | 'digest'>,
): string => pathOf(place, `${isDocument({ mediaType, digest, size: 0 }) ? 'manifests' : 'blobs'}/${digest}`);

/** `host/name:tag`, for errors. */
export const nameAt = ({ client, repository }: Place, name: string): string =>
  `${client.address.host}/${repository}${name.includes(':') ? '@' : ':'}${name}`;

export const pulling = ({ repository }: Place): readonly string[] => [pullScope(repository)];
export const pushing = ({ repository }: Place): readonly string[] => [pushScope(repository)];
