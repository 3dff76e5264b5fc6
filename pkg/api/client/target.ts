import { MosError } from '../../errors/index.ts';
import { type Host, readText } from '../../host/index.ts';
import { object, type Schema, text } from '../schema.ts';

/** How a machine is reached, as the options of the command line or a context file say it. */
export type TargetOptions = {
  /** `https://address:port`, or `unix:/path`. */
  readonly host?: string | undefined;
  /** PEM files: our certificate and key, and the CA of machines. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly serverCa?: string | undefined;
  /** Of the machine; it has no host name to compare. */
  readonly serial?: string | undefined;
};

export type Target =
  | { readonly kind: 'unix'; readonly path: string }
  | {
      readonly kind: 'tls';
      readonly address: string;
      readonly port: number;
      readonly cert: string;
      readonly key: string;
      readonly serverCa: string;
      readonly serial: string;
    };

const usualPort = 8443;
const path = text({ most: 4096 });
const keys = ['host', 'cert', 'key', 'serverCa', 'serial'] as const;
const schema: Schema<TargetOptions> = object<TargetOptions>(
  { host: path, cert: path, key: path, serverCa: path, serial: path },
  keys,
);

/** A context file: JSON with the options in it, so that they need not be typed; what is typed counts more. */
export async function readContext(host: Host, file: string): Promise<TargetOptions> {
  const content = await readText(host, file);
  try {
    return schema.check(JSON.parse(content), 'the file');
  } catch (cause) {
    throw new MosError('usage', `cannot use ${file} as a context`, {
      cause,
      hint: 'it is JSON with host, cert, key, serverCa, serial',
    });
  }
}

export function parseTarget(options: TargetOptions): Target {
  const { host = '', cert, key, serverCa, serial } = options;
  const unix = /^unix:(\/.+)$/.exec(host)?.[1];
  if (unix !== undefined) return { kind: 'unix', path: unix };
  const [, six, four, port] =
    /^https:\/\/(?:\[([0-9a-fA-F:]+)\]|([0-9a-zA-Z.-]+))(?::(\d{1,5}))?\/?$/.exec(host) ?? [];
  const address = six ?? four;
  if (address === undefined || Number(port ?? usualPort) > 65535)
    throw new MosError('usage', `cannot reach ${JSON.stringify(host.slice(0, 200))}: it is no machine`, {
      hint: 'forms: https://address[:port], unix:/run/mos/api.sock',
    });
  if (cert === undefined || key === undefined || serverCa === undefined || serial === undefined)
    throw new MosError('usage', `cannot reach ${host}: --cert, --key, --server-ca and --serial are needed`, {
      hint: 'make a certificate by trust api-client add; the CA of machines is sudi-ca/cert.pem of the keyset',
    });
  return { kind: 'tls', address, port: Number(port ?? usualPort), cert, key, serverCa, serial };
}
