import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { isSignedBy } from './algorithms.ts';
import type { Anchors } from './anchors.ts';
import { type MachineIdentity, readIdentityName, verifiedLeaf } from './identity.ts';
import { readPairOf, signBytes } from './keyset/signer.ts';
import { Refusal, refusalError } from './refusals.ts';
import { markVerified, type Verified } from './verified.ts';

/** What is inside the envelope (in-toto attestation framework v1). */
export const statementMediaType = 'application/vnd.in-toto+json';
/** More signatures than this are no receipt of ours: each costs a chain to check. */
const mostSignatures = 4;
const notFitting = new Refusal('signature');

/** DSSE 1.0.2, section "Signature Definition": what is signed names the type, so that nothing else can be meant. */
const preAuthentication = (type: string, payload: Uint8Array): Uint8Array =>
  Buffer.concat([
    Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `, 'utf8'),
    payload,
  ]);

/** Text of a DSSE envelope around the bytes, signed by the identity key (SUDI) of the machine below `root`. */
export async function signStatement(host: Host, root: string, payload: Uint8Array): Promise<string> {
  const secure = `${root === '/' ? '' : root}/factory/secure`;
  const pair = await readPairOf(host, `${secure}/server.crt`, `${secure}/server.key`);
  const signature = signBytes(pair.key, preAuthentication(statementMediaType, payload));
  const envelope = {
    payloadType: statementMediaType,
    payload: Buffer.from(payload).toString('base64'),
    signatures: [
      { sig: Buffer.from(signature).toString('base64'), cert: Buffer.from(pair.pem).toString('utf8') },
    ],
  };
  return `${JSON.stringify(envelope, null, 2)}\n`;
}

export type Statement = { readonly payload: Uint8Array; readonly signer: MachineIdentity };

/**
 * Which machine signed what, by the certificate in the envelope and a CA of `anchors`. Dates of certificates are not
 * compared: a receipt outlives them. Throws `invalid` or `untrusted`.
 */
export function verifyStatement(text: string, name: string, anchors: Anchors): Verified<Statement> {
  const { payload, signatures } = parseEnvelope(text, name);
  const signed = preAuthentication(statementMediaType, payload);
  let refusal = notFitting;
  for (const { sig, cert } of signatures)
    try {
      const leaf = verifiedLeaf(Buffer.from(cert, 'utf8'), anchors, undefined);
      if (!isSignedBy(leaf.key, signed, sig)) throw notFitting;
      return markVerified({ payload, signer: readIdentityName(leaf) });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refusal = error;
    }
  throw refusalError(name, refusal);
}

type Envelope = {
  readonly payload: Uint8Array;
  readonly signatures: readonly { readonly sig: Uint8Array; readonly cert: string }[];
};

function parseEnvelope(text: string, name: string): Envelope {
  const cannot = (why: string) => new MosError('invalid', `cannot read the receipt ${name}: ${why}`);
  const envelope = objectOf(parseJson(text));
  if (envelope.payloadType !== statementMediaType)
    throw cannot(`it is no DSSE envelope of an in-toto statement`);
  const { payload, signatures } = envelope;
  if (typeof payload !== 'string' || !Array.isArray(signatures) || signatures.length > mostSignatures)
    throw cannot('its envelope is malformed');
  return {
    payload: Buffer.from(payload, 'base64'),
    signatures: signatures.map(objectOf).map(({ sig, cert }) => {
      if (typeof sig !== 'string' || typeof cert !== 'string') throw cannot('a signature is malformed');
      return { sig: Buffer.from(sig, 'base64'), cert };
    }),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const objectOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
