import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** PEM files of a private CA, and of a server at 127.0.0.1, ::1 and localhost that it vouches for. */
export type ServerCertificates = { readonly ca: string; readonly cert: string; readonly key: string };

const openssl = (...args: string[]): void => {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
};

export function makeServerCertificates(
  folder: string,
  names = 'IP:127.0.0.1,IP:::1,DNS:localhost',
): ServerCertificates {
  const file = (name: string): string => join(folder, name);
  const elliptic = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...elliptic, '-days', '2', '-subj', '/CN=test registry CA', '-keyout', file('ca.key'),
    '-out', file('ca.pem'), '-addext', 'keyUsage=critical,keyCertSign,cRLSign'); // biome-ignore format: a command line
  openssl('req', '-x509', ...elliptic, '-days', '2', '-subj', '/CN=test registry', '-keyout', file('server.key'),
    '-out', file('server.pem'), '-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-addext', 'basicConstraints=critical,CA:FALSE',
    '-addext', `subjectAltName=${names}`, '-addext', 'extendedKeyUsage=serverAuth'); // biome-ignore format: a command line
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
