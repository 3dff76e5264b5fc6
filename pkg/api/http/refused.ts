import type { MosError } from '../../errors/index.ts';
import { MosError as OurError } from '../../errors/index.ts';

/** A request that gets no further: what is wrong with it has a status of HTTP's own. */
export class Refused extends Error {
  readonly status: number;
  readonly error: MosError;
  /** Where the next request would begin is not known: the connection is closed. */
  readonly ends: boolean;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    why: string,
    options: { readonly ends?: boolean; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(why);
    this.status = status;
    this.error = new OurError('usage', `cannot answer the request: ${why}`);
    this.ends = options.ends ?? false;
    this.headers = options.headers ?? {};
  }
}
