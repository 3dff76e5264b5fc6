import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ServiceMachine } from '../../../test/helpers/services.ts';
import { byHandUrl, nginxByHand } from '../by-hand.ts';
import { type Compared, inTurn, programSide, type Side } from '../pairs.ts';
import { type Context, type Group, mebibytes, milliseconds, type Row, seconds } from '../row.ts';
import {
  makeTwenty,
  makeWebMachine,
  names,
  ports,
  type Served,
  supervisorMemory,
  takeOther,
  within,
} from '../services.ts';

/** Asks until somebody answers, for half a minute; seldom enough that it leaves the processors to the start. */
const firstAnswer = (url: string) =>
  `timeout 30 sh -c 'until curl --silent --output /dev/null ${url}; do sleep 0.01; done'`;
const url = (name: Served) => `http://127.0.0.1:${ports[name]}/`;

export const services: Group = {
  name: 'services',
  async run(context) {
    const machine = await makeWebMachine(context);
    const { pairs } = context;
    // Another service runs: the bridge is there, as it is for who starts by hand.
    machine.must('activate', '-t', 'store', '--integrity', 'digest');
    const start = await inTurn(pairs, startSides(context, machine));
    machine.must('stop', 'store');
    const updates = await inTurn(pairs, updateSides(machine));
    const twenty = await makeTwenty(context);
    const boots = await inTurn(pairs, bootSides(twenty));
    const memory = await inTurn(pairs, memorySides(twenty));
    return [startRow(start), ...updateRows(updates), bootRow(boots), memoryRow(memory)];
  },
};

function startSides({ folder }: Context, machine: ServiceMachine): Record<'ours' | 'theirs', Side> {
  const containers = nginxByHand(folder, machine.sandbox);
  const activate = '"$MOS" activate --quiet --root "$ROOT" -t web --integrity digest >/dev/null &';
  // Nobody asks before it returns: an address that nobody has yet would be asked again a second later.
  const byHand = `lxc-start -P ${containers} -n web -- nginx -g 'daemon off;';`;
  return {
    ours: programSide(() => within(machine, `${activate} ${firstAnswer(url('web'))}`), {
      clean: async () => machine.must('stop', 'web'),
    }),
    theirs: programSide(() => within(machine, `${byHand} ${firstAnswer(byHandUrl)}`), {
      clean: async () => machine.sandbox.must('lxc-stop', '-P', containers, '-n', 'web', '-k'),
    }),
  };
}

type Update = 'beside' | 'instead' | 'byHand';

/** How many of 200 requests a second fail while a service is updated. */
function updateSides(machine: ServiceMachine): Record<Update, Side> {
  const activate = (name: Served) => machine.must('activate', '-t', name, '--integrity', 'digest');
  const side = (name: Served, update: () => void): Side => ({
    prepare: async () => {
      activate(name);
      await takeOther(machine);
    },
    run: async () => ({ milliseconds: await failuresDuring(machine, name, update), mebibytes: 0 }),
    clean: async () => machine.must('stop', name),
  });
  return {
    beside: side('web', () => activate('web')),
    instead: side('store', () => activate('store')),
    byHand: side('store', () => {
      machine.must('stop', 'store');
      activate('store');
    }),
  };
}

/** Long enough that the client is asking before the update begins, and goes on after it. */
const around = 300;

async function failuresDuring(machine: ServiceMachine, name: Served, update: () => void): Promise<number> {
  const { argv, env } = within(machine, 'exec "$0" "$@"');
  const [program = '', ...words] = [
    ...argv.slice(0, -1),
    process.execPath,
    resolve('test/helpers/http-client.ts'),
    url(name),
  ];
  const child = spawn(program, words, {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (piece: Buffer) => {
    said += piece.toString();
  });
  await pause(around);
  update();
  await pause(around);
  child.stdin.end();
  await once(child, 'close');
  return JSON.parse(said).problems.length;
}

function bootSides(machine: ServiceMachine): Record<'ours' | 'theirs', Side> {
  const options = '--quiet --root "$ROOT" --integrity digest';
  const clean = async () => machine.must('stop', '--all');
  const each = `for name in ${names.join(' ')}; do "$MOS" activate ${options} -t $name; done`;
  return {
    ours: programSide(() => within(machine, `"$MOS" boot ${options}`), { clean }),
    theirs: programSide(() => within(machine, each), { clean }),
  };
}

function memorySides(machine: ServiceMachine): Record<'one' | 'twenty', Side> {
  const side = (start: () => unknown): Side => ({
    prepare: async () => start(),
    run: async () => {
      await pause(2 * around);
      return supervisorMemory(machine);
    },
    clean: async () => machine.must('stop', '--all'),
  });
  return {
    one: side(() => machine.must('activate', '-t', 's1', '--integrity', 'digest')),
    twenty: side(() => machine.must('boot', '--integrity', 'digest')),
  };
}

const startRow = (runs: Compared<'ours' | 'theirs'>): Row => ({
  work: '`mosctl activate` of nginx to the first HTTP answer, manifest and image (42 MB) verified',
  against: '`lxc-start` by hand on a root file system that was unpacked before',
  unit: 'ms',
  ours: milliseconds(runs.ours),
  theirs: milliseconds(runs.theirs),
  goal: 1.3,
});

function updateRows(runs: Compared<Update>): Row[] {
  const theirs = milliseconds(runs.byHand);
  const against = '`mosctl stop`, then `activate` of the new version';
  return [
    {
      work: 'requests that fail, of 200 a second, while `mosctl activate` updates nginx',
      against,
      unit: 'failed',
      ours: milliseconds(runs.beside),
      theirs,
      goal: 0,
    },
    {
      work: 'the same of a service with a volume, which can not run twice',
      against,
      unit: 'failed',
      ours: milliseconds(runs.instead),
      theirs,
      goal: 0.5,
    },
  ];
}

const bootRow = (runs: Compared<'ours' | 'theirs'>): Row => ({
  work: '`mosctl boot` of 20 services with networks of their own',
  against: '`mosctl activate` of one after the other',
  unit: 's',
  ours: seconds(runs.ours),
  theirs: seconds(runs.theirs),
  goal: 0.5,
});

const memoryRow = (runs: Compared<'one' | 'twenty'>): Row => ({
  work: 'memory of the supervisor with 20 services',
  against: 'the same with one',
  unit: 'MiB',
  ours: mebibytes(runs.twenty),
  theirs: mebibytes(runs.one),
  goal: 1.2,
});
