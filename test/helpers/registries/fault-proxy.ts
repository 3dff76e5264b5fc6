import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request as plainRequest, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, request as tlsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { makeServerCertificates } from './certificates.ts';
import { drained } from './drained.ts';
import type { Owner } from './process.ts';

/** What goes wrong with one answer. */
export type Fault =
  /** An answer of our own in place of the registry's. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly body?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** One bit of the byte at this place of the body is another one. */
  | { readonly kind: 'flip'; readonly at: number }
  /** So many bytes follow the body; `announced`: Content-Length counts them. */
  | { readonly kind: 'more'; readonly bytes: number; readonly announced: boolean }
  /** The body ends before its end; `announced`: Content-Length says so too. */
  | { readonly kind: 'fewer'; readonly bytes: number; readonly announced: boolean }
  /** The connection is cut after so many bytes of the body; -1: before the head. */
  | { readonly kind: 'break'; readonly after: number }
  /** Nothing more comes after so many bytes of the body, the connection stays; -1: not even the head. */
  | { readonly kind: 'stall'; readonly after: number }
  /** A pause before each chunk of the body. */
  | { readonly kind: 'slow'; readonly milliseconds: number }
  /** Header fields in place of the registry's. */
  | { readonly kind: 'headers'; readonly headers: Readonly<Record<string, string>> }
  /** The registry never sees the Range: it answers 200 with the whole. */
  | { readonly kind: 'no-range' };

export type Rule = {
  readonly method?: string;
  /** Compared with path and query. */
  readonly path: RegExp;
  /** Requests that this meets; default 1. */
  readonly times?: number;
  readonly fault: Fault;
};

export type SeenRequest = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
};

/** A server between a client and a registry; it can be told to spoil answers. */
export type FaultProxy = {
  readonly host: string;
  readonly scheme: 'http' | 'https';
  readonly ca: string | undefined;
  /** Everything that was asked, in order. */
  readonly requests: SeenRequest[];
  /** From now on; newer rules go first. */
  spoil(rule: Rule): void;
  reset(): void;
};

export type ProxyOptions = {
  /** The registry behind; without one every request needs a rule (else 404). */
  readonly upstream?: {
    readonly host: string;
    readonly scheme: 'http' | 'https';
    readonly ca?: string | undefined;
  };
  /** Folder for certificates: then it speaks TLS. */
  readonly tlsFolder?: string;
  /** A name for it, `localhost` in place of 127.0.0.1: another host in the eyes of a client. */
  readonly name?: string;
};

export async function startFaultProxy(owner: Owner, options: ProxyOptions): Promise<FaultProxy> {
  const tls = options.tlsFolder === undefined ? undefined : makeServerCertificates(options.tlsFolder);
  const requests: SeenRequest[] = [];
  let rules: { rule: Rule; left: number }[] = [];
  const faultFor = (method: string, path: string): Fault | undefined => {
    const found = rules.find(
      ({ rule, left }) => left > 0 && rule.path.test(path) && (rule.method ?? method) === method,
    );
    if (found !== undefined) found.left--;
    return found?.rule.fault;
  };
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const { method = '', url = '', headers } = request;
    requests.push({ method, path: url, headers });
    serve(options, request, response, faultFor(method, url)).catch(() => response.destroy());
  };
  const server =
    tls === undefined
      ? createServer(answer)
      : createTlsServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  owner.teardown(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return {
    host: `${options.name ?? '127.0.0.1'}:${port}`,
    scheme: tls === undefined ? 'http' : 'https',
    ca: tls?.ca,
    requests,
    spoil: (rule) => {
      rules = [{ rule, left: rule.times ?? 1 }, ...rules];
    },
    reset: () => {
      rules = [];
    },
  };
}

async function serve(
  { upstream }: ProxyOptions,
  request: IncomingMessage,
  response: ServerResponse,
  fault: Fault | undefined,
): Promise<void> {
  if (fault?.kind === 'status') {
    request.resume();
    response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers });
    return void response.end(fault.body ?? '');
  }
  if (fault?.kind === 'break' && fault.after < 0) return void request.socket.destroy();
  if (fault?.kind === 'stall' && fault.after < 0) return;
  if (upstream === undefined) return void response.writeHead(404).end();
  const headers = { ...request.headers };
  if (fault?.kind === 'no-range') delete headers.range;
  const answer = await forward(upstream, request, headers);
  response.writeHead(answer.statusCode ?? 500, headersOf(answer, fault));
  for await (const chunk of spoiled(answer, fault, response)) {
    if (!response.write(chunk)) await drained(response);
    if (response.destroyed) return;
  }
  response.end();
}

function forward(
  { host, scheme, ca }: NonNullable<ProxyOptions['upstream']>,
  request: IncomingMessage,
  headers: IncomingMessage['headers'],
): Promise<IncomingMessage> {
  const send = scheme === 'https' ? tlsRequest : plainRequest;
  const trust = ca === undefined ? {} : { ca: readFileSync(ca) };
  return new Promise((resolve, reject) => {
    // The registry makes absolute URLs of the Host it is given: so they lead back to us.
    const outgoing = send(
      `${scheme}://${host}${request.url}`,
      { method: request.method, headers, agent: false, ...trust },
      resolve,
    );
    outgoing.on('error', reject);
    request.pipe(outgoing);
  });
}

function headersOf(answer: IncomingMessage, fault: Fault | undefined): Record<string, string | string[]> {
  const headers = Object.fromEntries(
    Object.entries(answer.headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  const length = Number(answer.headers['content-length']);
  if (fault?.kind === 'more') headers['content-length'] = String(length + fault.bytes);
  if (fault?.kind === 'fewer') headers['content-length'] = String(length - fault.bytes);
  if ((fault?.kind === 'more' || fault?.kind === 'fewer') && !fault.announced) {
    delete headers['content-length'];
    headers['transfer-encoding'] = 'chunked';
  }
  return fault?.kind === 'headers' ? { ...headers, ...fault.headers } : headers;
}

async function* spoiled(
  answer: IncomingMessage,
  fault: Fault | undefined,
  response: ServerResponse,
): AsyncGenerator<Uint8Array> {
  const length = Number(answer.headers['content-length']);
  const end =
    fault?.kind === 'break' || fault?.kind === 'stall'
      ? fault.after
      : fault?.kind === 'fewer'
        ? length - fault.bytes
        : Number.POSITIVE_INFINITY;
  let position = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    if (fault?.kind === 'slow') await wait(fault.milliseconds);
    if (fault?.kind === 'flip' && fault.at >= position && fault.at < position + chunk.length)
      chunk[fault.at - position] = (chunk[fault.at - position] ?? 0) ^ 1;
    yield chunk.subarray(0, Math.max(0, end - position));
    position += chunk.length;
    if (position >= end) break;
  }
  if (fault?.kind === 'more') yield Buffer.alloc(fault.bytes, 'x');
  if (fault?.kind === 'break') response.destroy();
  if (fault?.kind === 'stall') await new Promise((resolve) => response.once('close', resolve));
}
