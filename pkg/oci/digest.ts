import { MosError } from '../errors/index.ts';

declare const digestBrand: unique symbol;

/** `sha256:` and 64 lower-case hex digits (OCI image-spec 1.1, "Digests"); made by `parseDigest` and `digestOf` only. */
export type Digest = string & { readonly [digestBrand]: true };

const pattern = /^sha256:[0-9a-f]{64}$/;

export const isDigest = (text: unknown): text is Digest => typeof text === 'string' && pattern.test(text);

export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new MosError(
    'invalid',
    `cannot use ${JSON.stringify(text.slice(0, 100))} as a digest: it must be sha256: and 64 lower-case hex digits`,
  );
}

/** The 64 hex digits: the name of the blob's file, of its dm device, of its tag. */
export const digestHex = (digest: Digest): string => digest.slice('sha256:'.length);

export const digestFromHex = (hex: string): Digest => parseDigest(`sha256:${hex}`);
