import type { Descriptor } from '../oci/index.ts';
import type { Answer } from './client.ts';
import { nameAt, type Place, pushing } from './place.ts';
import { type Content, Pieces } from './send.ts';
import { sessionOf } from './session.ts';

/**
 * PATCH for each piece, each to the URL that the answer before gave, then a PUT without a body (distribution-spec 1.1,
 * "Pushing a blob in chunks").
 */
export async function sendPieces(
  place: Place,
  descriptor: Descriptor,
  content: Content,
  session: URL,
  chunkSize: number,
): Promise<Answer> {
  const what = `write ${nameAt(place, descriptor.digest)}`;
  const common = { what, scopes: pushing(place), isOnce: true } as const;
  const pieces = new Pieces(descriptor, content.open(0));
  let to = session;
  try {
    for (let start = 0; start < descriptor.size || start === 0; start += chunkSize) {
      const size = Math.min(chunkSize, descriptor.size - start);
      const isLast = start + size >= descriptor.size;
      const answer = await place.client.send({
        ...common,
        method: 'PATCH',
        to,
        expect: [202],
        headers: {
          'Content-Type': 'application/octet-stream',
          'Content-Range': `${start}-${start + size - 1}`,
        },
        payload: { size, open: () => pieces.take(size, isLast) },
      });
      await answer.discard();
      to = sessionOf(what, answer);
    }
  } finally {
    await pieces.close();
  }
  const last = new URL(to);
  last.searchParams.set('digest', descriptor.digest);
  return place.client.send({ ...common, method: 'PUT', to: last, expect: [201] });
}
