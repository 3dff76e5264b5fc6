import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { type Owner, startServer } from '../../../test/helpers/registries/process.ts';
import { keyset, trust } from '../vendor.ts';
import type { Place } from './load.ts';

// The daemon as it is released, and nginx in its place.

export type Started = { readonly port: number; readonly pid: number };

const client = join(keyset, 'api-ca/clients/bench');
const sudi = join(keyset, 'manifest/default/sudi/BENCH');

/** Where both show the same certificate, and let the same client in. */
export const placeOf = ({ port }: Started): Place => ({
  port,
  ca: join(keyset, 'sudi-ca/cert.pem'),
  cert: join(client, 'cert.pem'),
  key: join(client, 'privkey.pem'),
});

/** Gives a root directory its identity, and whom it trusts. */
export function identify(root: string): void {
  if (!existsSync(join(keyset, 'api-ca'))) trust('api-ca', 'add', 'bench');
  if (!existsSync(sudi)) trust('sudi', 'add', 'bench', 'default', 'BENCH');
  if (!existsSync(client)) trust('api-client', 'add', 'bench', 'bench', '--role', 'admin', '--hours', '24');
  const secure = join(root, 'factory/secure');
  mkdirSync(secure, { recursive: true });
  cpSync(join(keyset, 'api-ca/cert.pem'), join(secure, 'apiCA.pem'));
  cpSync(join(keyset, 'sudi-ca/cert.pem'), join(secure, 'sudiCA.pem'));
  cpSync(join(sudi, 'cert.pem'), join(secure, 'server.crt'));
  cpSync(join(sudi, 'privkey.pem'), join(secure, 'server.key'));
}

export async function startDaemon(owner: Owner, root: string, options: readonly string[]): Promise<Started> {
  const words = ['serve', '-r', root, '--socket', join(root, 'api.sock'), ...options];
  const { address, pid } = await startServer(
    owner,
    resolve('build/mosctl'),
    words,
    /listening at \S*127\.0\.0\.1:(\d+)/,
  );
  return { port: Number(address), pid };
}

/** One worker, as the daemon is one process. `server` are lines of its server block. */
export async function startNginx(
  owner: Owner,
  folder: string,
  tls: boolean,
  server: string,
): Promise<Started> {
  const port = await freePort();
  const file = resolve(folder, 'nginx.conf');
  const secure = `ssl_certificate ${sudi}/cert.pem; ssl_certificate_key ${sudi}/privkey.pem; ssl_protocols TLSv1.3;
    ssl_client_certificate ${keyset}/api-ca/cert.pem; ssl_verify_client on;`;
  writeFileSync(
    file,
    `user root; daemon off; worker_processes 1; pid ${resolve(folder)}/nginx.pid; error_log stderr notice;
events { worker_connections 4096; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; default_type application/json;
  server { listen 127.0.0.1:${port}${tls ? ' ssl' : ''}; ${tls ? secure : ''} ${server} }
}
`,
  );
  const { pid } = await startServer(owner, 'nginx', ['-e', 'stderr', '-c', file], /(start worker process)/);
  return { port, pid };
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}

/** Of `getconf CLK_TCK`. */
export const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
