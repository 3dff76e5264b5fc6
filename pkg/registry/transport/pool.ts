import type { Host } from '../../host/index.ts';
import type { Connection } from './connection.ts';
import { dial } from './dial.ts';
import { exchange, type Limits, type Request, type Response } from './exchange.ts';
import { proxyFor } from './proxy.ts';
import { isTransient } from './transient.ts';

export type PoolOptions = {
  readonly limits: Limits;
  /** Milliseconds to connect. */
  readonly connect: number;
  /** PEM, shown to servers that ask; with it their names are not compared. */
  readonly identity?: { readonly certificate: string; readonly key: string } | undefined;
  /** The PEM certificates to trust for a host, see `certificates.ts`. */
  trusted(url: URL): Promise<readonly string[] | undefined>;
};

/** Servers close idle connections after 5 s at the earliest (Node's own server); we are quicker. */
const idleLimit = 4000;
const keptPerHost = 8;

/** Connections by origin, used again while they are fresh. Idle ones don't keep the program running. */
export class Pool implements Disposable {
  readonly #host: Host;
  readonly #options: PoolOptions;
  readonly #idle = new Map<string, Connection[]>();
  #isClosed = false;

  constructor(host: Host, options: PoolOptions) {
    this.#host = host;
    this.#options = options;
  }

  async send(request: Request): Promise<Response> {
    const kept = this.#take(request.url.origin);
    if (kept === undefined) return this.#exchange(await this.#dial(request), request);
    try {
      return await this.#exchange(kept, request);
    } catch (error) {
      // The server may have closed it just now. A body that was begun can't be taken back.
      if (!isTransient(error) || error.code === 'timeout' || request.payload !== undefined) throw error;
      return this.#exchange(await this.#dial(request), request);
    }
  }

  #exchange(connection: Connection, request: Request): Promise<Response> {
    connection.hold(true);
    const { origin } = request.url;
    return exchange(connection, request, this.#options.limits, (used) => this.#give(origin, used));
  }

  async #dial({ url, signal }: Request): Promise<Connection> {
    const isTls = url.protocol === 'https:';
    return dial(url, {
      timeout: this.#options.connect,
      ca: isTls ? await this.#options.trusted(url) : undefined,
      identity: isTls ? this.#options.identity : undefined,
      proxy: proxyFor(url, (name) => this.#host.machine.environment(name)),
      signal,
      now: () => this.#host.clock.monotonic(),
    });
  }

  #take(origin: string): Connection | undefined {
    const kept = this.#idle.get(origin) ?? [];
    const now = this.#host.clock.monotonic();
    for (let connection = kept.pop(); connection !== undefined; connection = kept.pop()) {
      if (connection.isReusable && now - connection.idleSince < idleLimit) return connection;
      connection.destroy();
    }
    return undefined;
  }

  #give(origin: string, connection: Connection): void {
    const kept = this.#idle.get(origin) ?? [];
    if (this.#isClosed || !connection.isReusable || kept.length >= keptPerHost) {
      connection.destroy();
      return;
    }
    connection.idleSince = this.#host.clock.monotonic();
    connection.hold(false);
    this.#idle.set(origin, [...kept, connection]);
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    for (const connection of [...this.#idle.values()].flat()) connection.destroy();
    this.#idle.clear();
  }
}
