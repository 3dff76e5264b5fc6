import type { Socket } from 'node:net';
import { Refused } from './refused.ts';

/** The other side has gone, in the middle of a request or not. */
export class Gone extends Error {}

const [capitalA, capitalZ] = [0x41, 0x5a];
const endOfHead = '\r\n\r\n';

/** What a client sends, read by pulling; while nobody pulls, the client waits. */
export class Input {
  readonly #socket: Socket;
  #read: Buffer = Buffer.alloc(0);
  #isOver = false;
  #wake: (() => void) | undefined;
  /** Bytes that may still come and are looked at no more. */
  #unread: number | undefined;
  /** Everything that we had to say, and that it was all. */
  #isSent = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      if (this.#unread !== undefined) {
        this.#unread -= chunk.length;
        if (this.#unread < 0) socket.destroy();
        return;
      }
      this.#read = this.#read.length === 0 ? chunk : Buffer.concat([this.#read, chunk]);
      socket.pause();
      this.#wake?.();
    });
    for (const event of ['end', 'close', 'error'] as const)
      socket.on(event, () => {
        this.#isOver = true;
        this.#closeWhenDone();
        this.#wake?.();
      });
  }

  get isEmpty(): boolean {
    return this.#read.length === 0;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Nothing is read any more. What is still on its way is taken all the same, so much of it: a socket that is closed
   * with bytes in it takes the last answer away from the other side (RFC 9112 9.6).
   */
  leave(most: number): void {
    this.#unread = most;
    this.#socket.end(() => {
      this.#isSent = true;
      this.#closeWhenDone();
    });
    this.#socket.resume();
  }

  #closeWhenDone(): void {
    if (this.#isSent && this.#isOver) this.#socket.destroy();
  }

  /** Waits for any byte. */
  async begin(limit: number): Promise<void> {
    if (this.isEmpty) await this.#more(limit);
  }

  /** Up to the empty line, without it. */
  async head(most: number, limit: number): Promise<string> {
    const late = this.#deadline(limit);
    try {
      for (;;) {
        // A client that begins with TLS waits for us, and we would for its empty line.
        const first = this.#read[0];
        if (first !== undefined && (first < capitalA || first > capitalZ))
          throw new Refused(400, 'it does not begin with a method', { ends: true });
        const at = this.#read.indexOf(endOfHead);
        if (at > most || (at < 0 && this.#read.length > most))
          throw new Refused(431, `its head is larger than ${most} bytes`, { ends: true });
        if (at >= 0) return this.#take(at + endOfHead.length).toString('latin1', 0, at);
        await this.#more(late.left());
      }
    } finally {
      late.clear();
    }
  }

  async body(length: number, limit: number): Promise<Buffer> {
    const late = this.#deadline(limit);
    try {
      while (this.#read.length < length) await this.#more(late.left());
      return this.#take(length);
    } finally {
      late.clear();
    }
  }

  #take(length: number): Buffer {
    const taken = this.#read.subarray(0, length);
    this.#read = this.#read.subarray(length);
    return taken;
  }

  /** One limit for several waits: who sends a byte now and then gets no further. */
  #deadline(limit: number): { left(): number; clear(): void } {
    let isOver = false;
    let timer: NodeJS.Timeout | undefined;
    return {
      left: () => {
        timer ??= setTimeout(() => {
          isOver = true;
          this.#wake?.();
        }, limit);
        if (isOver) throw late();
        return limit;
      },
      clear: () => clearTimeout(timer),
    };
  }

  #more(limit: number): Promise<void> {
    if (this.#isOver) throw new Gone();
    const before = this.#read.length;
    this.#socket.resume();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#wake?.(), limit);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        if (this.#read.length > before) resolve();
        else reject(this.#isOver ? new Gone() : late());
      };
    });
  }
}

const late = (): Refused => new Refused(408, 'it takes too long to come', { ends: true });
