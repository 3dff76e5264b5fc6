import { createHash, hash } from 'node:crypto';
import { MosError } from '../errors/index.ts';
import type { Descriptor } from './descriptor.ts';
import { type Digest, digestFromHex } from './digest.ts';

export const digestOf = (bytes: Uint8Array): Digest => digestFromHex(hash('sha256', bytes, 'hex'));

/** Counts and hashes the bytes of one body. `add` refuses the first byte too many, `end` whatever else is wrong: `corrupt`. */
export interface BodyCheck {
  add(chunk: Uint8Array): void;
  end(): void;
}

export function checkBody(descriptor: Descriptor): BodyCheck {
  const hasher = createHash('sha256');
  let size = 0;
  return {
    add(chunk) {
      size += chunk.length;
      if (size > descriptor.size) throw wrong(descriptor, `more than ${descriptor.size} bytes`);
      hasher.update(chunk);
    },
    end() {
      if (size !== descriptor.size) throw wrong(descriptor, `${size} bytes in place of ${descriptor.size}`);
      const hex = hasher.digest('hex');
      if (`sha256:${hex}` !== descriptor.digest) throw wrong(descriptor, `they hash to sha256:${hex}`);
    },
  };
}

const wrong = (descriptor: Descriptor, what: string): MosError =>
  new MosError('corrupt', `cannot accept the bytes of ${descriptor.digest}: ${what}`);

/**
 * Passes a body on while it is checked: a reader that writes must not make its file visible before the stream has
 * ended well. No unverified byte counts as delivered.
 */
export async function* verifiedBody(
  descriptor: Descriptor,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const check = checkBody(descriptor);
  for await (const chunk of body) {
    check.add(chunk);
    yield chunk;
  }
  check.end();
}

/** All bytes of a small document, verified. `limit` guards the memory (4 MiB for documents). */
export async function readVerified(
  descriptor: Descriptor,
  body: AsyncIterable<Uint8Array>,
  limit: number = documentLimit,
): Promise<Uint8Array> {
  if (descriptor.size > limit)
    throw new MosError(
      'invalid',
      `cannot read ${descriptor.digest}: ${descriptor.size} bytes are more than a document may have (${limit})`,
    );
  const chunks: Uint8Array[] = [];
  for await (const chunk of verifiedBody(descriptor, body)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Largest manifest, index, certificate or signature that is read into memory: 4 MiB. */
export const documentLimit = 4 * 1024 * 1024;
