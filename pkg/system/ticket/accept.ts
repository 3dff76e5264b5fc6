import type { Host } from '../../host/index.ts';
import {
  addNote,
  type KeptTicket,
  keptGenerations,
  lockState,
  numberTrailer,
  recordFloor,
  renderTicketNote,
  type StateLock,
  writeTickets,
} from '../../state/index.ts';
import type { Report } from '../../steps/index.ts';
import { Undo } from '../../undo/index.ts';
import { type FloorEvidence, readIdentityKey } from '../floor.ts';
import { bytesOf } from '../images.ts';
import { type Machine, openMachine } from '../machine.ts';
import { changingSteps, type OperationPlan, type OperationStep, runOperation } from '../operation.ts';
import { addToTicketSum, countFloor } from '../tpm/floor.ts';
import { type JudgedTicket, type JudgeOptions, judgeTicket } from './judge.ts';
import { ticketMark } from './kept.ts';

export type TicketOptions = JudgeOptions & { readonly root: string; readonly plan?: boolean };

export type TicketResult = {
  readonly serial: string;
  readonly from: number;
  readonly to: number;
  readonly nonce: string;
  /** false where the machine had accepted it before, and its floor has not risen since. */
  readonly changed: boolean;
  readonly floorKept: 'file' | 'TPM';
  /** Kept generations that the floor refused before, newest first. */
  readonly generations: readonly number[];
};

type Accepting = JudgedTicket & {
  readonly host: Host;
  readonly machine: Machine;
  readonly options: TicketOptions;
  readonly held: Undo;
  lock: StateLock;
  kept: KeptTicket;
};

/**
 * The counter of the TPM only rises, so it goes on from where it is; what lowers the floor is the ticket, summed up by the
 * TPM. Before the switch the ticket on the disk means nothing, after it the floor is the lower one whatever else is written.
 */
const steps: readonly OperationStep<Accepting>[] = [
  { name: 'lock the state', changes: true, run: lock },
  { name: 'verify the ticket', run: verify },
  { name: 'bring the counter of the TPM up to the floor', changes: true, run: bringUp },
  { name: 'write the ticket down', changes: true, run: writeDown },
  { name: 'lower the floor', changes: true, run: switchOver },
  { name: 'remember it in the history', changes: true, run: remember },
];

/** DESIGN "Trust" 7: the one way below the floor. */
export async function acceptTicket(
  host: Host,
  options: TicketOptions,
  report: Report,
): Promise<TicketResult | OperationPlan> {
  return acceptOn(host, await openMachine(host, options.root), options, report);
}

export async function acceptOn(
  host: Host,
  machine: Machine,
  options: TicketOptions,
  report: Report,
): Promise<TicketResult | OperationPlan> {
  await using held = new Undo();
  const context = { host, machine, options, held } as Accepting;
  await runOperation(context, steps, report, options.plan);
  return options.plan ? planOf(context) : resultOf(context);
}

function planOf({ options, isAccepted, floor }: Accepting): OperationPlan {
  const asked = steps.filter(({ run }) => run !== bringUp || floor.counter !== undefined);
  return {
    operation: 'ticket accept',
    reference: options.evidence.name,
    steps: isAccepted ? [] : changingSteps(asked),
    bytes: bytesOf([]),
    changes: [],
  };
}

function resultOf({ ticket, isAccepted, floor, history }: Accepting): TicketResult {
  const { serial, from, to, nonce } = ticket.ticket;
  const opened = keptGenerations(history).filter(({ trailers }) => {
    const version = numberTrailer(trailers, 'Security-Version') ?? 0;
    return version >= to && version < from;
  });
  return {
    ...{ serial, from, to, nonce, changed: !isAccepted },
    floorKept: floor.counter === undefined ? 'file' : 'TPM',
    generations: opened.map(({ number }) => number),
  };
}

async function lock(c: Accepting): Promise<void> {
  const held = await lockState(c.host, c.machine.state, { owner: 'mosctl ticket accept', wait: 0 });
  c.held.add(() => held[Symbol.asyncDispose]());
  c.lock = held;
}

async function verify(c: Accepting): Promise<void> {
  const { host, machine, options } = c;
  Object.assign(c, await judgeTicket(host, machine, options));
}

async function bringUp({ host, floor, isAccepted }: Accepting): Promise<void> {
  const { counter, value } = floor;
  if (isAccepted || counter === undefined) return;
  await countFloor(host, stepsAt(floor, value), readIdentityKey(host));
}

/** What the counter says when the floor is `value`. */
const stepsAt = ({ counter }: FloorEvidence, value: number): number =>
  counter === undefined ? 0 : counter.steps + Math.max(0, value - counter.floor);

async function writeDown(c: Accepting): Promise<void> {
  const { host, lock: held, floor, ticket, history } = c;
  if (c.isAccepted) return;
  const { bytes, certificate, signature } = ticket;
  c.kept = {
    ...{ bytes, certificate, signature, nonce: ticket.ticket.nonce },
    counted: floor.counter === undefined ? null : stepsAt(floor, floor.value),
    good: history.find(({ roles }) => roles.includes('good'))?.number ?? 0,
  };
  await writeTickets(host, held, [...floor.accepted, c.kept]);
}

async function switchOver({ host, lock: held, floor, ticket, kept, isAccepted }: Accepting): Promise<void> {
  if (floor.counter !== undefined && !isAccepted)
    await addToTicketSum(host, ticketMark(kept), readIdentityKey(host));
  const { to, nonce } = ticket.ticket;
  await recordFloor(host, held, { value: to, ticket: nonce });
}

/** Beside the generation that runs. */
async function remember({ host, lock: held, history, ticket }: Accepting): Promise<void> {
  const reason = renderTicketNote(ticket.ticket);
  const current = history.find(({ roles }) => roles.includes('current')) ?? history[0];
  const isThere = history.some(({ notes }) => notes.some((note) => note.reason === reason));
  if (current !== undefined && !isThere)
    await addNote(host, held, current.commit, { kind: 'ticket', reason });
}
