import { createPublicKey, type KeyObject } from 'node:crypto';
import { MosError } from '../errors/index.ts';
import { type Host, readText } from '../host/index.ts';
import { type HistoryEntry, listGenerations, trailer, type Which } from '../state/index.ts';
import {
  parseAnchors,
  readMachineIdentity,
  signStatement,
  verifyQuote,
  verifyStatement,
} from '../trust/index.ts';
import { type LoadedGeneration, loadGeneration } from './generation.ts';
import { type Machine, notInstalled, openMachine } from './machine.ts';
import { parseStatement, quotedAbout, type ReceiptContent, renderStatement } from './receipt-content.ts';
import { quotePcrs } from './tpm/quoted.ts';

const largestReceipt = 4 * 1024 * 1024;

export type ReceiptOptions = {
  readonly root: string;
  readonly ca?: string | undefined;
  /** Default: the newest. */
  readonly generation?: number | undefined;
};

/** A signed statement about a generation, made of what `manifest.git` says; every digest in it was verified again. */
export async function makeReceipt(
  host: Host,
  { root, ca, generation }: ReceiptOptions,
): Promise<{ readonly envelope: string }> {
  const machine = await openMachine(host, root);
  const entries = await listGenerations(host, machine.state);
  if (entries.length === 0) throw notInstalled(machine, 'make a receipt');
  const entry = generation === undefined ? entries[0] : entries.find(({ number }) => number === generation);
  if (entry === undefined)
    throw new MosError('not-found', `cannot make a receipt: there is no generation ${generation}`);
  const identity = await ownIdentity(host, machine);
  const load = (which: Which) => loadGeneration(host, machine, which, { ca, belowFloor: true });
  const after = await load(entry.commit);
  const before = entry.parent === undefined ? undefined : await load(entry.parent);
  const predicate: ReceiptContent = {
    ...identity,
    generation: entry.number,
    release: releaseOf(entry),
    madeAt: entry.time.toISOString(),
    issuedAt: host.clock.now().toISOString(),
    verdict: entry.verdict ?? null,
    reason: trailer(entry.trailers, 'Reason') ?? null,
    before: before === undefined ? {} : imagesOf(before),
    after: imagesOf(after),
  };
  const tpm = root === '/' ? await quotePcrs(host, quotedAbout(predicate)) : undefined;
  const statement = renderStatement(tpm === undefined ? predicate : { ...predicate, tpm });
  return { envelope: await signStatement(host, machine.paths.root, statement) };
}

async function ownIdentity(host: Host, { paths }: Machine) {
  const identity = await readMachineIdentity(host, { root: paths.root, time: 'at boot' });
  if (identity !== undefined) return identity;
  throw new MosError(
    'state',
    `cannot make a receipt: this machine has no identity certificate (${paths.serverCertificate})`,
    { hint: 'make one with trust sudi add' },
  );
}

function releaseOf({ trailers }: HistoryEntry): number | null {
  const text = trailer(trailers, 'Release');
  return text === undefined || !/^\d{1,15}$/.test(text) ? null : Number(text);
}

const imagesOf = ({ machine }: LoadedGeneration) =>
  Object.fromEntries(machine.targets.map(({ name, target }) => [name, target.digest]));

export type VerifyReceiptOptions = {
  readonly file: string;
  readonly ca: string;
  /** PEM: the receipt must come from the TPM that has this key. */
  readonly attestationKey?: string | undefined;
};

/** What a machine said, on any computer that has the SUDI CA. Nothing of the file is believed before its signature. */
export async function verifyReceipt(
  host: Host,
  { file, ca, attestationKey }: VerifyReceiptOptions,
): Promise<ReceiptContent> {
  const size = (await host.files.stat(file))?.size ?? 0;
  if (size > largestReceipt)
    throw new MosError(
      'invalid',
      `cannot read the receipt ${file}: it is larger than ${largestReceipt} bytes`,
    );
  const anchors = parseAnchors(await host.files.read(ca), ca, 'SUDI CA');
  const { payload, signer } = verifyStatement(await readText(host, file), file, anchors);
  const content = parseStatement(payload, file);
  if (content.product !== signer.product || content.serial !== signer.serial)
    throw new MosError(
      'untrusted',
      `cannot trust ${file}: it speaks of another machine than the one that signed it`,
    );
  if (content.tpm) verifyQuote(content.tpm, quotedAbout(content), file);
  if (attestationKey !== undefined)
    requireTpm(content, createPublicKey(await readText(host, attestationKey)), file);
  return content;
}

/** Whoever copied the identity key of a machine has not copied its TPM. */
function requireTpm({ tpm }: ReceiptContent, key: KeyObject, file: string): void {
  if (tpm && createPublicKey(tpm.key).equals(key)) return;
  const why = tpm ? 'it was made with another TPM' : 'no TPM had a part in it';
  throw new MosError('untrusted', `cannot trust ${file}: ${why}`);
}
