import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { messageOf } from '../../pkg/errors/index.ts';
import type { Host, TpmDevice } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { lockState, readTickets, writeTickets } from '../../pkg/state/index.ts';
import {
  machineFloor,
  raiseMachineFloor,
  readIdentityKey,
  requireMachineFloor,
} from '../../pkg/system/floor.ts';
import { acceptOn } from '../../pkg/system/ticket/accept.ts';
import { ticketMark } from '../../pkg/system/ticket/kept.ts';
import { addToTicketSum, readFloorCounter } from '../../pkg/system/tpm/floor.ts';
import { inTpm } from '../../pkg/system/tpm/layout.ts';
import { commandCodes } from '../../pkg/tpm/index.ts';
import { addKeyset, readTicketFiles } from '../../pkg/trust/index.ts';
import { chosenPoints } from '../crash/points.ts';
import { refused } from '../helpers/attacks.ts';
import { countingHost, crashingHost } from '../helpers/counting-host.ts';
import { type FloorMachine, makeFloorMachine } from '../helpers/floor-machine.ts';
import { makeTicket } from '../helpers/ticket.ts';
import { advance } from '../state/samples.ts';

const accept = async (made: FloorMachine, file: string, host: Host = made.host) => {
  const evidence = await readTicketFiles(linuxHost, file);
  return acceptOn(host, made.machine, { root: '/', evidence, builtAt: new Date(0) }, () => {});
};

const floorOf = async ({ host, machine }: FloorMachine): Promise<number> =>
  (await machineFloor(host, machine)).value;

async function raise({ host, machine }: FloorMachine, number: number, securityVersion: number) {
  await using lock = await lockState(host, machine.state, { owner: 'test', wait: 0 });
  await raiseMachineFloor(host, machine, lock, { number, securityVersion });
}

/** Generation 1 proved good with security version 3: so the TPM has counted. */
async function makeMachine(t: ExecutionContext): Promise<FloorMachine> {
  const made = await makeFloorMachine(t);
  await made.provision();
  const given = { trailers: [['Security-Version', '3']] };
  await advance(made.host, made.machine.state, 'one', 'current', given);
  await advance(made.host, made.machine.state, 'two', 'good', given);
  await raise(made, 2, 3);
  return made;
}

const records = ({ machine }: FloorMachine): string => machine.state.records;
const copyOf = (made: FloorMachine, name: string): string => {
  const copy = join(made.folder, name);
  cpSync(records(made), copy, { recursive: true });
  return copy;
};
function putBack(made: FloorMachine, copy: string): void {
  rmSync(records(made), { recursive: true });
  cpSync(copy, records(made), { recursive: true });
}

test('a ticket lowers what the TPM has counted, and the counter goes on from there', async (t) => {
  const made = await makeMachine(t);
  const { host, machine } = made;
  t.is((await readFloorCounter(host))?.steps, 3);
  const result = await accept(made, await makeTicket(made, 3, 2));
  t.like(result, { changed: true, from: 3, to: 2, floorKept: 'TPM' });
  const { nonce } = result as { readonly nonce: string };
  t.deepEqual(await machineFloor(host, machine), { value: 2, kept: 'TPM', ticket: nonce });
  t.like(await accept(made, join(made.folder, 'ticket.json')), { changed: false });
  await raise(made, 2, 3);
  t.is(await floorOf(made), 2, 'it had proved good before');
  await raise(made, 3, 3);
  t.deepEqual([await floorOf(made), (await readFloorCounter(host))?.steps], [3, 4]);
  await accept(made, await makeTicket(made, 3, 0, { name: 'second' }));
  t.deepEqual([await floorOf(made), (await readFloorCounter(host))?.steps], [0, 4]);
  await raise(made, 4, 1);
  t.deepEqual([await floorOf(made), (await readFloorCounter(host))?.steps], [1, 5]);
});

test('a counter that a later provisioning began is brought up to the floor first', async (t) => {
  const made = await makeFloorMachine(t);
  const given = { trailers: [['Security-Version', '3']] };
  await advance(made.host, made.machine.state, 'one', 'good', given);
  await advance(made.host, made.machine.state, 'two', 'current', given);
  await raise(made, 1, 3);
  await made.provision();
  t.is((await readFloorCounter(made.host))?.steps, 0);
  await accept(made, await makeTicket(made, 3, 2));
  t.is((await readFloorCounter(made.host))?.steps, 3);
  t.is(await floorOf(made), 2);
});

test('no file on the disk lowers what the TPM has counted', async (t) => {
  const made = await makeMachine(t);
  const { machine } = made;
  const before = copyOf(made, 'before');
  const file = await makeTicket(made, 3, 2);
  await accept(made, file);
  const after = copyOf(made, 'after');
  await raise(made, 3, 3);

  const problems: string[] = [];
  const floorWith = async (what: string, change: () => unknown): Promise<void> => {
    await change();
    const { value, problem } = await machineFloor(made.host, machine);
    t.true(value >= 3, `${what}: ${value}`);
    const { message } = (await t.throwsAsync(accept(made, file), undefined, what)) ?? { message: '' };
    const below = await t.throwsAsync(requireMachineFloor(made.host, machine, 'generation 1', 2));
    t.regex(
      messageOf(below),
      /^cannot use generation 1: its security version is 2, this machine requires [34](: |$)/,
    );
    t.is(messageOf(below).includes('does not hold those that its TPM'), problem !== undefined, what);
    problems.push(`${what}: ${problem ?? 'believed, and the floor is 3'}; ${message}`);
  };
  await floorWith('the ticket again', () => {});
  await floorWith('files from before the ticket', () => putBack(made, before));
  await floorWith('files from after the ticket', () => putBack(made, after));
  await floorWith('no tickets', () => rmSync(join(records(made), 'tickets.json')));
  await floorWith('no files', () => rmSync(records(made), { recursive: true }));
  const said = problems.join('\n').replaceAll(made.folder, 'FOLDER');
  t.is(
    said,
    `the ticket again: believed, and the floor is 3; cannot trust FOLDER/ticket.json: it was used before
files from before the ticket: cannot use the tickets of this machine: FOLDER/config/mos/tickets.json does not hold those that its TPM has accepted; cannot accept FOLDER/ticket.json: cannot use the tickets of this machine: FOLDER/config/mos/tickets.json does not hold those that its TPM has accepted
files from after the ticket: believed, and the floor is 3; cannot trust FOLDER/ticket.json: it was used before
no tickets: cannot use the tickets of this machine: FOLDER/config/mos/tickets.json does not hold those that its TPM has accepted; cannot accept FOLDER/ticket.json: cannot use the tickets of this machine: FOLDER/config/mos/tickets.json does not hold those that its TPM has accepted
no files: cannot use the tickets of this machine: FOLDER/config/mos/tickets.json does not hold those that its TPM has accepted; cannot accept FOLDER/ticket.json: cannot use the tickets of this machine: FOLDER/config/mos/tickets.json does not hold those that its TPM has accepted`,
  );
  const how =
    'files of /config from before and after a ticket put back, and removed, once the floor had risen again';
  refused(t, 'a ticket put back on the disk', how, said, /files from before the ticket: cannot use .*/);
});

/** A ticket as the machine would keep it, from its files. */
async function keptFrom(made: FloorMachine, file: string, counted: number) {
  const { bytes, certificates, signatures } = await readTicketFiles(made.host, file);
  const [certificate = new Uint8Array()] = certificates;
  const [signature = new Uint8Array()] = signatures;
  const { nonce } = JSON.parse(readFileSync(file, 'utf8')) as { nonce: string };
  return { bytes, certificate, signature, nonce, counted, good: 9 };
}

async function plant(made: FloorMachine, kept: Awaited<ReturnType<typeof keptFrom>>): Promise<void> {
  await using lock = await lockState(made.host, made.machine.state, { owner: 'test', wait: 0 });
  await writeTickets(made.host, lock, [...(await readTickets(made.host, made.machine.state)), kept]);
  const floor = { format: 1, security_version: 0, ticket: kept.nonce };
  writeFileSync(join(records(made), 'floor.json'), JSON.stringify(floor));
}

test('a signed ticket that was written to the disk and not accepted means nothing', async (t) => {
  const made = await makeMachine(t);
  await plant(made, await keptFrom(made, await makeTicket(made, 3, 0), 3));
  t.is(await floorOf(made), 3);
  // The next one that is accepted takes its place.
  await accept(made, await makeTicket(made, 3, 2, { name: 'real' }));
  t.is(await floorOf(made), 2);
  t.is((await readTickets(made.host, made.machine.state)).length, 1);
});

for (const [what, asked, counted, said] of [
  ['no CA of the machine signed', { keyset: 'mallory' }, 3, /was not signed by a CA of/],
  ['is of another machine', { serial: 'SN0002' }, 3, /it is for the machine SN0002, this is SN0001/],
  ['is for another floor', { from: 2 }, 3, /ticket 1 in .* was for another floor/],
  ['says that the TPM had counted more', {}, 4, /ticket 1 in .* was for another floor/],
] as const)
  test(`root of the machine can't lower its floor by a ticket that ${what}`, async (t) => {
    const made = await makeMachine(t);
    const { from = 3, ...more } = { ...asked } as { from?: number; keyset?: string; serial?: string };
    if (more.keyset !== undefined)
      await addKeyset(linuxHost, more.keyset, { folder: made.keys, keyType: 'ecdsa' });
    const kept = await keptFrom(made, await makeTicket(made, from, 1, more), counted);
    await plant(made, kept);
    await addToTicketSum(made.host, ticketMark(kept), readIdentityKey(made.host));
    const { value, problem = '' } = await machineFloor(made.host, made.machine);
    t.is(value, 3);
    t.regex(problem, said);
  });

test('root of the machine cannot use a ticket twice', async (t) => {
  const made = await makeMachine(t);
  const file = await makeTicket(made, 3, 2);
  await accept(made, file);
  await raise(made, 3, 3);
  const kept = await keptFrom(made, file, 4);
  await plant(made, kept);
  await addToTicketSum(made.host, ticketMark(kept), readIdentityKey(made.host));
  const { value, problem = '' } = await machineFloor(made.host, made.machine);
  t.is(value, 4);
  t.regex(problem, /tickets.json has one twice$/);
});

test('without the identity key nobody adds a ticket', async (t) => {
  const made = await makeMachine(t);
  await t.throwsAsync(
    addToTicketSum(made.host, Buffer.alloc(32), async () => Buffer.from('guessed')),
    { code: 'denied', message: 'cannot extend 0x1500052: the TPM refuses (wrong password, 0x9a2)' },
  );
  t.is(await floorOf(made), 3);
});

/** A TPM as an older version provisioned it: asked for the index of tickets, it has none. */
function withoutTickets(host: Host): Host {
  const askedFor = Buffer.alloc(8);
  askedFor.writeUInt32BE(commandCodes.nvReadPublic, 0);
  askedFor.writeUInt32BE(inTpm.tickets.index, 4);
  const noHandle = Buffer.from('80010000000a0000018b', 'hex');
  const openTpm = async (): Promise<TpmDevice> => {
    const tpm = await host.devices.openTpm();
    return {
      send: async (command) =>
        Buffer.from(command).subarray(6, 14).equals(askedFor) ? noHandle : tpm.send(command),
      [Symbol.asyncDispose]: () => tpm[Symbol.asyncDispose](),
    };
  };
  return { ...host, devices: { ...host.devices, openTpm } };
}

test('a machine that was provisioned before there were tickets accepts none, and keeps its floor', async (t) => {
  const made = await makeMachine(t);
  const host = withoutTickets(made.host);
  t.deepEqual(await machineFloor(host, made.machine), { value: 3, kept: 'TPM' });
  await t.throwsAsync(accept(made, await makeTicket(made, 3, 2), host), {
    code: 'unsupported',
    message: /^cannot accept \S+: the TPM of this machine has no place for tickets$/,
  });
});

test('whatever the acceptance is stopped at, the floor is the old or the new one, and repeating ends it', async (t) => {
  const made = await makeMachine(t);
  const next = async (): Promise<string> => {
    for (const end of ['', '.signed', '.pem'])
      rmSync(join(made.folder, `ticket.json${end}`), { force: true });
    return makeTicket(made, 3, 2);
  };
  const { host, names } = countingHost(made.host);
  await accept(made, await next(), host);
  t.true(names.filter((name) => name === 'tpm.send').length > 10);
  const points = chosenPoints(names.length);
  const seen: number[] = [];
  for (const n of points) {
    await raise(made, 1000, 3);
    const what = `stopped before mutation ${n} (${names[n - 1]})`;
    const file = await next();
    const crashing = crashingHost(made.host, n);
    const isStopped = await accept(made, file, crashing.host).then(
      () => false,
      () => true,
    );
    t.is(isStopped, crashing.crashed(), what);
    await made.tpm.restart();
    const { value, problem } = await machineFloor(made.host, made.machine);
    t.true(value === 3 || value === 2, `${what}: ${value}`);
    t.is(problem, undefined, what);
    seen.push(value);
    t.like(await accept(made, file), { changed: value === 3, to: 2 }, what);
    t.is(await floorOf(made), 2, what);
    const floor = readFileSync(join(records(made), 'floor.json'), 'utf8');
    t.is(JSON.parse(floor).security_version, 2, what);
  }
  t.deepEqual([seen[0], seen.at(-1)], [3, 2]);
  t.log(`stopped while a ticket is accepted: ${points.length} of ${names.length} points`);
});
