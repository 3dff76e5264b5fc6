import test from 'ava';
import { bringUpNetwork } from '../../initrd/network.ts';
import { MosError } from '../../pkg/errors/index.ts';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { Undo } from '../../pkg/undo/index.ts';

type Link = {
  readonly type?: string;
  readonly carrier: string;
  /** What the kernel refuses of it. */
  readonly broken?: 'open' | 'send';
};

/** A machine with these links, of which `answers` are heard by a server; it answers as soon as it was asked `deaf` times. */
function machine(links: Readonly<Record<string, Link>>, { answers = [] as string[], deaf = 0 } = {}) {
  const calls: string[] = [];
  let [now, asked] = [0, 0];
  const written: string[] = [];
  const host: Host = {
    ...linuxHost,
    files: {
      ...linuxHost.files,
      list: async () => ['lo', ...Object.keys(links)],
      read: async (path) => {
        const [link = '', what] = path.split('/').slice(4);
        const { type = '1', carrier = '0', broken } = links[link] ?? { type: '772' };
        if (what === 'carrier' && broken === 'open') throw new MosError('io', 'cannot read: refused');
        return Buffer.from(`${{ type, carrier, address: '52:54:00:12:34:56' }[what ?? '']}\n`);
      },
      stat: () => linuxHost.files.stat('/'),
      makeFolder: async () => {},
      create: async () => ({
        size: 0,
        write: async (chunk) => void written.push(Buffer.from(chunk).toString()),
        sync: async () => {},
        [Symbol.asyncDispose]: async () => {},
      }),
      rename: async (_, to) => void calls.push(`write ${to}`),
    },
    network: {
      setLink: async (link, state) => {
        if (links[link]?.broken === 'open') throw new MosError('io', `cannot change ${link}: refused`);
        calls.push(`${link} ${state}`);
      },
      setAddress: async (link, address, prefix) => void calls.push(`${link} ${address}/${prefix}`),
      addDefaultRoute: async (gateway) => void calls.push(`route ${gateway}`),
      openBroadcast: async (link) => {
        let reply: Buffer | undefined;
        return {
          async broadcast(message) {
            if (links[link]?.broken === 'send') throw new MosError('io', `cannot send on ${link}: refused`);
            asked++;
            if (answers.includes(link) && asked > deaf) reply = answerTo(Buffer.from(message));
          },
          async receive() {
            const message = reply;
            reply = undefined;
            return message;
          },
          [Symbol.asyncDispose]: async () => void calls.push('closed'),
        };
      },
    },
    clock: {
      now: () => new Date(0),
      monotonic: () => now,
      sleep: async (milliseconds) => {
        now += milliseconds;
      },
    },
  };
  return { host, calls, written, seconds: () => now / 1000 };
}

/** What a server says: an offer, or that it is acknowledged. */
function answerTo(question: Buffer): Buffer {
  const options = question.subarray(240);
  const kind = options[2] === 1 ? 2 : 5;
  const answer = Buffer.from(question);
  answer[0] = 2;
  answer.set([10, 0, 2, 15], 16);
  const given = [
    53,
    1,
    kind,
    1,
    4,
    255,
    255,
    255,
    0,
    3,
    4,
    10,
    0,
    2,
    2,
    6,
    4,
    10,
    0,
    2,
    3,
    54,
    4,
    10,
    0,
    2,
    2,
    255,
  ];
  answer.fill(0, 240).set(given, 240);
  return answer;
}

test('the first link where a server answers is used, and goes down with the undo', async (t) => {
  const { host, calls, written } = machine(
    { eth0: { carrier: '0' }, eth1: { carrier: '1' } },
    { answers: ['eth1'] },
  );
  {
    await using held = new Undo();
    t.is((await bringUpNetwork(host, held, () => {})).address, '10.0.2.15');
  }
  t.deepEqual(calls, [
    ...['eth0 up', 'eth1 up', 'closed', 'eth1 10.0.2.15/24', 'route 10.0.2.2', 'write /etc/resolv.conf'],
    ...['eth1 down', 'eth0 down'],
  ]);
  t.is(written.join(''), 'nameserver 10.0.2.3\n');
});

test('a card that the kernel can not open, and one that fails later, are told of once and end nothing', async (t) => {
  const { host, calls } = machine(
    {
      eth0: { carrier: '1', broken: 'open' },
      eth1: { carrier: '1', broken: 'send' },
      eth2: { carrier: '1' },
    },
    { answers: ['eth2'], deaf: 2 },
  );
  const notes: string[] = [];
  {
    await using held = new Undo();
    await bringUpNetwork(host, held, (event) => void (event.kind === 'note' && notes.push(event.text)));
  }
  t.deepEqual(notes, [
    ...['cannot change eth0: refused', 'cannot send on eth1: refused'],
    'eth2 has 10.0.2.15/24 of 10.0.2.2',
  ]);
  t.deepEqual(
    calls.filter((call) => / (up|down)$/.test(call)),
    ['eth1 up', 'eth2 up', 'eth2 down', 'eth1 down'],
  );
});

test('a server that answers late is asked again', async (t) => {
  const { host, seconds } = machine({ eth0: { carrier: '1' } }, { answers: ['eth0'], deaf: 8 });
  await using held = new Undo();
  await bringUpNetwork(host, held, () => {});
  t.true(seconds() > 30 && seconds() < 40);
});

const fails = test.macro({
  async exec(t, links: Readonly<Record<string, Link>>, code: string, message: string, hint: RegExp) {
    const { host, seconds } = machine(links);
    await using held = new Undo();
    const error = await t.throwsAsync(
      bringUpNetwork(host, held, () => {}),
      { code, message },
    );
    t.regex((error as { hint?: string }).hint ?? '', hint);
    t.true(seconds() > 89 && seconds() < 100, `it ends after ${seconds()} s`);
  },
  title: (what) => `it is told, and given up in time: ${what}`,
});
const cannot = 'cannot bring up the network';
test('no card', fails, {}, 'not-found', `${cannot}: this machine has no network card`, /driver/);
test(
  'no cable',
  fails,
  { eth0: { carrier: '0' } },
  'not-found',
  `${cannot}: eth0 has no connection`,
  /cable/,
);
test(
  'no server',
  fails,
  { eth0: { carrier: '0' }, eth1: { carrier: '1' } },
  'timeout',
  `${cannot}: no DHCP server answers on eth1`,
  /DHCP/,
);
