import { Secret } from '../../errors/index.ts';
import type { Clock } from '../../host/index.ts';
import type { Credentials } from '../options.ts';
import type { Request, Response } from '../transport/index.ts';
import { parseChallenges } from './challenge.ts';
import { covers, mergeScopes, type Scope } from './scopes.ts';
import { basicValue, fetchToken, parseRealm, type Token, type TokenSource } from './tokens.ts';

type Held = { readonly scopes: readonly Scope[]; readonly token: Token; readonly until: number };

/** A token is not used in its last seconds: an upload may wait before its head is read. */
const margin = 15_000;

export type AuthenticatorOptions = {
  readonly clock: Clock;
  readonly registry: URL;
  /** Asked once, when the registry first wants to know who we are. */
  credentials(): Promise<Credentials | undefined>;
  send(request: Request): Promise<Response>;
};

/**
 * What one registry knows of us: nothing until it asks (RFC 9110 11.6.1), then basic or bearer authentication. Its values
 * go to requests of the registry's own origin only; that is the client's part.
 */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  #credentials: Promise<Credentials | undefined> | undefined;
  #basic: Secret | undefined;
  #source: TokenSource | undefined;
  #held: Held[] = [];
  readonly #underway = new Map<string, Promise<Held>>();

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /** The Authorization header for a request that needs these scopes, as far as the registry has asked for one. */
  async authorization(scopes: readonly Scope[]): Promise<Secret | undefined> {
    if (this.#source === undefined) return this.#basic;
    const { token } = this.#find(scopes) ?? (await this.#fetch(mergeScopes(scopes), this.#source));
    return new Secret(`Bearer ${token.value.reveal()}`);
  }

  /**
   * The registry answered 401. True where the request is worth another try with `authorization`: a first challenge, a token that
   * has ended, a scope it wants besides ours. `sent` is what the refused request carried.
   */
  async challenged(response: Response, scopes: readonly Scope[], sent: Secret | undefined): Promise<boolean> {
    const challenges = parseChallenges(response.headers.get('www-authenticate') ?? '');
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer !== undefined) {
      const realm = parseRealm(bearer.parameters.get('realm'), this.#options.registry);
      this.#source = { realm, service: bearer.parameters.get('service') };
      this.#held = this.#held.filter(({ token }) => sent?.reveal() !== `Bearer ${token.value.reveal()}`);
      const asked = bearer.parameters.get('scope')?.split(' ') ?? [];
      await this.#fetch(mergeScopes([...scopes, ...asked]), this.#source);
      return true;
    }
    if (!challenges.some(({ scheme }) => scheme === 'basic')) return false;
    const value = basicValue(await this.#own());
    const isNew = value !== undefined && value.reveal() !== sent?.reveal();
    this.#basic = value;
    return isNew;
  }

  #own(): Promise<Credentials | undefined> {
    this.#credentials ??= this.#options.credentials();
    return this.#credentials;
  }

  #find(scopes: readonly Scope[]): Held | undefined {
    const now = this.#options.clock.monotonic();
    return this.#held.find((held) => held.until > now && covers(held.scopes, scopes));
  }

  /** Several requests that need the same token wait for one. */
  #fetch(scopes: readonly Scope[], source: TokenSource): Promise<Held> {
    const key = scopes.join(' ');
    const underway = this.#underway.get(key);
    if (underway !== undefined) return underway;
    const fetched = this.#ask(scopes, source).finally(() => this.#underway.delete(key));
    this.#underway.set(key, fetched);
    return fetched;
  }

  async #ask(scopes: readonly Scope[], source: TokenSource): Promise<Held> {
    const { clock, send } = this.#options;
    const credentials = await this.#own();
    const asked = clock.monotonic();
    const token =
      credentials !== undefined && 'bearer' in credentials
        ? { value: credentials.bearer, seconds: 3600 }
        : await fetchToken(send, source, scopes, credentials);
    const held = { scopes, token, until: asked + Math.max(token.seconds * 1000 - margin, 1000) };
    this.#held = [...this.#held.filter(({ until }) => until > asked), held];
    return held;
  }
}
