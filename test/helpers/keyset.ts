import { execFileSync } from 'node:child_process';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';

/** The machine, at a moment that the test knows. */
export const hostAt = (time: string, host: Host = linuxHost): Host => ({
  ...host,
  clock: { ...host.clock, now: () => new Date(time) },
});

/** What openssl says; fails the test when it exits with an error. */
export const openssl = (cwd: string, ...argv: string[]): string =>
  execFileSync('openssl', argv, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** The lines of a certificate that FORMATS 5 decides, as openssl reads them. */
export const describeCertificate = (path: string): string[] =>
  openssl(
    '/',
    'x509',
    '-in',
    path,
    '-noout',
    '-nameopt',
    'RFC2253',
    '-subject',
    '-issuer',
    '-startdate',
    '-enddate',
    '-ext',
    'basicConstraints,keyUsage,extendedKeyUsage',
  )
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
