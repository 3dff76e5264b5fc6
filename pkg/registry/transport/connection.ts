import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { describeSocketError } from './errors.ts';
import type { HttpProxy } from './proxy.ts';
import { transientError } from './transient.ts';

/** Bytes that may wait for a slow reader before the peer is made to wait. */
const highWater = 1024 * 1024;
const lowWater = 256 * 1024;
/** So many bytes come in each limit of waiting, or the other side would keep us for ever with one now and then. */
const leastBytes = 4096;

/**
 * One TCP or TLS connection, read by pulling. Time limits run only while we wait for the other side: a slow reader of
 * ours is no stall. Sockets are used in place of node:http because both runtimes then run the same code, and because it
 * is quicker on both (see the README).
 */
export class Connection {
  readonly #socket: Socket | TLSSocket;
  readonly #below: Socket | undefined;
  readonly #peer: string;
  readonly #now: () => number;
  #queue: Uint8Array[] = [];
  #queued = 0;
  #isPaused = false;
  #isEnded = false;
  #error: unknown;
  #wake: (() => void) | undefined;
  /** Milliseconds that we waited for the other side, and the bytes that came meanwhile. */
  #waited = 0;
  #came = 0;
  /** When it was given back to the pool. */
  idleSince = 0;
  /** Set where requests go to a proxy that passes them on (plain http). */
  forward: HttpProxy | undefined;

  /** `below`: the TCP connection under TLS. */
  constructor(socket: Socket | TLSSocket, peer: string, now: () => number, below?: Socket) {
    this.#socket = socket;
    this.#below = below;
    this.#peer = peer;
    this.#now = now;
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    socket.on('drain', () => this.#wake?.());
    socket.on('end', () => this.#end());
    socket.on('close', () => this.#end());
    socket.on('error', (error) => {
      this.#error ??= error;
      this.#end();
    });
  }

  /** Nothing was read that nobody asked for, and the other side hasn't closed. */
  get isReusable(): boolean {
    return !this.#isEnded && this.#queued === 0 && !this.#socket.destroyed;
  }

  /** Something came, or the end: the answer to a request may be there before we sent all of it. */
  get hasInput(): boolean {
    return this.#queue.length > 0 || this.#isEnded;
  }

  /** From here on what comes is counted anew: an answer or its body begins. */
  startPace(): void {
    this.#waited = 0;
    this.#came = 0;
  }

  /** The next bytes as they came; undefined at the end. */
  async read(limit: number, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    const since = this.#now();
    await this.#waitUntil(() => this.hasInput, limit, signal);
    this.#waited += this.#now() - since;
    const chunk = this.#queue.shift();
    if (chunk !== undefined) {
      this.#came += chunk.length;
      this.#requirePace(limit);
      this.#queued -= chunk.length;
      if (this.#isPaused && this.#queued < lowWater) {
        this.#isPaused = false;
        this.#socket.resume();
      }
      return chunk;
    }
    if (this.#error !== undefined) throw describeSocketError(this.#peer, this.#error);
    return undefined;
  }

  /** Puts back what was read too much. */
  unread(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#queue.unshift(chunk);
    this.#queued += chunk.length;
    this.#came -= chunk.length;
  }

  /** Ends when the bytes are on their way, or when an answer is there already. */
  async write(chunk: Uint8Array | string, limit: number, signal?: AbortSignal): Promise<void> {
    if (this.#isEnded) return;
    if (this.#socket.write(chunk)) return;
    await this.#waitUntil(() => this.hasInput || !this.#socket.writableNeedDrain, limit, signal);
  }

  /** An idle connection doesn't keep the program running. */
  hold(isHeld: boolean): void {
    // Node's TLS socket doesn't pass it on to the one below.
    for (const socket of [this.#socket, this.#below]) isHeld ? socket?.ref() : socket?.unref();
  }

  destroy(): void {
    this.#isEnded = true;
    this.#socket.destroy();
    this.#wake?.();
  }

  #requirePace(limit: number): void {
    if (this.#waited < limit) return;
    if (this.#came < leastBytes)
      throw transientError('timeout', `${this.#peer} sent only ${this.#came} bytes in ${limit / 1000} s`);
    this.startPace();
  }

  #receive(chunk: Uint8Array): void {
    this.#queue.push(chunk);
    this.#queued += chunk.length;
    if (!this.#isPaused && this.#queued > highWater) {
      this.#isPaused = true;
      this.#socket.pause();
    }
    this.#wake?.();
  }

  #end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }

  async #waitUntil(isMet: () => boolean, limit: number, signal?: AbortSignal): Promise<void> {
    while (!isMet()) {
      signal?.throwIfAborted();
      const isLate = await this.#nextEvent(limit, signal);
      signal?.throwIfAborted();
      if (isLate && !isMet())
        throw transientError('timeout', `${this.#peer} sent nothing for ${limit / 1000} s`);
    }
  }

  /** True where nothing happened in time. */
  #nextEvent(limit: number, signal?: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const done = (isLate: boolean): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', wake);
        this.#wake = undefined;
        resolve(isLate);
      };
      const wake = (): void => done(false);
      const timer = setTimeout(() => done(true), limit);
      signal?.addEventListener('abort', wake);
      this.#wake = wake;
    });
  }
}
