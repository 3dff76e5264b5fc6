import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { type HistoryEntry, listGenerations, parseTicketNote } from '../../state/index.ts';
import {
  type Evidence,
  type MachineIdentity,
  readAnchors,
  readMachineIdentity,
  type TicketPolicy,
  type VerifiedTicket,
  verifyTicket,
} from '../../trust/index.ts';
import { type FloorEvidence, readFloorEvidence } from '../floor.ts';
import { type Machine, notInstalled } from '../machine.ts';
import { knownRevocations } from '../revocation.ts';

export type JudgeOptions = {
  /** The ticket, the certificate of who signed it, and its signature. */
  readonly evidence: Evidence;
  /** When this program was built: no sane clock is earlier. */
  readonly builtAt: Date;
};

/** A ticket that this machine may accept, and what it was compared with. */
export type JudgedTicket = {
  readonly history: readonly HistoryEntry[];
  readonly floor: FloorEvidence;
  readonly ticket: VerifiedTicket;
  /** An earlier run accepted it, and the floor has not risen since. */
  readonly isAccepted: boolean;
};

/** Asks every question about a ticket; throws where one has the wrong answer. */
export async function judgeTicket(
  host: Host,
  machine: Machine,
  { evidence, builtAt }: JudgeOptions,
): Promise<JudgedTicket> {
  const history = await listGenerations(host, machine.state);
  if (history.length === 0) throw notInstalled(machine, 'accept a ticket');
  const time = { now: host.clock.now(), builtAt };
  const identity = await readMachineIdentity(host, { root: machine.paths.root, time });
  if (identity === undefined) throw nameless(evidence.name);
  const floor = await readFloorEvidence(host, machine);
  requireKnown(floor, evidence.name);
  const policy = await policyFor(host, machine, identity, { floor, history });
  const again = verifyTicket(evidence, { ...policy, time: 'at boot' });
  const isAccepted = isLast(floor, again);
  const ticket = isAccepted ? again : verifyTicket(evidence, { ...policy, time });
  return { history, floor, ticket, isAccepted };
}

/** By the CA of the machine alone: each boot asks it again. */
async function policyFor(
  host: Host,
  machine: Machine,
  { product, serial }: MachineIdentity,
  { floor, history }: Pick<JudgedTicket, 'floor' | 'history'>,
): Promise<Omit<TicketPolicy, 'time'>> {
  const anchors = await readAnchors(host, { root: machine.paths.root });
  const known = [...floor.accepted.map(({ nonce }) => nonce), floor.file.ticket];
  const noted = history.flatMap(({ notes }) => notes.map(({ reason }) => parseTicketNote(reason)?.nonce));
  return {
    ...{ anchors, product, serial, floor: floor.value },
    revoked: await knownRevocations(host, machine, [], anchors),
    used: [...known, ...noted].filter((nonce) => nonce !== undefined),
    newestCommit: history[0]?.time,
  };
}

/** What was accepted stays so: a repeated run ends what is left to do. A floor that rose since asks for a new ticket. */
const isLast = ({ accepted, value }: FloorEvidence, { ticket }: VerifiedTicket): boolean =>
  accepted.at(-1)?.nonce === ticket.nonce && value === ticket.to;

function requireKnown({ problem, counter }: FloorEvidence, name: string): void {
  if (counter === undefined) return;
  if (problem !== undefined)
    throw new MosError('corrupt', `cannot accept ${name}: ${problem}`, {
      hint: 'put tickets.json back from a copy of it; until then the floor is what was counted',
    });
  if (counter.tickets === undefined)
    throw new MosError(
      'unsupported',
      `cannot accept ${name}: the TPM of this machine has no place for tickets`,
      {
        hint: 'it was provisioned by an older version: mosctl provision --again makes one, and all its secrets anew',
      },
    );
}

const nameless = (name: string): MosError =>
  new MosError(
    'state',
    `cannot accept ${name}: a ticket is for one serial, and this machine has no identity certificate`,
    { hint: 'trust sudi add makes one, mosctl provision gives it to the machine' },
  );
