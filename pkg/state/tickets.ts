import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import type { SignedFile } from './generation.ts';
import type { StateLock } from './lock.ts';
import type { State } from './paths.ts';
import { isCount, type RecordFile, readRecord, writeRecord } from './records.ts';

/** A ticket that lowered the floor of the machine, with its signature and certificate, to be verified again. */
export type KeptTicket = SignedFile & {
  /** What tells tickets apart: 32 hex digits. */
  readonly nonce: string;
  /** What the counter of the TPM said when it was accepted; null on a machine without one. */
  readonly counted: number | null;
  /** The generation that had proved good by then, 0 for none: it and those before it do not raise the floor again. */
  readonly good: number;
};

export const isNonce = (value: unknown): value is string =>
  typeof value === 'string' && /^[0-9a-f]{32}$/.test(value);

type Entry = Readonly<
  Record<'nonce' | 'ticket' | 'certificate' | 'signature', string> & Pick<KeptTicket, 'counted' | 'good'>
>;

const ticketsFile: RecordFile<readonly KeptTicket[]> = {
  name: 'tickets.json',
  parse: ({ tickets }) =>
    Array.isArray(tickets) && tickets.every(isEntry) ? tickets.map(toTicket) : undefined,
  render: (tickets) => ({ tickets: tickets.map(toEntry) }),
};

/** The record is strict, so what is no base64, or has more fields, is damaged. */
function isEntry(value: unknown): value is Entry {
  const { nonce, ticket, certificate, signature, counted, good } = { ...(value as Partial<Entry>) };
  const isText = [ticket, certificate, signature].every((text) => typeof text === 'string');
  return isText && isNonce(nonce) && (counted === null || isCount(counted)) && isCount(good);
}

const toTicket = ({ nonce, ticket, certificate, signature, counted, good }: Entry): KeptTicket => ({
  ...{ nonce, counted, good },
  bytes: Buffer.from(ticket, 'base64'),
  certificate: Buffer.from(certificate, 'base64'),
  signature: Buffer.from(signature, 'base64'),
});

const toEntry = ({ nonce, bytes, certificate, signature, counted, good }: KeptTicket): Entry => ({
  ...{ nonce, counted, good },
  ticket: Buffer.from(bytes).toString('base64'),
  certificate: Buffer.from(certificate).toString('base64'),
  signature: Buffer.from(signature).toString('base64'),
});

/** Oldest first. The last one may be one that was written down and not accepted: see `system`. */
export async function readTickets(host: Host, state: State): Promise<readonly KeptTicket[]> {
  const record = await readRecord(host, state, ticketsFile);
  if (record.kind === 'unreadable')
    throw new MosError('corrupt', `cannot read the tickets of this machine: ${record.problem}`);
  return record.kind === 'there' ? record.value : [];
}

export const writeTickets = (host: Host, lock: StateLock, tickets: readonly KeptTicket[]): Promise<void> =>
  writeRecord(host, lock, ticketsFile, tickets);

/** How the history remembers a ticket, beside the generation that ran. */
export type TicketNote = { readonly from: number; readonly to: number; readonly nonce: string };

export const renderTicketNote = ({ from, to, nonce }: TicketNote): string =>
  `the floor went from ${from} to ${to} by ticket ${nonce}`;

export function parseTicketNote(reason: string): TicketNote | undefined {
  const [, from, to, nonce] =
    /^the floor went from (\d{1,10}) to (\d{1,10}) by ticket ([0-9a-f]{32})$/.exec(reason) ?? [];
  return nonce === undefined ? undefined : { from: Number(from), to: Number(to), nonce };
}
