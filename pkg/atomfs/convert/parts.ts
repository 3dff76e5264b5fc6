import type { Host } from '../../host/index.ts';

/** A file that isn't written yet: bytes, and ranges of a file in scratch, one after the other. */
export type Part = Uint8Array | { readonly file: string; readonly start: number; readonly end: number };

export const sizeOfParts = (parts: readonly Part[]): number =>
  parts.reduce((sum, part) => sum + (part instanceof Uint8Array ? part.length : part.end - part.start), 0);

export async function* streamParts(host: Host, parts: readonly Part[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (part instanceof Uint8Array) yield part;
    else yield* host.files.stream(part.file, part);
  }
}
