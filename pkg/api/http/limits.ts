/** What a client may ask of us, in bytes and milliseconds. */
export type Limits = {
  /** Of the request line and all headers together. */
  readonly headBytes: number;
  readonly headers: number;
  readonly bodyBytes: number;
  /** From the first byte of a request to the end of its head, and from there to the end of its body. */
  readonly request: number;
  /** Between two requests, and before the first one. */
  readonly idle: number;
  readonly first: number;
  /** For a client to take what it asked for. */
  readonly answer: number;
  readonly connections: number;
  /** What a path may be: no percent signs, no empty and no dot segments. */
  readonly paths: RegExp;
};

export const usualLimits: Limits = {
  headBytes: 16 * 1024,
  headers: 64,
  bodyBytes: 64 * 1024,
  request: 10_000,
  idle: 10 * 60_000,
  first: 30_000,
  answer: 30_000,
  connections: 4096,
  paths: /^(?:\/[A-Za-z0-9_~@:-][A-Za-z0-9._~@:-]*)+$/,
};
