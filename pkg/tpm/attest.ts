import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Secret } from '../errors/index.ts';
import type { TpmDevice } from '../host/index.ts';
import { algorithms, parseAttestationKey, renderAttestationTemplate, renderPcrSelection } from './areas.ts';
import { ask, bareCode, handles, responseCodes } from './command.ts';
import { flush } from './session.ts';
import { none, sized, u16, u32 } from './wire.ts';

const noSuchKey = [0x18b, 0x28b] as const;

/** The attestation key that is kept at `handle`; undefined where there is none. */
export async function readAttestationKey(tpm: TpmDevice, handle: number): Promise<KeyObject | undefined> {
  const area = await readPublicArea(tpm, handle);
  return area && toKey(area);
}

/** TPMT_PUBLIC of whatever lies there. */
async function readPublicArea(tpm: TpmDevice, handle: number): Promise<Buffer | undefined> {
  const { code, parameters } = await ask(tpm, 'read the attestation key', {
    name: 'readPublic',
    handles: [handle],
    accept: noSuchKey,
  });
  return bareCode(code) === responseCodes.handle ? undefined : parameters.sized();
}

function toKey(area: Uint8Array): KeyObject {
  const { x, y } = parseAttestationKey(area);
  const jwk = { kty: 'EC', crv: 'P-256', x: x.toString('base64url'), y: y.toString('base64url') };
  return createPublicKey({ key: jwk, format: 'jwk' });
}

/** Makes the key of the owner's seed and keeps it at `handle`; the same seed gives the same key. */
export async function makeAttestationKey(
  tpm: TpmDevice,
  owner: Secret | '',
  handle: number,
): Promise<KeyObject> {
  const noSecret = sized(Buffer.concat([sized(none), sized(none)]));
  const made = await ask(tpm, 'make the attestation key', {
    name: 'createPrimary',
    handles: [handles.owner],
    authorization: { password: owner },
    parameters: [noSecret, sized(renderAttestationTemplate()), sized(none), u32(0)],
    returnsHandle: true,
  });
  try {
    await ask(tpm, 'keep the attestation key', {
      name: 'evictControl',
      handles: [handles.owner, made.handle],
      authorization: { password: owner },
      parameters: [u32(handle)],
    });
  } finally {
    await flush(tpm, made.handle);
  }
  return toKey(made.parameters.sized());
}

/** No key there is no error. */
export async function removeAttestationKey(
  tpm: TpmDevice,
  owner: Secret | '',
  handle: number,
): Promise<void> {
  if ((await readPublicArea(tpm, handle)) === undefined) return;
  await ask(tpm, 'remove a key', {
    name: 'evictControl',
    handles: [handles.owner, handle],
    authorization: { password: owner },
    parameters: [u32(handle)],
  });
}

/** TPMS_ATTEST as it was signed, and the signature in DER. */
export type Quote = { readonly attested: Buffer; readonly signature: Buffer };

export async function quote(
  tpm: TpmDevice,
  handle: number,
  pcrs: readonly number[],
  about: Uint8Array,
): Promise<Quote> {
  const { parameters } = await ask(tpm, 'quote PCRs', {
    name: 'quote',
    handles: [handle],
    authorization: { password: '' },
    parameters: [sized(about), u16(algorithms.null), renderPcrSelection(pcrs)],
  });
  const attested = parameters.sized();
  parameters.take(4); // ECDSA, SHA-256
  return { attested, signature: toDer(parameters.sized(), parameters.sized()) };
}

/** ECDSA-Sig-Value, RFC 3279, 2.2.3. */
function toDer(r: Uint8Array, s: Uint8Array): Buffer {
  const integer = (value: Uint8Array): Buffer => {
    const bytes = Buffer.from(value);
    const start = bytes.findIndex((byte) => byte !== 0);
    const short = bytes.subarray(Math.max(0, start));
    const positive = (short[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.of(0), short]) : short;
    return Buffer.concat([Buffer.of(0x02, positive.length), positive]);
  };
  const both = Buffer.concat([integer(r), integer(s)]);
  return Buffer.concat([Buffer.of(0x30, both.length), both]);
}
