import { constants } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import {
  createServer as createTlsServer,
  type TLSSocket,
  type Server as TlsServer,
  type TlsOptions as TlsServerOptions,
} from 'node:tls';
import { MosError, messageOf } from '../errors/index.ts';
import type { Host, Peer } from '../host/index.ts';
import { machinePaths, makeGrantedFolder } from '../system/index.ts';
import { type ApiClient, type ApiTrust, readApiTrust, verifyApiClient } from '../trust/index.ts';
import { type Api, markOf } from './api.ts';
import { type Caller, callerOfPeer, callerOfService, readApiGroup } from './caller.ts';
import { dispatch } from './dispatch.ts';
import { fresh } from './fresh.ts';
import { type Answer, type Limits, problemAnswer, type Request, serveConnection } from './http/index.ts';
import { accept, boundAddress, ending, type Listener, listening } from './listener.ts';

export type UnixOptions = { readonly path: string } | { readonly descriptor: number };

/** Who connects is asked of the kernel, once: a process can't change its credentials of a socket. */
function servePeers(api: Api, limits: Limits, identify: (peer: Peer) => Promise<Caller>) {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
  const open = accept(server, 'connection', limits, async (socket) => {
    const peer = api.host.machine.peer(descriptorOf(socket));
    peer.catch(() => {});
    await serveConnection(
      socket,
      async (request) => withCaller(api, request, async () => identify(await peer)),
      limits,
    );
  });
  return { server, open };
}

/** For root and the group. */
export async function listenUnix(api: Api, at: UnixOptions, limits: Limits): Promise<Listener> {
  const { host } = api;
  const { server, open } = servePeers(api, limits, async (peer) =>
    callerOfPeer(peer, await readApiGroup(host)),
  );
  if ('descriptor' in at) await listening(server, { fd: at.descriptor });
  else {
    const before = await host.files.stat(at.path);
    if (before !== undefined && before.type !== 'socket')
      throw new MosError(
        'exists',
        `cannot listen at ${at.path}: it is a ${before.type} in place of a socket`,
      );
    await host.files.remove(at.path);
    await listening(server, { path: at.path });
    // Until here it is root's alone: to connect is to write.
    const group = await readApiGroup(host);
    if (group !== undefined) await host.files.setOwner(at.path, host.machine.uid, group);
    await host.files.setMode(at.path, 0o660);
  }
  return ending(server, open, 'path' in at ? at.path : 'the socket of systemd');
}

/** For services, in the folder that those have whose manifest grants it; what they may do is asked at each request. */
export async function listenServices(api: Api, limits: Limits): Promise<Listener> {
  const { host, options } = api;
  const folder = await makeGrantedFolder(host, await machinePaths(host, options.root));
  const path = `${folder}/api.sock`;
  const { server, open } = servePeers(api, limits, async (peer) => callerOfService(peer, await api.grants()));
  await host.files.remove(path);
  await listening(server, { path });
  await host.files.setMode(path, 0o666);
  return ending(server, open, path);
}

export type TlsOptions = {
  readonly address: string;
  readonly port: number;
  /** PEM files: the identity of the machine and its key, the API CA, and its revocation list where there is one. */
  readonly certificate: string;
  readonly key: string;
  readonly clientCa: string;
  readonly revocations: string;
};

/** TLS 1.3 with client certificates. Each request is judged anew: by its certificate, the clock and the list of now. */
export async function listenTls(api: Api, options: TlsOptions, limits: Limits): Promise<Listener> {
  const { host } = api;
  const trust = freshTrust(host, options);
  await trust(); // what can't be read is told now, and not to the first caller
  const [cert, key, ca] = await Promise.all(
    [options.certificate, options.key, options.clientCa].map(async (path) =>
      Buffer.from(await host.files.read(path)),
    ),
  );
  const server = mutualTls({ cert, key, ca }, limits);
  const open = accept(server, 'secureConnection', limits, (socket) => {
    const certificate = certificateOf(socket as TLSSocket);
    const judge = judgeOf(host, api, certificate);
    const identify = async (): Promise<Caller> => judge(await trust());
    return serveConnection(socket, (request) => withCaller(api, request, identify), limits);
  });
  await listening(server, { host: options.address, port: options.port });
  return ending(server, open, boundAddress(server, options));
}

type TlsFiles = Required<Pick<TlsServerOptions, 'cert' | 'key' | 'ca'>>;

/** TLS 1.3, and nobody without a certificate of the CA. */
export function mutualTls(files: TlsFiles, limits: Limits): TlsServer {
  const server = createTlsServer({
    ...files,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: limits.request,
    // A resumed session would not be asked for its certificate again.
    secureOptions: constants.SSL_OP_NO_TICKET,
    allowHalfOpen: true,
  });
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
}

/** Whom the API CA and its revocation list let in, as they are now; a newer list that was seen goes on counting. */
export function freshTrust(
  host: Host,
  { clientCa, revocations }: Pick<TlsOptions, 'clientCa' | 'revocations'>,
): () => Promise<ApiTrust> {
  let known: ApiTrust | undefined;
  return fresh(
    async () => `${await markOf(host, clientCa)} ${await markOf(host, revocations)}`,
    async () => {
      known = await readApiTrust(host, { file: clientCa, revocations }, known);
      return known;
    },
  );
}

/** DER; undefined where none was shown. */
export function certificateOf(socket: TLSSocket): Uint8Array | undefined {
  const raw: unknown = socket.getPeerCertificate(true)?.raw;
  return raw instanceof Uint8Array ? raw : undefined;
}

/** The signatures of a chain don't change: they are checked again when CA or list changed, the dates each time. */
function judgeOf(host: Host, { options: { builtAt } }: Api, certificate: Uint8Array | undefined) {
  let known: { readonly trust: ApiTrust; readonly client: ApiClient } | undefined;
  return (trust: ApiTrust): Caller => {
    if (certificate === undefined)
      throw new MosError('untrusted', 'cannot trust the client: it showed no certificate');
    const now = host.clock.now();
    const isKnown =
      known?.trust === trust && now >= builtAt && now >= known.client.from && now <= known.client.until;
    if (known === undefined || !isKnown)
      known = { trust, client: verifyApiClient(certificate, trust, { now, builtAt }) };
    const { name, role } = known.client;
    return { name, role };
  };
}

async function withCaller(api: Api, request: Request, identify: () => Promise<Caller>): Promise<Answer> {
  let caller: Caller;
  try {
    caller = await identify();
  } catch (error) {
    const what = `${request.method} (not let in)`;
    api.audit.look({ who: 'nobody', role: 'none', what, result: messageOf(error) });
    const answer = problemAnswer(error);
    return { ...answer, headers: { ...answer.headers, connection: 'close' } };
  }
  return dispatch(api, caller, request);
}

/** The file descriptor of a socket: neither runtime tells it in public. */
function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly fd?: number } };
  if (handle?.fd === undefined || handle.fd < 0)
    throw new MosError('io', 'cannot ask who is at the other end of the socket: it is closed');
  return handle.fd;
}
