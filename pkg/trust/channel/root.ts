import { MosError } from '../../errors/index.ts';
import { verifyEvidence } from '../document.ts';
import { Refusal } from '../refusals.ts';
import { newestRevocationLists } from '../revocation.ts';
import { fileOf, largest, type MetadataOf, readMetadata, requireSigners } from './metadata.ts';
import type { ChannelPolicy, ChannelSource, ChannelTrust } from './types.ts';

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
  policy: ChannelPolicy,
  root: MetadataOf<'root'>,
  text: string,
): Promise<ChannelTrust> {
  const { endorsedBy, product, time } = policy;
  const before = kept ?? {};
  if (endorsedBy === undefined) return { ...before, root: text };
  const file = fileOf('root', root.signed.version);
  const document = { name: `${policy.name}:${file}`, bytes: encode(text) };
  const own = kept?.root === text ? kept.endorsement : undefined;
  if (own !== undefined)
    try {
      const evidence = {
        ...document,
        certificates: [encode(own.certificate)],
        signatures: [Buffer.from(own.signature, 'base64')],
      };
      verifyEvidence(evidence, { ...endorsedBy, product, time: 'at boot' });
      return { ...before, root: text, endorsement: own };
    } catch (error) {
      if (source === undefined) throw error;
    }
  const found = (await source?.endorsements(file)) ?? { certificates: [], signatures: [], revocations: [] };
  const { anchors } = endorsedBy;
  const lists = [...endorsedBy.revoked.map(({ der }) => der), ...found.revocations];
  const proof = verifyEvidence(
    { ...document, ...found },
    { anchors, product, time, revoked: newestRevocationLists(lists, anchors) },
  );
  const certificate = new TextDecoder().decode(proof.certificate);
  const signature = Buffer.from(proof.signature).toString('base64');
  return { ...before, root: text, endorsement: { certificate, signature } };
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
