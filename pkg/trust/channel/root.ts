import { MosError } from '../../errors/index.ts';
import { type Evidence, type Policy, type Proof, verifyEvidence } from '../document.ts';
import { Refusal } from '../refusals.ts';
import { newestRevocationLists, renderRevocationLists } from '../revocation.ts';
import { fileOf, largest, type MetadataOf, readMetadata, requireSigners } from './metadata.ts';
import type { ChannelPolicy, ChannelSource, ChannelTrust, Endorsements } from './types.ts';

export type FoundRoot = { readonly root: MetadataOf<'root'>; readonly text: string };

/** More rotations at once than anybody makes in the life of a machine. */
const mostRotations = 256;

/** Section 5.3: from the root that is kept, else from the first one there is, to the newest, each signed by the one before. */
export async function followRoot(
  source: ChannelSource | undefined,
  kept: ChannelTrust | undefined,
  policy: ChannelPolicy,
): Promise<FoundRoot> {
  const first = kept === undefined ? await source?.read(fileOf('root', 1), largest.root) : encode(kept.root);
  if (first === undefined)
    throw new MosError(
      'not-found',
      `cannot use ${policy.name} as a release channel: it has no ${fileOf('root', 1)}`,
      {
        hint: 'a channel is made with mosb release add and mosb release sign',
      },
    );
  let found = await readRoot(first, kept === undefined ? fileOf('root', 1) : 'root.json');
  if (policy.endorsedBy === undefined || source === undefined) return found;
  for (let rotations = 0; ; rotations++) {
    const version = found.root.signed.version + 1;
    const bytes = await source.read(fileOf('root', version), largest.root);
    if (bytes === undefined) return found;
    if (rotations === mostRotations)
      throw new Refusal('index-malformed', {
        subject: fileOf('root', version),
        detail: 'too many roots follow each other',
      });
    const next = await readRoot(bytes, fileOf('root', version));
    requireSigners(found.root.signed, 'root', next.root, fileOf('root', version));
    if (next.root.signed.version !== version)
      throw new Refusal('index-swapped', {
        subject: fileOf('root', version),
        detail: `it is version ${next.root.signed.version}`,
      });
    found = next;
  }
}

/** One root, signed by its own keys. */
async function readRoot(bytes: Uint8Array, file: string): Promise<FoundRoot> {
  const root = await readMetadata('root', bytes, file);
  requireSigners(root.signed, 'root', root, file);
  return { root, text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes) };
}

/**
 * The project of the machine's product must have signed the very bytes of the root: the manifest CA stays the one
 * anchor, and who is taken out of it can't bring up a channel any more. What was believed once is believed without its
 * dates; where its signer isn't trusted any more, another one may have signed the same root.
 */
export async function endorse(
  source: ChannelSource | undefined,
  kept: ChannelTrust | undefined,
  { name, endorsedBy, product, time }: ChannelPolicy,
  { root, text }: FoundRoot,
): Promise<ChannelTrust> {
  if (endorsedBy === undefined) return { ...kept, root: text };
  const file = fileOf('root', root.signed.version);
  const found = (await source?.endorsements(file)) ?? nothing;
  const revoked = newestRevocationLists(
    [
      ...endorsedBy.revoked.map(({ der }) => der),
      ...(kept?.revoked === undefined ? [] : [encode(kept.revoked)]),
      ...found.revocations,
    ],
    endorsedBy.anchors,
  );
  const policy = { anchors: endorsedBy.anchors, product, revoked };
  const document = { name: `${name}:${file}`, bytes: encode(text) };
  const own = kept?.root === text ? kept.endorsement : undefined;
  const before = toEvidence(own);
  const endorsement =
    believedBefore({ ...document, ...before }, own, policy) ??
    toEndorsement(verifyEvidence({ ...document, ...joined(before, found) }, { ...policy, time }));
  const lists = renderRevocationLists(revoked);
  return { ...kept, root: text, endorsement, ...(lists === '' ? {} : { revoked: lists }) };
}

type Endorsement = NonNullable<ChannelTrust['endorsement']>;
const nothing: Endorsements = { certificates: [], signatures: [], revocations: [] };

const toEvidence = (own: Endorsement | undefined): Endorsements =>
  own === undefined
    ? nothing
    : {
        ...nothing,
        certificates: [encode(own.certificate)],
        signatures: [Buffer.from(own.signature, 'base64')],
      };

const joined = (a: Endorsements, b: Endorsements): Endorsements => ({
  ...nothing,
  certificates: [...a.certificates, ...b.certificates],
  signatures: [...a.signatures, ...b.signatures],
});

function believedBefore(
  evidence: Evidence,
  own: Endorsement | undefined,
  policy: Omit<Policy, 'time'>,
): Endorsement | undefined {
  try {
    verifyEvidence(evidence, { ...policy, time: 'at boot' });
    return own;
  } catch {
    return undefined;
  }
}

const toEndorsement = ({ certificate, signature }: Proof): Endorsement => ({
  certificate: new TextDecoder().decode(certificate),
  signature: Buffer.from(signature).toString('base64'),
});

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
