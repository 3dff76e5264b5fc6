import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { makeServerCertificates, type ServerCertificates } from './registries/certificates.ts';
import { type Owner, startServer } from './registries/process.ts';
import { startTokenServer, type TokenServer, testPassword, testUser } from './registries/token-server.ts';

export { type Fault, type FaultProxy, startFaultProxy } from './registries/fault-proxy.ts';
export type { Owner } from './registries/process.ts';
export type { TokenRequest, TokenServer } from './registries/token-server.ts';
export { testIdentityToken, testPassword, testUser } from './registries/token-server.ts';

/** `docker`: Debian's docker-registry 2.8, without the referrers API; `referrers`: Go's pkg/registry, with it. */
export type RegistryKind = 'docker' | 'referrers';
export type RegistryAuth = 'none' | 'basic' | 'token';

export type StartOptions = {
  readonly kind: RegistryKind;
  readonly tls?: boolean;
  readonly auth?: RegistryAuth;
  /** `referrers` keeps blobs in memory unless this is set; then it hashes the file at each request. */
  readonly onDisk?: boolean;
};

/** A registry process that runs until its owner's teardown. */
export type TestRegistry = {
  readonly kind: RegistryKind;
  /** `127.0.0.1:PORT`, as it stands in a reference. */
  readonly host: string;
  readonly scheme: 'http' | 'https';
  /** PEM file of the CA to trust, with TLS. */
  readonly ca: string | undefined;
  /** Needed with `basic` and `token`. */
  readonly user: string;
  readonly password: string;
  readonly tokens: TokenServer | undefined;
  /** Where it keeps its data and certificates; removed at the end. */
  readonly folder: string;
  readonly pid: number;
  /** The end of what it printed. */
  output(): string;
};

/** All kinds × TLS × authentication: for a test that runs against each. */
export const everyRegistry: readonly Required<Omit<StartOptions, 'onDisk'>>[] = (
  ['docker', 'referrers'] as const
).flatMap((kind) =>
  [false, true].flatMap((tls) => (['none', 'basic', 'token'] as const).map((auth) => ({ kind, tls, auth }))),
);

export const describeRegistry = ({ kind, tls = false, auth = 'none' }: StartOptions): string =>
  `${kind === 'docker' ? 'docker-registry' : 'a registry with referrers'}, ${tls ? 'TLS' : 'plain'}, ${auth} authentication`;

/** bcrypt of `testPassword`: `htpasswd -nbB -C 4`. */
const passwordFile = `${testUser}:$2y$04$phj/tdp3oeO9zg8OkqgLVe0gyHWZGaNIQ8v6yVsrTnaVWw5ApKHpW\n`;

/** Starts a registry on a free port of 127.0.0.1 and waits until it listens. */
export async function startRegistry(owner: Owner, options: StartOptions): Promise<TestRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'mos-registry-'));
  owner.teardown(() => rm(folder, { recursive: true, force: true }));
  const tls = options.tls ? makeServerCertificates(folder) : undefined;
  const tokens = options.auth === 'token' ? await startTokenServer(owner, folder, tls) : undefined;
  const start = options.kind === 'docker' ? startDocker : startReferrers;
  const server = await start(owner, { ...options, folder, certificates: tls, tokens });
  return {
    kind: options.kind,
    host: server.address,
    scheme: tls === undefined ? 'http' : 'https',
    ca: tls?.ca,
    user: testUser,
    password: testPassword,
    tokens,
    folder,
    pid: server.pid,
    output: server.output,
  };
}

type Start = StartOptions & {
  readonly folder: string;
  readonly certificates: ServerCertificates | undefined;
  readonly tokens: TokenServer | undefined;
};

async function startDocker(owner: Owner, start: Start) {
  await mkdir(join(start.folder, 'data'));
  await writeFile(join(start.folder, 'passwords'), passwordFile);
  await writeFile(join(start.folder, 'config.yml'), renderConfig(start));
  const args = ['serve', join(start.folder, 'config.yml')];
  return startServer(owner, 'docker-registry', args, /listening on (127\.0\.0\.1:\d+)/);
}

function renderConfig({ folder, certificates, auth, tokens }: Start): string {
  const lines = [
    'version: 0.1',
    'log: {level: info, accesslog: {disabled: true}}',
    `storage: {filesystem: {rootdirectory: ${folder}/data}, delete: {enabled: true}}`,
    'http:',
    '  addr: 127.0.0.1:0',
  ];
  if (certificates) lines.push(`  tls: {certificate: ${certificates.cert}, key: ${certificates.key}}`);
  if (auth === 'basic') lines.push(`auth: {htpasswd: {realm: test, path: ${folder}/passwords}}`);
  if (tokens)
    lines.push(
      `auth: {token: {realm: "${tokens.realm}", service: ${tokens.service}, issuer: test-issuer, rootcertbundle: ${tokens.issuerCertificate}}}`,
    );
  return `${lines.join('\n')}\n`;
}

async function startReferrers(owner: Owner, { folder, certificates, auth, tokens, onDisk }: Start) {
  const args: string[] = [];
  if (certificates) args.push('-cert', certificates.cert, '-key', certificates.key);
  if (auth === 'basic') args.push('-basic', `${testUser}:${testPassword}`);
  if (tokens)
    args.push('-realm', tokens.realm, '-service', tokens.service, '-issuer', tokens.issuerCertificate);
  if (onDisk) {
    await mkdir(join(folder, 'data'));
    args.push('-folder', join(folder, 'data'));
  }
  const program = resolve('build/tools/referrers-registry');
  return startServer(owner, program, args, /listening on (127\.0\.0\.1:\d+)/);
}
