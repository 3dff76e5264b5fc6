import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** PEM files of a private CA, and of a server at 127.0.0.1 (10.0.2.2 in a machine in QEMU), ::1 and localhost that it vouches for. */
export type ServerCertificates = { readonly ca: string; readonly cert: string; readonly key: string };

const openssl = (...args: string[]): void => {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
};

export function makeServerCertificates(
  folder: string,
  { names = 'IP:127.0.0.1,IP:::1,DNS:localhost,IP:10.0.2.2', expired = false } = {},
): ServerCertificates {
  const file = (name: string): string => join(folder, name);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout'];
  const ca = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign', '-out', file('ca.pem')];
  openssl('req', '-x509', ...key, file('ca.key'), '-days', '2', '-subj', '/CN=test registry CA', ...ca);
  const request = ['-subj', '/CN=test registry', '-out', file('server.csr')];
  openssl('req', '-new', ...key, file('server.key'), ...request);
  writeFileSync(
    file('extensions'),
    `basicConstraints=critical,CA:FALSE\nsubjectAltName=${names}\nextendedKeyUsage=serverAuth\n`,
  );
  const signed = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-extfile', file('extensions')];
  const days = ['-days', expired ? '-1' : '2'];
  openssl('x509', '-req', '-in', file('server.csr'), ...signed, ...days, '-out', file('server.pem'));
  return { ca: file('ca.pem'), cert: file('server.pem'), key: file('server.key') };
}

/** A self-signed RSA certificate with which a token server signs; the registry gets it as its only root. */
export function makeTokenCertificate(folder: string): { readonly cert: string; readonly key: string } {
  const [cert, key] = [join(folder, 'token.pem'), join(folder, 'token.key')];
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=test tokens',
    '-keyout',
    key,
    '-out',
    cert,
  );
  return { cert, key };
}
