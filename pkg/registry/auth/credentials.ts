import { isMosError, MosError, Secret } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { parseJson } from '../../oci/index.ts';
import type { Credentials } from '../options.ts';
import { parseDockerConfig } from './docker-config.ts';

/**
 * What the config files say about a registry, the first that knows it: `$DOCKER_CONFIG/config.json` or
 * `~/.docker/config.json`, then the `auth.json` of podman and skopeo.
 */
export async function readCredentials(host: Host, registry: string): Promise<Credentials | undefined> {
  for (const file of configFiles(host)) {
    const bytes = await readIfThere(host, file);
    const entry = bytes === undefined ? undefined : parseDockerConfig(bytes, file, registry);
    const found =
      entry?.kind === 'helper' ? await askHelper(host, entry.helper, registry) : entry?.credentials;
    if (found !== undefined) return found;
  }
  return undefined;
}

function configFiles({ machine }: Host): string[] {
  const variable = (name: string): string | undefined => machine.environment(name) || undefined;
  const home = variable('HOME');
  const docker = variable('DOCKER_CONFIG') ?? (home && `${home}/.docker`);
  const runtime = variable('XDG_RUNTIME_DIR');
  const config = variable('XDG_CONFIG_HOME') ?? (home && `${home}/.config`);
  return [
    docker && `${docker}/config.json`,
    variable('REGISTRY_AUTH_FILE') ?? (runtime && `${runtime}/containers/auth.json`),
    config && `${config}/containers/auth.json`,
  ].filter((path): path is string => path?.startsWith('/') === true);
}

async function readIfThere(host: Host, path: string): Promise<Uint8Array | undefined> {
  try {
    return await host.files.read(path);
  } catch (error) {
    if (isMosError(error, 'not-found')) return undefined;
    throw error;
  }
}

/** What helpers need of our environment to find the person's key ring. */
const passedOn = ['PATH', 'HOME', 'USER', 'XDG_RUNTIME_DIR', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'DBUS_SESSION_BUS_ADDRESS', 'DISPLAY', 'WAYLAND_DISPLAY', 'GNUPGHOME', 'GPG_TTY', 'PASSWORD_STORE_DIR']; // biome-ignore format: a list of names

/** The protocol of docker-credential-helpers: the host on stdin, JSON or a sentence on stdout. */
async function askHelper(host: Host, helper: string, registry: string): Promise<Credentials | undefined> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(helper))
    throw new MosError(
      'invalid',
      `cannot use the credential helper ${JSON.stringify(helper)}: it is no plain name`,
    );
  const env = Object.fromEntries(
    passedOn.flatMap((name) => {
      const value = host.machine.environment(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const program = `docker-credential-${helper}`;
  const input = registry === 'index.docker.io' ? 'https://index.docker.io/v1/' : registry;
  const { stdout, exitCode } = await host.processes.query([program, 'get'], {
    input: `${input}\n`,
    env,
    timeout: 60_000,
    accept: [1],
  });
  if (exitCode === 0) return parseAnswer(stdout, program);
  const said = Buffer.from(stdout).toString().trim();
  if (said.includes('credentials not found')) return undefined;
  throw new MosError('denied', `cannot ask ${program} for ${registry}: ${said.slice(0, 200) || 'it failed'}`);
}

function parseAnswer(stdout: Uint8Array, program: string): Credentials | undefined {
  const value = parseJson(stdout, `what ${program} said`) as { Username?: unknown; Secret?: unknown } | null;
  const { Username: user, Secret: secret } = value ?? {};
  if (typeof user !== 'string' || typeof secret !== 'string' || secret === '') return undefined;
  if (user === '<token>') return { identityToken: new Secret(secret) };
  return { user, password: new Secret(secret) };
}
