import { MosError } from '../errors/index.ts';
import { type Evidence, type Policy, type Proof, proofFor, proofsOf } from './document.ts';
import { Refusal, type RefusalWords, refusalError } from './refusals.ts';
import { markVerified, type Verified } from './verified.ts';

/** Permission of the owner to lower the floor of one machine once, FORMATS 5. */
export type Ticket = {
  readonly version: 1;
  readonly product: string;
  /** Of the machine that it is for. */
  readonly serial: string;
  /** The floor (security version) that the machine has, and the one it gets. */
  readonly from: number;
  readonly to: number;
  /** 32 hex digits; the machine remembers it. */
  readonly nonce: string;
  /** RFC 3339 in UTC, whole seconds. */
  readonly not_after: string;
};

/** What the machine knows of itself. */
export type TicketPolicy = Policy & {
  readonly serial: string;
  readonly floor: number;
  /** Nonces of tickets that it accepted before. */
  readonly used: readonly string[];
  /** When its newest generation was committed: no sane clock is earlier. */
  readonly newestCommit?: Date | undefined;
};

export type VerifiedTicket = Proof & { readonly ticket: Verified<Ticket> };

/** Accepts a ticket, or throws. With `time: 'at boot'` a stored one is checked again, its dates, nonce and the present floor don't count. */
export function verifyTicket(evidence: Evidence, policy: TicketPolicy): VerifiedTicket {
  if (policy.time !== 'at boot') checkCommitTime(policy.time.now, policy.newestCommit);
  const proofs = proofsOf(evidence, policy);
  const ticket = parseTicket(evidence.bytes, evidence.name);
  const proof = proofFor(evidence.name, proofs, ticket.product);
  const refuse = (kind: 'ticket-serial' | 'ticket-floor' | 'ticket-used' | 'outdated', words: RefusalWords) =>
    refusalError(evidence.name, new Refusal(kind, words));
  if (ticket.serial !== policy.serial)
    throw refuse('ticket-serial', { detail: `${ticket.serial}, this is ${policy.serial}` });
  if (policy.time !== 'at boot') {
    if (policy.time.now > new Date(ticket.not_after)) throw refuse('outdated', { detail: ticket.not_after });
    if (policy.used.includes(ticket.nonce)) throw refuse('ticket-used', {});
    if (ticket.from !== policy.floor)
      throw refuse('ticket-floor', { detail: `${ticket.from}, this one has ${policy.floor}` });
  }
  return { ...proof, ticket: markVerified(ticket) };
}

function checkCommitTime(now: Date, newest: Date | undefined): void {
  if (newest === undefined || now >= newest) return;
  throw new MosError(
    'state',
    `cannot judge dates: the clock says ${now.toISOString()}, but the newest generation is of ${newest.toISOString()}`,
    { hint: 'set the clock and try again' },
  );
}

const fields = ['version', 'product', 'serial', 'from', 'to', 'nonce', 'not_after'] as const;

/** Strict: a ticket with anything else in it is not ours. */
export function parseTicket(bytes: Uint8Array, name: string): Ticket {
  const value = parseJson(bytes, name);
  const bad = (why: string): MosError => new MosError('invalid', `cannot use ${name} as a ticket: ${why}`);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('it is no object');
  const unknown = Object.keys(value).find((key) => !(fields as readonly string[]).includes(key));
  if (unknown !== undefined) throw bad(`it has the unknown field ${JSON.stringify(unknown.slice(0, 40))}`);
  const problem = fields.find((field) => !checks[field]((value as Record<string, unknown>)[field]));
  if (problem !== undefined) throw bad(`${problem} is missing or malformed`);
  const ticket = value as Ticket;
  if (ticket.to >= ticket.from) throw bad('it does not lower the floor');
  return ticket;
}

const isText = (value: unknown, pattern: RegExp): boolean => typeof value === 'string' && pattern.test(value);
const isFloor = (value: unknown): boolean =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0x7fffffff;

const checks: Readonly<Record<(typeof fields)[number], (value: unknown) => boolean>> = {
  version: (value) => value === 1,
  product: (value) => isText(value, /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/),
  serial: (value) => isText(value, /^[^\p{C}]{1,64}$/u),
  from: isFloor,
  to: isFloor,
  nonce: (value) => isText(value, /^[0-9a-f]{32}$/),
  not_after: (value) =>
    isText(value, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/) && !Number.isNaN(Date.parse(String(value))),
};

function parseJson(bytes: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new MosError('invalid', `cannot use ${name} as a ticket: it is not JSON`, { cause });
  }
}

/** The bytes that are signed: fixed order, one line. */
export const renderTicket = (ticket: Ticket): string =>
  `${JSON.stringify(Object.fromEntries(fields.map((field) => [field, ticket[field]])))}\n`;
