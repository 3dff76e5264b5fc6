import { MosError } from '../errors/index.ts';
import type { Answer } from './client.ts';

/** The URL to send to next: relative or absolute, with a query of its own. */
export function sessionOf(what: string, { headers, url }: Answer): URL {
  const location = headers.get('location');
  if (location !== undefined && URL.canParse(location, url.href)) return new URL(location, url);
  throw new MosError('network', `cannot ${what}: the registry doesn't say where to send it (no Location)`);
}
