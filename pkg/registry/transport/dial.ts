import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { MosError } from '../../errors/index.ts';
import { Connection } from './connection.ts';
import { describeSocketError } from './errors.ts';
import { endOfHead, headLimit, malformed, parseHead } from './head.ts';
import type { HttpProxy } from './proxy.ts';
import { transientError } from './transient.ts';

export type DialOptions = {
  /** Milliseconds for everything up to the end of the TLS handshake. */
  readonly timeout: number;
  /** PEM certificates to trust; undefined: those of the runtime. */
  readonly ca?: readonly string[] | undefined;
  /** PEM, shown to a server that asks. Machines have no host names: with it none is compared, the CA alone counts. */
  readonly identity?: { readonly certificate: string; readonly key: string } | undefined;
  readonly proxy?: HttpProxy | undefined;
  readonly signal?: AbortSignal | undefined;
  /** A clock that only goes forward, in milliseconds. */
  readonly now: () => number;
};

export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '');
export const portOf = (url: URL): number =>
  url.port !== '' ? Number(url.port) : url.protocol === 'https:' ? 443 : 80;

/** Connects to the server of a URL, through a proxy where there is one. */
export async function dial(url: URL, options: DialOptions): Promise<Connection> {
  const peer = `${url.hostname}:${portOf(url)}`;
  const sockets: Socket[] = [];
  const late = AbortSignal.timeout(options.timeout);
  const stop = options.signal === undefined ? late : AbortSignal.any([late, options.signal]);
  const destroy = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  stop.addEventListener('abort', destroy);
  try {
    const { proxy } = options;
    const via = proxy === undefined ? { host: hostOf(url), port: portOf(url) } : proxy;
    const plain = connect({ host: via.host, port: via.port, noDelay: true });
    sockets.push(kept(plain));
    await settled(plain, 'connect', proxy === undefined ? peer : `the proxy ${via.host}:${via.port}`);
    if (url.protocol !== 'https:') {
      const connection = new Connection(plain, peer, options.now);
      connection.forward = proxy;
      return connection;
    }
    if (proxy !== undefined) await openTunnel(plain, peer, proxy, options.timeout);
    return await startTls(plain, url, peer, options, sockets);
  } catch (error) {
    destroy();
    options.signal?.throwIfAborted();
    if (late.aborted)
      throw transientError('timeout', `${peer} cannot be reached: no answer in ${options.timeout / 1000} s`);
    throw error;
  } finally {
    stop.removeEventListener('abort', destroy);
  }
}

async function startTls(
  plain: Socket,
  url: URL,
  peer: string,
  { ca, identity, now }: DialOptions,
  sockets: Socket[],
) {
  const host = hostOf(url);
  const secure = connectTls({
    socket: plain,
    host,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ALPNProtocols: ['http/1.1'],
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca: [...ca] }),
    ...(identity === undefined
      ? {}
      : { cert: identity.certificate, key: identity.key, checkServerIdentity: () => undefined }),
  });
  sockets.push(kept(secure));
  await settled(secure, 'secureConnect', peer);
  // Not left to the runtime's default alone: Bun and Node have differed here.
  if (!secure.authorized) throw describeSocketError(peer, secure.authorizationError);
  return new Connection(secure, peer, now, plain);
}

/** An error without a listener would end the program: also one that comes when nobody waits for this socket any more. */
function kept(socket: Socket): Socket {
  return socket.on('error', () => {});
}

function settled(socket: Socket, event: 'connect' | 'secureConnect', peer: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error?: unknown): void =>
      reject(describeSocketError(peer, error ?? { code: 'ECONNRESET' }));
    const closed = (): void => fail();
    socket.once('error', fail);
    socket.once('close', closed);
    socket.once(event, () => {
      socket.removeListener('error', fail);
      socket.removeListener('close', closed);
      resolve();
    });
  });
}

/** CONNECT, RFC 9110 9.3.6. */
async function openTunnel(socket: Socket, peer: string, proxy: HttpProxy, timeout: number): Promise<void> {
  const name = `the proxy ${proxy.host}:${proxy.port}`;
  const authorization =
    proxy.authorization === undefined ? '' : `Proxy-Authorization: ${proxy.authorization.reveal()}\r\n`;
  socket.write(`CONNECT ${peer} HTTP/1.1\r\nHost: ${peer}\r\n${authorization}\r\n`);
  let read = Buffer.alloc(0);
  while (endOfHead(read) < 0) {
    if (read.length > headLimit) throw malformed('its head is too long');
    read = Buffer.concat([read, await nextChunk(socket, name, timeout)]);
  }
  const { status } = parseHead(read.subarray(0, endOfHead(read)).toString('latin1'));
  if (status === 200 && endOfHead(read) + 4 === read.length) return;
  throw new MosError('network', `${name} does not connect us to ${peer}: it answered ${status}`);
}

function nextChunk(socket: Socket, name: string, timeout: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const take = (chunk: Uint8Array): void => {
      // What follows belongs to TLS.
      socket.pause();
      finish(() => resolve(chunk));
    };
    const fail = (error?: unknown): void =>
      finish(() => reject(describeSocketError(name, error ?? { code: 'ECONNRESET' })));
    const closed = (): void => fail();
    const timer = setTimeout(() => fail({ code: 'ETIMEDOUT' }), timeout);
    const finish = (then: () => void): void => {
      clearTimeout(timer);
      socket.removeListener('data', take);
      socket.removeListener('error', fail);
      socket.removeListener('close', closed);
      then();
    };
    socket.on('data', take);
    socket.once('error', fail);
    socket.once('close', closed);
    socket.resume();
  });
}
