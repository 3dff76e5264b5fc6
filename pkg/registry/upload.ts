import { isMosError } from '../errors/index.ts';
import type { Descriptor } from '../oci/index.ts';
import { pullScope } from './auth/scopes.ts';
import type { Answer } from './client.ts';
import { statusOf } from './failure.ts';
import { checkStored } from './manifests.ts';
import { sendPieces } from './pieces.ts';
import { nameAt, type Place, pathOf, pushing } from './place.ts';
import { isTransientStatus } from './retry.ts';
import { type Content, whole } from './send.ts';
import { sessionOf } from './session.ts';
import { isTransient } from './transport/index.ts';

/** A registry that doesn't take a blob in one PUT says one of these; then it gets pieces. */
const wantsPieces = new Set([400, 404, 405, 411, 413, 415, 416, 501]);
/** Also below the limits that proxies put on a request. */
export const defaultChunkSize = 16 * 1024 * 1024;

/**
 * Sends a blob: POST begins, one PUT carries all of it (distribution-spec 1.1, "POST then PUT"). Where a registry refuses that,
 * or `chunkSize` says so, pieces by PATCH. Content that can be opened again is sent again after a broken connection.
 */
export async function uploadBlob(
  place: Place,
  descriptor: Descriptor,
  content: Content,
  chunkSize: number | undefined,
): Promise<void> {
  let pieces = chunkSize;
  for (let attempt = 1; ; attempt++) {
    const session = await begin(place, descriptor);
    try {
      await inSession(place, descriptor, session, () =>
        pieces === undefined
          ? sendWhole(place, descriptor, content, session)
          : sendPieces(place, descriptor, content, session, pieces),
      );
      return;
    } catch (error) {
      if (content.isOnce || attempt >= place.client.attempts) throw error;
      const status = statusOf(error) ?? 0;
      const isRefused = pieces === undefined && wantsPieces.has(status);
      if (!isRefused && !isTransient(error) && !isTransientStatus(status)) throw error;
      if (isRefused) pieces = defaultChunkSize;
      else await place.client.pause(attempt);
    }
  }
}

/**
 * Asks the registry to take the blob over from another repository; false where it doesn't. It is no error when it knows
 * neither the other repository nor the request.
 */
export async function mountBlob(place: Place, descriptor: Descriptor, from: string): Promise<boolean> {
  const what = `take over ${nameAt(place, descriptor.digest)} from ${from}`;
  const query = new URLSearchParams({ mount: descriptor.digest, from });
  const answer = await place.client.send({
    what,
    method: 'POST',
    to: pathOf(place, `blobs/uploads/?${query}`),
    scopes: [...pushing(place), pullScope(from)],
    expect: [201, 202, 401, 403, 404, 405],
  });
  await answer.discard();
  if (answer.status === 201) {
    checkStored(what, answer, descriptor);
    return true;
  }
  // 202: it began an upload in its place, which nobody needs.
  if (answer.status === 202) await cancel(place, sessionOf(what, answer));
  return false;
}

async function begin(place: Place, { digest }: Descriptor): Promise<URL> {
  const what = `write ${nameAt(place, digest)}`;
  const answer = await place.client.send({
    what,
    method: 'POST',
    to: pathOf(place, 'blobs/uploads/'),
    scopes: pushing(place),
    expect: [202],
  });
  await answer.discard();
  return sessionOf(what, answer);
}

/** Gives up the session at the registry when the sending failed; that must not hide the failure. */
async function inSession(place: Place, descriptor: Descriptor, session: URL, send: () => Promise<Answer>) {
  try {
    const answer = await send();
    await answer.discard();
    checkStored(`write ${nameAt(place, descriptor.digest)}`, answer, descriptor);
  } catch (error) {
    await cancel(place, session);
    throw error;
  }
}

async function cancel(place: Place, session: URL): Promise<void> {
  const call = { what: 'cancel an upload', method: 'DELETE', to: session, scopes: pushing(place) } as const;
  try {
    const answer = await place.client.send({ ...call, expect: [200, 202, 204, 400, 404, 405], isOnce: true });
    await answer.discard();
  } catch (error) {
    // Registries sweep abandoned uploads by themselves; only our own mistakes are told.
    if (isMosError(error, 'internal')) throw error;
  }
}

async function sendWhole(
  place: Place,
  descriptor: Descriptor,
  content: Content,
  session: URL,
): Promise<Answer> {
  const to = new URL(session);
  to.searchParams.set('digest', descriptor.digest);
  return place.client.send({
    what: `write ${nameAt(place, descriptor.digest)}`,
    method: 'PUT',
    to,
    scopes: pushing(place),
    expect: [201],
    headers: { 'Content-Type': 'application/octet-stream' },
    payload: { size: descriptor.size, open: () => whole(descriptor, content) },
    isOnce: true,
  });
}
