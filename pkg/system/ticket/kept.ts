import { createHash } from 'node:crypto';
import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { type Floor, type KeptTicket, readTickets } from '../../state/index.ts';
import { readAnchors, readMachineIdentity, type Ticket, verifyTicket } from '../../trust/index.ts';
import type { Machine } from '../machine.ts';
import type { FloorCounter } from '../tpm/floor.ts';

/** What the TPM sums up of a ticket: all that the floor is computed from. */
export const ticketMark = ({ bytes, counted, good }: KeptTicket): Buffer =>
  createHash('sha256')
    .update(JSON.stringify({ ticket: Buffer.from(bytes).toString('base64'), counted, good }))
    .digest();

/** An index of the TPM that was extended by each of them, in their order. */
export const ticketSum = (tickets: readonly KeptTicket[]): Buffer =>
  tickets.reduce<Buffer>(
    (sum, ticket) => createHash('sha256').update(sum).update(ticketMark(ticket)).digest(),
    Buffer.alloc(32),
  );

/**
 * Those that the machine accepted, oldest first. What counts is the sum of the TPM, and without one the last nonce in
 * the file of the floor: what was written down after it was never accepted.
 */
export async function acceptedTickets(
  host: Host,
  { state }: Machine,
  counter: FloorCounter | undefined,
  last: string | undefined,
): Promise<readonly KeptTicket[]> {
  const sum = counter?.tickets;
  if (counter === undefined ? last === undefined : sum === undefined || isNothing(sum)) return [];
  const kept = await readTickets(host, state);
  const isLast = (count: number): boolean =>
    sum === undefined ? kept[count - 1]?.nonce === last : ticketSum(kept.slice(0, count)).equals(sum);
  for (let count = kept.length; count > 0; count--) if (isLast(count)) return kept.slice(0, count);
  const who = sum === undefined ? 'floor.json says that it' : 'its TPM';
  throw new MosError(
    'corrupt',
    `cannot use the tickets of this machine: ${state.records}/tickets.json does not hold those that ${who} has accepted`,
  );
}

const isNothing = (sum: Buffer): boolean => sum.every((byte) => byte === 0);

/** The floor by the counter of the TPM, and what the last ticket made of it. */
export type CountedFloor = { readonly floor: number; readonly last: Floor | undefined };

/**
 * The counter only rises, and each ticket, verified again, took the floor from what it was then to less. Throws where one
 * doesn't follow from the other: then no ticket counts.
 */
export async function countedFloor(
  host: Host,
  machine: Machine,
  { steps }: FloorCounter,
  accepted: readonly KeptTicket[],
): Promise<CountedFloor> {
  const tickets = await verifyAgain(host, machine, accepted);
  let [floor, at] = [0, 0];
  for (const [index, { from, to }] of tickets.entries()) {
    const counted = accepted[index]?.counted ?? 0;
    const isInOrder = counted >= at && counted <= steps && floor + (counted - at) === from;
    if (!isInOrder) throw unordered(machine, index);
    [floor, at] = [to, counted];
  }
  const last = tickets.at(-1);
  return {
    floor: floor + (steps - at),
    last: last === undefined ? undefined : { value: last.to, ticket: last.nonce },
  };
}

const unordered = ({ state }: Machine, index: number): MosError =>
  new MosError(
    'corrupt',
    `cannot use the tickets of this machine: ticket ${index + 1} in ${state.records}/tickets.json was for another floor`,
  );

/** By the CA of the machine alone, as each boot does it: a `--ca` of one call must not open what the next boot would refuse. */
export async function verifyAgain(
  host: Host,
  { paths, state }: Machine,
  accepted: readonly KeptTicket[],
): Promise<readonly Ticket[]> {
  if (accepted.length === 0) return [];
  const time = 'at boot';
  const identity = await readMachineIdentity(host, { root: paths.root, time });
  if (identity === undefined)
    throw new MosError('untrusted', 'cannot use the tickets of this machine: it has no identity certificate');
  const anchors = await readAnchors(host, { root: paths.root });
  const tickets = accepted.map(({ bytes, certificate, signature }, index) => {
    const name = `ticket ${index + 1} in ${state.records}/tickets.json`;
    const evidence = { name, bytes, certificates: [certificate], signatures: [signature] };
    return verifyTicket(evidence, { ...identity, anchors, time, floor: 0, used: [] }).ticket;
  });
  const isOwn = tickets.every(({ nonce }, index) => accepted[index]?.nonce === nonce);
  if (isOwn && new Set(tickets.map(({ nonce }) => nonce)).size === tickets.length) return tickets;
  throw new MosError(
    'untrusted',
    `cannot use the tickets of this machine: ${state.records}/tickets.json ${isOwn ? 'has one twice' : 'names another nonce than its ticket'}`,
  );
}
