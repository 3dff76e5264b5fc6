import { MosError, type Secret } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { configKeyOf } from './address.ts';
import { Authenticator } from './auth/authenticator.ts';
import { readCredentials } from './auth/credentials.ts';
import type { Scope } from './auth/scopes.ts';
import { connectionError, redactUrl, statusError } from './failure.ts';
import type { RegistryOptions } from './options.ts';
import { readCapped } from './read.ts';
import { backOff, isTransientStatus, longestRetryAfter, retryAfter } from './retry.ts';
import { isTransient, type Payload, Pool, type Request, type Response } from './transport/index.ts';
import { trustedRoots } from './trusted.ts';

/** A request to a registry, as its API has it. */
export type Call = {
  /** What is being done, for errors: `read host/name:tag`. */
  readonly what: string;
  readonly method: Request['method'];
  /** A path below the registry's address, or a whole URL that the registry gave. */
  readonly to: string | URL;
  readonly scopes: readonly Scope[];
  /** Statuses that are an answer; another one is an error. */
  readonly expect: readonly number[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly payload?: Payload | undefined;
  /** The payload can't be opened again: neither retries nor redirects. */
  readonly isOnce?: boolean;
  readonly signal?: AbortSignal | undefined;
};

/** An answer, and the URL it came from: what `Location` and `Link` are relative to. */
export type Answer = Response & { readonly url: URL };

const defaults = { connect: 15_000, idle: 60_000, answer: 300_000, attempts: 5 };
const redirectLimit = 5;
const redirects = new Set([301, 302, 303, 307, 308]);

/** Requests with authentication, redirects and retries. One per registry. */
export class Client implements Disposable {
  readonly address: URL;
  readonly attempts: number;
  readonly clock: Host['clock'];
  readonly #host: Host;
  readonly #signal: AbortSignal | undefined;
  readonly #pool: Pool;
  readonly #authenticator: Authenticator;

  constructor(host: Host, address: URL, registry: string, options: RegistryOptions) {
    const { timeouts = {}, credentials } = options;
    this.address = address;
    this.attempts = options.attempts ?? defaults.attempts;
    this.clock = host.clock;
    this.#host = host;
    this.#signal = options.signal;
    const limits = { idle: timeouts.idle ?? defaults.idle, answer: timeouts.answer ?? defaults.answer };
    const { machine } = options;
    const trusted = trustedRoots(host, options.ca, machine?.ca);
    const connect = timeouts.connect ?? defaults.connect;
    this.#pool = new Pool(host, { limits, connect, trusted, identity: machine });
    this.#authenticator = new Authenticator({
      clock: host.clock,
      registry: address,
      credentials: async () => credentials ?? readCredentials(host, configKeyOf(registry)),
      send: (request) => this.#patiently('log in', request, true),
    });
  }

  /** Sends a call until it is answered as expected, or can't be. */
  async send(call: Call): Promise<Answer> {
    const request = this.#requestOf(call);
    const answer = await this.#authenticated(call, request);
    if (call.expect.includes(answer.status)) return answer;
    throw await statusError(call.what, { ...request, url: answer.url }, answer);
  }

  /** Sends a call and reads the small document it is answered with; a break in the middle of it counts as a try. */
  async read(call: Call, limit: number, name: string): Promise<{ answer: Answer; bytes: Uint8Array }> {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.send(call);
      try {
        return { answer, bytes: await readCapped(answer.body, limit, name) };
      } catch (error) {
        call.signal?.throwIfAborted();
        if (attempt >= this.attempts || !isTransient(error))
          throw connectionError(call.what, { method: call.method, url: answer.url }, error);
      }
      await this.pause(attempt, call.signal);
    }
  }

  /** Waits before try `attempt` + 1. */
  async pause(attempt: number, signal?: AbortSignal, least = 0): Promise<void> {
    await this.clock.sleep(Math.max(least, backOff(attempt)), joined(this.#signal, signal));
  }

  #requestOf(call: Call): Request {
    const url = typeof call.to === 'string' ? new URL(call.to, this.address) : call.to;
    this.#refuseDowngrade(call.what, url);
    const { method, headers, payload } = call;
    return { method, url, payload, headers: headers ?? {}, signal: joined(this.#signal, call.signal) };
  }

  async #authenticated(call: Call, request: Request): Promise<Answer> {
    for (let tries = 1; ; tries++) {
      const sent = await this.#authorizationFor(call, request.url);
      const answer = await this.#following(call, authorized(request, sent), call.isOnce === true);
      const isOurs = answer.status === 401 && answer.url.origin === this.address.origin;
      if (!isOurs || tries > 2 || call.isOnce === true) return answer;
      const { scopes } = call;
      const isWorthIt = await this.#authenticator.challenged(answer, scopes, sent);
      if (!isWorthIt) return answer;
      await answer.discard();
    }
  }

  /** Only the registry's own origin, compared as a whole, is told who we are. */
  async #authorizationFor(call: Call, url: URL): Promise<Secret | undefined> {
    if (url.origin !== this.address.origin) return undefined;
    return this.#authenticator.authorization(call.scopes);
  }

  async #following(call: Call, first: Request, isOnce: boolean): Promise<Answer> {
    let request = first;
    for (let count = 0; ; count++) {
      const response = await this.#patiently(call.what, request, !isOnce);
      const location = redirects.has(response.status) ? response.headers.get('location') : undefined;
      if (location === undefined || request.method === 'PUT' || request.method === 'PATCH')
        return { ...response, url: request.url };
      if (count === redirectLimit)
        throw new MosError('network', `cannot ${call.what}: ${redactUrl(first.url)} is redirected too often`);
      await response.discard();
      request = this.#redirected(call, request, location);
    }
  }

  #redirected(call: Call, request: Request, location: string): Request {
    const url = URL.canParse(location, request.url.href) ? new URL(location, request.url) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol))
      throw new MosError('network', `cannot ${call.what}: ${redactUrl(request.url)} is redirected to no URL`);
    this.#refuseDowngrade(call.what, url);
    url.username = '';
    url.password = '';
    if (url.origin === request.url.origin) return { ...request, url };
    const { Authorization: _, ...headers } = request.headers ?? {};
    return { ...request, url, headers };
  }

  #refuseDowngrade(what: string, url: URL): void {
    if (this.address.protocol !== 'https:' || url.protocol === 'https:') return;
    throw new MosError(
      'network',
      `cannot ${what}: ${this.address.host} sends us from https to ${url.protocol}//${url.host}`,
    );
  }

  /** One request, tried again after a broken connection and after answers that say "later". */
  async #patiently(what: string, request: Request, mayRepeat: boolean): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      const isLast = attempt >= this.attempts || !mayRepeat;
      let wait = 0;
      try {
        const response = await this.#pool.send(request);
        if (isLast || !isTransientStatus(response.status)) return response;
        wait = retryAfter(response, this.#host.clock.now()) ?? 0;
        if (wait > longestRetryAfter) return response;
        await response.discard();
      } catch (error) {
        request.signal?.throwIfAborted();
        if (isLast || !isTransient(error)) throw connectionError(what, request, error, mayRepeat);
      }
      await this.pause(attempt, request.signal, wait);
    }
  }

  [Symbol.dispose](): void {
    this.#pool[Symbol.dispose]();
  }
}

const authorized = (request: Request, value: Secret | undefined): Request =>
  value === undefined
    ? request
    : { ...request, headers: { ...request.headers, Authorization: value.reveal() } };

function joined(one: AbortSignal | undefined, other: AbortSignal | undefined): AbortSignal | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return AbortSignal.any([one, other]);
}
