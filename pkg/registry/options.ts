import type { Secret } from '../errors/index.ts';
import type { Repository } from '../oci/index.ts';

/** Who we are to a registry. An identity token is what `docker login` may have got in place of a password. */
export type Credentials =
  | { readonly user: string; readonly password: Secret }
  | { readonly identityToken: Secret }
  | { readonly bearer: Secret };

/** Milliseconds. */
export type Timeouts = {
  /** To look up the name, connect and end the TLS handshake. Default 15 s. */
  readonly connect?: number;
  /** Without a byte while we wait for one, or with fewer than 4096 all together. Default 60 s. */
  readonly idle?: number;
  /** For the answer to an upload: the registry hashes and stores before it answers. Default 5 minutes. */
  readonly answer?: number;
};

/**
 * A machine that gives away its images (`mosctl serve --mirror`): known by the CA of machines and not by a host name, and
 * it wants to see our own certificate. PEM texts.
 */
export type MachineIdentity = { readonly certificate: string; readonly key: string; readonly ca: string };

export type RegistryOptions = {
  /** http in place of https, whatever the host. */
  readonly plainHttp?: boolean;
  /** PEM file of a private CA, trusted beside the system's (`--registry-ca`). */
  readonly ca?: string;
  /** Who we are to a registry that is a machine; its CA counts beside the others, and its name is not compared. */
  readonly machine?: MachineIdentity | undefined;
  /** Without them: the config files of docker and containers, and their helpers. */
  readonly credentials?: Credentials;
  readonly timeouts?: Timeouts;
  /** Tries of one request, the first included, and of a blob without progress. Default 5. */
  readonly attempts?: number;
  /** Blobs go up in pieces of this many bytes (PATCH); default: one PUT, and pieces only where a registry refuses it. */
  readonly chunkSize?: number;
  /** Ends everything that is under way. */
  readonly signal?: AbortSignal;
};

/** Where a registry is. */
export type RegistryAddress = {
  /** `host[:port]` */
  readonly registry: string;
  /** undefined: https unless the host is loopback. */
  readonly scheme?: 'https' | 'http' | undefined;
};

/** One repository of a registry. */
export interface RegistryRepository extends Repository {
  openRest: NonNullable<Repository['openRest']>;
  putFrom: NonNullable<Repository['putFrom']>;
  mountFrom: NonNullable<Repository['mountFrom']>;
  /** All tags in the registry's order, the fall-back tags of referrers among them. */
  tags(): Promise<readonly string[]>;
}

/** A registry: its connections and tokens are shared by its repositories. */
export interface Registry extends AsyncDisposable {
  /** `https://host:port` */
  readonly address: string;
  repository(name: string): RegistryRepository;
}
