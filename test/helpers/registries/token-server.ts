import { createPrivateKey, createSign, randomUUID, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer as createPlainServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { makeTokenCertificate, type ServerCertificates } from './certificates.ts';
import type { Owner } from './process.ts';

/** What was asked of the token server, in order. */
export type TokenRequest = {
  readonly method: string;
  readonly scopes: readonly string[];
  readonly service: string;
  readonly user: string | undefined;
  /** Of the OAuth2 form (POST). */
  readonly grant: string | undefined;
};

export type TokenServer = {
  readonly realm: string;
  readonly service: string;
  /** Certificate with whose key the tokens are signed. */
  readonly issuerCertificate: string;
  readonly requests: TokenRequest[];
};

export const testUser = 'mos';
export const testPassword = 'correct horse';
/** A docker "identity token": may be had in place of a password, is only good to ask for tokens. */
export const testIdentityToken = 'identity-of-mos';
export const tokenService = 'test-registry';

/**
 * A token server as the distribution token specification describes it: basic authentication by GET, password and
 * refresh_token grants by POST. The tokens are JWTs (RS256 with x5c) and allow whatever scope was asked for.
 */
export async function startTokenServer(
  owner: Owner,
  folder: string,
  tls?: ServerCertificates,
): Promise<TokenServer> {
  const { cert, key } = makeTokenCertificate(folder);
  const requests: TokenRequest[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    void handle(request, cert, key, requests).then(
      ({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(body));
      },
      (error) => response.destroy(error),
    );
  };
  const server =
    tls === undefined
      ? createPlainServer(answer)
      : createTlsServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  owner.teardown(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  const realm = `http${tls === undefined ? '' : 's'}://localhost:${port}/token`;
  return { realm, service: tokenService, issuerCertificate: cert, requests };
}

async function handle(request: IncomingMessage, cert: string, key: string, requests: TokenRequest[]) {
  const url = new URL(request.url ?? '/', 'http://token');
  const form = request.method === 'POST' ? new URLSearchParams(await bodyOf(request)) : url.searchParams;
  const [user, password] = credentialsOf(request);
  const scopes = form.getAll('scope').flatMap((scope) => scope.split(' '));
  const grant = form.get('grant_type') ?? undefined;
  requests.push({ method: request.method ?? '', scopes, service: form.get('service') ?? '', user, grant });
  const isKnown =
    (user === testUser && password === testPassword) ||
    (grant === 'refresh_token' && form.get('refresh_token') === testIdentityToken);
  if (!isKnown)
    return { status: 401, body: { errors: [{ code: 'UNAUTHORIZED', message: 'wrong user or password' }] } };
  const token = signToken(cert, key, form.get('service') ?? '', scopes);
  return { status: 200, body: { token, access_token: token, expires_in: 300 } };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function credentialsOf(request: IncomingMessage): [string | undefined, string | undefined] {
  const match = /^Basic (.+)$/.exec(request.headers.authorization ?? '');
  if (match === null) return [undefined, undefined];
  const text = Buffer.from(match[1] ?? '', 'base64').toString();
  const colon = text.indexOf(':');
  return [text.slice(0, colon), text.slice(colon + 1)];
}

function signToken(cert: string, key: string, service: string, scopes: readonly string[]): string {
  const now = Math.floor(Date.now() / 1000);
  const x5c = [new X509Certificate(readFileSync(cert)).raw.toString('base64')];
  const access = scopes.map((scope) => {
    const [type, name, actions = ''] = scope.split(':');
    return { type, name, actions: actions.split(',') };
  });
  const claims = { iss: 'test-issuer', sub: testUser, aud: service, jti: randomUUID(), access };
  const times = { nbf: now - 10, iat: now - 10, exp: now + 300 };
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ typ: 'JWT', alg: 'RS256', x5c })}.${part({ ...claims, ...times })}`;
  const signature = createSign('sha256')
    .update(text)
    .sign(createPrivateKey(readFileSync(key)));
  return `${text}.${signature.toString('base64url')}`;
}
