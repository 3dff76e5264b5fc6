import { Secret } from '../../errors/index.ts';
import { parseJson } from '../../oci/index.ts';
import type { Credentials } from '../options.ts';

/** What a config file of docker or containers says about one registry. */
export type ConfigEntry =
  | { readonly kind: 'credentials'; readonly credentials: Credentials }
  /** The program `docker-credential-<helper>` knows. */
  | { readonly kind: 'helper'; readonly helper: string };

/** `config.json` or `auth.json` for one registry; undefined where it says nothing. `host` is compared as a whole. */
export function parseDockerConfig(bytes: Uint8Array, file: string, host: string): ConfigEntry | undefined {
  const config = objectOf(parseJson(bytes, file));
  const helper = valueFor(objectOf(config.credHelpers), host) ?? config.credsStore;
  if (typeof helper === 'string' && helper !== '') return { kind: 'helper', helper };
  const credentials = credentialsOf(objectOf(valueFor(objectOf(config.auths), host)));
  return credentials === undefined ? undefined : { kind: 'credentials', credentials };
}

function credentialsOf(entry: Readonly<Record<string, unknown>>): Credentials | undefined {
  const { auth, username, password, identitytoken, registrytoken } = entry;
  if (isText(registrytoken)) return { bearer: new Secret(registrytoken) };
  if (isText(identitytoken)) return { identityToken: new Secret(identitytoken) };
  if (isText(username) && isText(password)) return { user: username, password: new Secret(password) };
  if (!isText(auth)) return undefined;
  const pair = Buffer.from(auth, 'base64').toString();
  const colon = pair.indexOf(':');
  if (colon < 1) return undefined;
  // Docker pads with NUL where it once did.
  return { user: pair.slice(0, colon), password: new Secret(pair.slice(colon + 1).replace(/\0+$/, '')) };
}

/**
 * Keys are `host:port`, and in older files `https://host/v1/`. podman also writes `host/team` for a part of a registry:
 * it counts where nothing is said of the whole, since we are one user to a registry.
 */
function valueFor(table: Readonly<Record<string, unknown>>, host: string): unknown {
  const keys = Object.keys(table).map((key) => [key, key.replace(/^https?:\/\//, '').toLowerCase()] as const);
  const whole = keys.find(([, name]) => name.replace(/\/(v[12]\/?)?$/, '') === host);
  const part = keys.find(([, name]) => name.startsWith(`${host}/`));
  const [key] = whole ?? part ?? [];
  return key === undefined ? undefined : table[key];
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const objectOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
