import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { ExecutionContext } from 'ava';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { type ApiRole, addApiCa, addApiClient, addSudi } from '../../pkg/trust/index.ts';
import { makeRoot } from './machine.ts';
import { makeVendor, type Vendor } from './vendor.ts';

/** A machine with an identity and an API CA, and who may call it. */
export type ApiMachine = {
  readonly vendor: Vendor;
  readonly root: string;
  /** Where a revocation list counts. */
  readonly revocations: string;
  /** PEM of the CA of machines. */
  readonly sudiCa: string;
  client(name: string, role: ApiRole, host?: Host, hours?: number): Promise<ClientFiles>;
};
export type ClientFiles = { readonly cert: string; readonly key: string };

export async function makeApiMachine(t: ExecutionContext): Promise<ApiMachine> {
  const vendor = await makeVendor(t);
  const root = await makeRoot(t, vendor);
  const options = { folder: vendor.keys };
  const { path } = await addApiCa(linuxHost, vendor.keyset, options);
  const sudi = await addSudi(linuxHost, vendor.keyset, 'default', 'SN0001', options);
  const secure = join(root, 'factory/secure');
  copyFileSync(join(path, 'cert.pem'), join(secure, 'apiCA.pem'));
  copyFileSync(join(sudi.path, 'cert.pem'), join(secure, 'server.crt'));
  copyFileSync(join(sudi.path, 'privkey.pem'), join(secure, 'server.key'));
  const sudiCa = join(vendor.keys, vendor.keyset, 'sudi-ca/cert.pem');
  copyFileSync(sudiCa, join(secure, 'sudiCA.pem'));
  return {
    ...{ vendor, root, sudiCa, revocations: join(root, 'config/mos/api/crl.pem') },
    async client(name, role, host = linuxHost, hours = 24) {
      const made = await addApiClient(host, vendor.keyset, { name, role, hours }, options);
      return { cert: join(made.path, 'cert.pem'), key: join(made.path, 'privkey.pem') };
    },
  };
}

export type Said = {
  /** Of each answer, in their order. */
  readonly statuses: readonly number[];
  readonly text: string;
  /** Of TLS, where it ended by one. */
  readonly error: string | undefined;
};

export type SayOptions = {
  readonly port: number;
  readonly ca: string;
  readonly client?: ClientFiles;
  readonly maxVersion?: 'TLSv1.2';
};

/** Sends bytes over TLS and hears until the other side closes: what a well-behaved client could not send, too. */
export const say = (options: SayOptions, ...parts: readonly (string | (() => Promise<unknown>))[]) =>
  new Promise<Said>((resolve) => {
    let text = '';
    let error: string | undefined;
    const { port, ca, client, maxVersion } = options;
    const socket = connect({
      ...{ host: '127.0.0.1', port, ca: readFileSync(ca), checkServerIdentity: () => undefined },
      ...(client === undefined ? {} : { cert: readFileSync(client.cert), key: readFileSync(client.key) }),
      ...(maxVersion === undefined ? {} : { maxVersion }),
    });
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', (reason: NodeJS.ErrnoException) => {
      error = reason.code ?? reason.message;
    });
    socket.on('close', () => {
      const statuses = [...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map((match) => Number(match[1]));
      resolve({ statuses, text, error });
    });
    socket.on('secureConnect', async () => {
      for (const part of parts)
        if (typeof part === 'string') socket.write(part);
        else await part();
    });
  });

export const requestOf = (line: string, ...headers: readonly string[]): string =>
  [`${line} HTTP/1.1`, 'Host: machine', ...headers, '', ''].join('\r\n');

/** One request, one answer. */
export const get = (path: string): string => requestOf(`GET ${path}`, 'Connection: close');
