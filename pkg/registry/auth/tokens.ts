import { MosError, Secret } from '../../errors/index.ts';
import { connectionError, statusError } from '../failure.ts';
import type { Credentials } from '../options.ts';
import { readCapped } from '../read.ts';
import type { Request, Response } from '../transport/index.ts';

/** Where tokens are had, from a Bearer challenge. */
export type TokenSource = { readonly realm: URL; readonly service: string | undefined };

/** Lives for `seconds` from when it was asked for. */
export type Token = { readonly value: Secret; readonly seconds: number };

const documentSize = 1024 * 1024;
/** Distribution token specification: what holds where the server doesn't say. */
const defaultSeconds = 60;

/** The realm of a challenge; it gets our password, so it must be https where the registry is. */
export function parseRealm(text: string | undefined, registry: URL): URL {
  const realm = text !== undefined && URL.canParse(text) ? new URL(text) : undefined;
  if (realm === undefined) throw refuse(registry, 'its WWW-Authenticate names no token server');
  if (realm.protocol !== 'https:' && !(realm.protocol === 'http:' && registry.protocol === 'http:'))
    throw refuse(registry, `its token server ${realm.origin} is not reached by https`);
  if (realm.username !== '' || realm.password !== '')
    throw refuse(registry, 'the address of its token server contains a user');
  return realm;
}

const refuse = (registry: URL, why: string): MosError =>
  new MosError('network', `cannot log in to ${registry.host}: ${why}`);

/** Asks for a token: by GET with basic authentication, or by POST with an identity token (OAuth2). */
export async function fetchToken(
  send: (request: Request) => Promise<Response>,
  { realm, service }: TokenSource,
  scopes: readonly string[],
  credentials: Credentials | undefined,
): Promise<Token> {
  const request = tokenRequest(realm, service, scopes, credentials);
  const what = `log in at ${realm.host}`;
  let response: Response;
  try {
    response = await send(request);
  } catch (error) {
    throw connectionError(what, request, error);
  }
  if (response.status !== 200) throw await statusError(what, request, response);
  return parseToken(await readCapped(response.body, documentSize, `the answer of ${realm.host}`), realm);
}

function tokenRequest(
  realm: URL,
  service: string | undefined,
  scopes: readonly string[],
  credentials: Credentials | undefined,
): Request {
  const fields: [string, string][] = [
    ...(service === undefined ? [] : [['service', service] as [string, string]]),
  ];
  if (credentials !== undefined && 'identityToken' in credentials) {
    const secret = credentials.identityToken.reveal();
    fields.push(['grant_type', 'refresh_token'], ['client_id', 'mos'], ['refresh_token', secret]);
    fields.push(['scope', scopes.join(' ')]);
    const body = Buffer.from(new URLSearchParams(fields).toString());
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    return { method: 'POST', url: realm, headers, payload: { size: body.length, open: () => one(body) } };
  }
  const url = new URL(realm);
  for (const [name, value] of [...fields, ...scopes.map((scope) => ['scope', scope] as const)])
    url.searchParams.append(name, value);
  const headers = { Authorization: basicValue(credentials)?.reveal() ?? '' };
  return { method: 'GET', url, ...(headers.Authorization === '' ? {} : { headers }) };
}

/** The value of an Authorization header of the Basic scheme. */
export function basicValue(credentials: Credentials | undefined): Secret | undefined {
  if (credentials === undefined || !('user' in credentials)) return undefined;
  const pair = `${credentials.user}:${credentials.password.reveal()}`;
  return new Secret(`Basic ${Buffer.from(pair).toString('base64')}`);
}

function parseToken(bytes: Uint8Array, realm: URL): Token {
  let value: Record<string, unknown> = {};
  try {
    value = (JSON.parse(Buffer.from(bytes).toString()) ?? {}) as Record<string, unknown>;
  } catch {
    // Said below: there is no token in it.
  }
  const token = value.token ?? value.access_token;
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token))
    throw new MosError('network', `cannot log in at ${realm.host}: its answer has no token`);
  const seconds = typeof value.expires_in === 'number' ? value.expires_in : defaultSeconds;
  return { value: new Secret(token), seconds };
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
