import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { addKeyset, addProject, revokeProject } from '../../pkg/trust/index.ts';
import { type Attack, refused } from '../helpers/attacks.ts';
import { type CallOptions, call, plain } from '../helpers/cli.ts';
import { installFrom, makeRoot, updateFrom } from '../helpers/machine.ts';
import { type AskedTicket, identify, makeTicket, markGood } from '../helpers/ticket.ts';
import { treeOf } from '../helpers/tree.ts';
import { addImage, makeVendor, publishRelease, type Vendor } from '../helpers/vendor.ts';

type Machine = {
  readonly vendor: Vendor;
  readonly root: string;
  /** `mosctl --quiet …` with the root: what it printed, times and folders replaced. */
  run(words: readonly string[], options?: CallOptions): Promise<string>;
};

/** SN0001 with two generations that proved good: security version 2, then 3, its floor. */
async function makeMachine(t: ExecutionContext): Promise<Machine> {
  const vendor = await makeVendor(t);
  const root = await makeRoot(t, vendor);
  await identify(vendor, root);
  for (const [index, take] of [installFrom, updateFrom].entries()) {
    const number = index + 1;
    await take(root, await publishVersion(vendor, number, number + 1));
    await markGood(root, number, number + 1);
  }
  const run = async (words: readonly string[], options: CallOptions = {}): Promise<string> => {
    const { exit, stdout, stderr } = await call(['mosctl', '--quiet', ...words, '--root', root], options);
    return plain(`${stdout}${stderr}${exit === 0 ? '' : `exit ${exit}\n`}`, {
      TICKET: join(vendor.folder, 'ticket.json'),
      ROOT: root,
      REPO: vendor.repository,
    }).replaceAll(/\b[0-9a-f]{32}\b/g, 'NONCE');
  };
  return { vendor, root, run };
}

async function publishVersion(vendor: Vendor, release: number, securityVersion: number): Promise<string> {
  const source = await addImage(vendor, `d${release}`, { [`d${release}`]: `d${release}` });
  const target = `{service_name: data, source: "${source}", version: "${release}", service_type: fs-only}`;
  const { reference } = await publishRelease(vendor, {
    name: `machine/install:${release}`,
    manifest: `update_type: complete\nrelease: ${release}\nsecurity_version: ${securityVersion}\ntargets:\n  - ${target}\n`,
  });
  return reference;
}

const floorLine = async ({ run }: Machine): Promise<string> =>
  (await run(['status'])).split('\n')[1]?.trim() ?? '';
const accept = ['ticket', 'accept'];

test('a ticket lowers the floor once, and the older generation runs again', async (t) => {
  const machine = await makeMachine(t);
  const { vendor, root, run } = machine;
  t.regex(
    await run(['rollback', '--to', '1']),
    /^mosctl: cannot use generation 1: its security version is 2, this machine requires 3\n {2}a hole .*mosctl ticket accept\)\nexit 5\n$/,
  );
  const file = await makeTicket(vendor, 3, 2);
  const before = treeOf(root);
  t.is(
    await run([...accept, file, '--plan']),
    `ticket accept of TICKET would
  1. lock the state
  2. write the ticket down
  3. lower the floor
  4. remember it in the history
images: 0 B, to fetch 0 B
changes:
  no difference
`,
  );
  t.deepEqual(treeOf(root), before);
  t.is(
    await run([...accept, file]),
    `the floor of this machine is 2 now, it was 3
  these may run again: generation 1 (mosctl rollback --to 1)
  it rises again when a newer generation proves good
`,
  );
  t.is(await floorLine(machine), 'release 2, security version 3, floor 2 (3 before a ticket)');
  t.is(
    await run([...accept, file]),
    `nothing changed: the floor of this machine is 2 by this ticket already
  these may run again: generation 1 (mosctl rollback --to 1)
  it rises again when a newer generation proves good
`,
  );
  t.regex(await run(['rollback', '--to', '1']), /^generation 3 has the content of generation 1\n/);
  t.is(await floorLine(machine), 'release 1, security version 2, floor 2 (3 before a ticket)');
  t.regex(await run(['log']), /\n {2}TIME ticket: the floor went from 3 to 2 by ticket NONCE\n/);
  t.regex(
    await run(['why']),
    /\n {2}TIME {2}generation 2 ticket: the floor went from 3 to 2 by ticket NONCE\n/,
  );
  t.regex(await run(['verify']), /everything is as it was signed/);
});

test('the value of ticket accept and of status', async (t) => {
  const { vendor, root } = await makeMachine(t);
  const file = await makeTicket(vendor, 3, 2);
  const json = async (...words: string[]) =>
    JSON.parse((await call(['mosctl', '--quiet', '--json', ...words, '--root', root])).stdout);
  t.is((await json('status')).floorBefore, null);
  const { nonce } = JSON.parse(readFileSync(file, 'utf8'));
  t.deepEqual(await json(...accept, file), {
    ...{ serial: 'SN0001', from: 3, to: 2, nonce, changed: true, floorKept: 'file', generations: [1] },
  });
  const { floor, floorKept, floorBefore } = await json('status');
  t.deepEqual({ floor, floorKept, floorBefore }, { floor: 2, floorKept: 'file', floorBefore: 3 });
});

test('what had proved good before a ticket does not take it back, what proves good later does', async (t) => {
  const machine = await makeMachine(t);
  const { vendor, root, run } = machine;
  await run([...accept, await makeTicket(vendor, 3, 2)]);
  await markGood(root, 2, 3);
  t.is(await floorLine(machine), 'release 2, security version 3, floor 2 (3 before a ticket)');
  await updateFrom(root, await publishVersion(vendor, 3, 3));
  await markGood(root, 3, 3);
  t.is(await floorLine(machine), 'release 3, security version 3, floor 3');
});

/** The floor is 3 again, as it was for the first ticket. */
async function useUp(machine: Machine): Promise<string> {
  const { vendor, root, run } = machine;
  const file = await makeTicket(vendor, 3, 2);
  await run([...accept, file]);
  await updateFrom(root, await publishVersion(vendor, 3, 3));
  await markGood(root, 3, 3);
  return file;
}

test('a ticket is good for one time, also when what was kept of it is gone', async (t) => {
  const machine = await makeMachine(t);
  const { root, run } = machine;
  const file = await useUp(machine);
  const said = await run([...accept, file]);
  t.is(
    said,
    'mosctl: cannot trust TICKET: it was used before\n  ask for a new one: a ticket is good for one time\nexit 4\n',
  );
  const how = 'mosctl ticket accept again, once the floor had risen again';
  refused(t, 'a ticket used twice', how, said, /cannot trust \S+: it was used before/);
  for (const name of ['tickets.json', 'floor.json']) {
    rmSync(join(root, 'config/mos', name));
    t.is(await run([...accept, file]), said, `without ${name}`);
  }
  t.is(await floorLine(machine), 'release 3, security version 3, floor 3');
});

test('a second ticket follows the first one', async (t) => {
  const machine = await makeMachine(t);
  const { vendor, root, run } = machine;
  await useUp(machine);
  const file = await makeTicket(vendor, 3, 1, { name: 'second' });
  t.regex(await run([...accept, file]), /^the floor of this machine is 1 now, it was 3\n/);
  const { tickets } = JSON.parse(readFileSync(join(root, 'config/mos/tickets.json'), 'utf8'));
  t.is(tickets.length, 2);
});

test('a lost file of the floor is made again of what proved good and of tickets', async (t) => {
  const machine = await makeMachine(t);
  const { vendor, root, run } = machine;
  await run([...accept, await makeTicket(vendor, 3, 2)]);
  rmSync(join(root, 'config/mos/floor.json'));
  t.is(await floorLine(machine), 'release 2, security version 3, floor 2 (3 before a ticket)');
  t.regex(await run(['rollback', '--to', '1']), /^generation 3 has the content/);
});

test('tickets that are lost or damaged are told, and the next one is accepted without a TPM', async (t) => {
  const machine = await makeMachine(t);
  const { vendor, root, run } = machine;
  await useUp(machine);
  const path = join(root, 'config/mos/tickets.json');
  const kept = readFileSync(path, 'utf8');
  for (const [text, words] of [
    [undefined, 'ROOT/config/mos/tickets.json does not hold those that floor.json says that it has accepted'],
    [kept.replace(/"signature": "..../, '"signature": "AAAA'), 'no signature fits its bytes'],
    [kept.replace(/"nonce": "...../, '"nonce": "aaaaa'), 'floor.json says that it has accepted'],
    ['junk', 'cannot read the tickets of this machine: ROOT/config/mos/tickets.json is damaged'],
  ] as const) {
    if (text === undefined) rmSync(path);
    else writeFileSync(path, text);
    const told = await run(['verify']);
    t.true(told.includes(words), told);
    t.regex(await run(['status']), /\nwarning: cannot (use|read|trust) .*tickets/);
  }
  const file = await makeTicket(vendor, 3, 2, { name: 'next' });
  t.regex(await run([...accept, file]), /^the floor of this machine is 2 now, it was 3\n/);
  t.regex(await run(['verify']), /everything is as it was signed/);
});

type Refused = {
  readonly asked?: AskedTicket & { readonly from?: number; readonly to?: number };
  readonly clock?: (vendor: Vendor) => Date;
  readonly builtAt?: Date;
  readonly before?: (machine: Machine, file: string) => Promise<unknown> | undefined;
  readonly said: RegExp;
  readonly attack?: Attack;
};

const day = 24 * 60 * 60 * 1000;
const hostAt = (now: Date): Host => ({ ...linuxHost, clock: { ...linuxHost.clock, now: () => now } });

const refuses = test.macro({
  title: (title) => `a ticket is refused, and nothing is written: ${title}`,
  exec: async (t: ExecutionContext, { asked = {}, clock, builtAt, before, said, attack }: Refused) => {
    const machine = await makeMachine(t);
    const { vendor, root, run } = machine;
    const { from = 3, to = 2, ...more } = asked;
    if (asked.keyset !== undefined)
      await addKeyset(linuxHost, asked.keyset, { folder: vendor.keys, keyType: 'ecdsa' });
    if (asked.project !== undefined)
      await addProject(linuxHost, vendor.keyset, asked.project, { folder: vendor.keys });
    const file = await makeTicket(vendor, from, to, more);
    await before?.(machine, file);
    const files = treeOf(root);
    const host = clock === undefined ? linuxHost : hostAt(clock(vendor));
    const words = await run([...accept, file], { host, ...(builtAt === undefined ? {} : { builtAt }) });
    t.regex(words, said);
    t.deepEqual(treeOf(root), files);
    t.regex(await floorLine(machine), /, floor 3$/);
    if (attack !== undefined) refused(t, attack, 'mosctl ticket accept', words, /cannot .*/);
  },
});

test('its time is over', refuses, {
  clock: () => new Date(Date.now() + 8 * day),
  said: /^mosctl: cannot trust TICKET: its publisher allows nobody to accept it after \S+Z\n {2}ask for a newer one\nexit 4\n$/,
  attack: 'a ticket that expired',
});
test('it is for another machine', refuses, {
  asked: { serial: 'SN0002' },
  said: /^mosctl: cannot trust TICKET: it is for the machine SN0002, this is SN0001\nexit 4\n$/,
  attack: 'a ticket of another machine',
});
test('it is for another floor', refuses, {
  asked: { from: 4, to: 2 },
  said: /^mosctl: cannot trust TICKET: it is for a machine with the floor 4, this one has 3\n {2}ask for one with the present floor: mosctl status shows it\nexit 4\n$/,
});
test('it was edited', refuses, {
  before: async (_, file) => writeFileSync(file, readFileSync(file, 'utf8').replace('"to":2', '"to":0')),
  said: /^mosctl: cannot trust TICKET: no signature fits its bytes\n.*\nexit 4\n$/,
  attack: 'an edited ticket',
});
test('a CA of another vendor signed it', refuses, {
  asked: { keyset: 'mallory' },
  said: /^mosctl: cannot trust TICKET: its certificate ".*" was not signed by a CA of ROOT\/factory\/secure\/manifestCA.pem\n.*\nexit 4\n$/,
  attack: 'a ticket signed by another CA',
});
test('it is for another product of the same vendor', refuses, {
  asked: { project: 'other' },
  said: /^mosctl: cannot trust TICKET: it is for product UUID, this machine is UUID\nexit 4\n$/,
});
test('its project was revoked', refuses, {
  before: async ({ vendor, root }) => {
    await revokeProject(linuxHost, vendor.keyset, 'default', { folder: vendor.keys });
    const list = join(vendor.keys, vendor.keyset, 'manifest-ca/crl.pem');
    writeFileSync(join(root, 'config/mos/revoked.pem'), readFileSync(list));
  },
  said: /^mosctl: cannot trust TICKET: its certificate ".*" was revoked\n.*\nexit 4\n$/,
});
test('the clock is before the newest generation', refuses, {
  before: async ({ vendor, run }) =>
    run(['update', await publishVersion(vendor, 3, 3)], { host: hostAt(new Date(Date.now() + day)) }),
  said: /^mosctl: cannot judge dates: the clock says TIME, but the newest generation is of TIME\n {2}set the clock and try again\nexit 9\n$/,
  attack: 'a ticket with the clock set back',
});
test('the clock is before the build of the program', refuses, {
  builtAt: new Date(Date.now() + day),
  said: /^mosctl: cannot judge dates: the clock says TIME, but this program was built at TIME\n {2}set the clock and try again\nexit 9\n$/,
});
test('its signature did not come along', refuses, {
  before: async (_, file) => rmSync(`${file}.signed`),
  said: /^mosctl: cannot .*TICKET\.signed.*\nexit \d+\n$/,
});
test('the machine has no identity', refuses, {
  before: async ({ root }) => renameSync(join(root, 'factory/secure/server.crt'), join(root, 'moved')),
  said: /^mosctl: cannot accept TICKET: a ticket is for one serial, and this machine has no identity certificate\n.*\nexit 9\n$/,
});

test('nothing is installed, so nothing is accepted', async (t) => {
  const vendor = await makeVendor(t);
  const root = await makeRoot(t, vendor);
  await identify(vendor, root);
  const file = await makeTicket(vendor, 3, 2);
  const { exit, stderr } = await call(['mosctl', '--quiet', ...accept, file, '--root', root]);
  t.is(exit, 9);
  t.regex(stderr, /^mosctl: cannot accept a ticket: nothing is installed below \S+\n/);
  t.false(existsSync(join(root, 'config/mos/tickets.json')));
});
