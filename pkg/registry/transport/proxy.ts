import { isIPv4 } from 'node:net';
import { MosError, Secret } from '../../errors/index.ts';

/** An HTTP proxy. `authorization` is the value of Proxy-Authorization. */
export type HttpProxy = { readonly host: string; readonly port: number; readonly authorization?: Secret };

/** localhost, 127.0.0.0/8 and ::1, and no other name. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '');
  return bare === 'localhost' || bare === '::1' || (isIPv4(bare) && bare.startsWith('127.'));
}

/**
 * The proxy for a URL as curl reads the environment: `https_proxy` or `http_proxy` (upper case too, but HTTP_PROXY is
 * left out because CGI programs get it from whoever asks), `no_proxy`. Loopback is never reached through a proxy.
 */
export function proxyFor(url: URL, environment: (name: string) => string | undefined): HttpProxy | undefined {
  if (isLoopback(url.hostname)) return undefined;
  const both = (name: string): string | undefined => environment(name) ?? environment(name.toUpperCase());
  if (isExempt(url, both('no_proxy') ?? '')) return undefined;
  const text =
    (url.protocol === 'https:' ? both('https_proxy') : environment('http_proxy')) ?? both('all_proxy');
  return text === undefined || text === '' ? undefined : parseProxy(text);
}

/** `no_proxy`: `*`, or names with what lies below them, with or without a port. */
function isExempt(url: URL, list: string): boolean {
  return list
    .split(',')
    .map((entry) =>
      entry
        .trim()
        .toLowerCase()
        .replace(/^\*?\./, ''),
    )
    .filter((entry) => entry !== '')
    .some((entry) => {
      const [, name = entry, port] = /^(.*?)(?::([0-9]+))?$/.exec(entry) ?? [];
      if (port !== undefined && port !== url.port) return false;
      return name === '*' || url.hostname === name || url.hostname.endsWith(`.${name}`);
    });
}

function parseProxy(text: string): HttpProxy {
  const full = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  // The text isn't quoted: a password may stand in it.
  if (url === undefined) throw new MosError('usage', 'cannot use the proxy of the environment: it is no URL');
  if (url.protocol !== 'http:')
    throw new MosError(
      'unsupported',
      `cannot use the proxy ${url.protocol}//${url.host}: only http:// is known`,
    );
  const { hostname, port, username, password } = url;
  const at = { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 80 : Number(port) };
  if (username === '') return at;
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { ...at, authorization: new Secret(`Basic ${Buffer.from(pair).toString('base64')}`) };
}
