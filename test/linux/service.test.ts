import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { linuxHost as host } from '../../pkg/host/linux/index.ts';
import { machinePaths } from '../../pkg/system/index.ts';
import { installFrom, makeMountRoot } from '../helpers/machine.ts';
import { addImage, addProgram, makeVendor, publishRelease } from '../helpers/vendor.ts';

type Said = { readonly status: number | null; readonly out: string; readonly err: string };
type Machine = {
  readonly root: string;
  /** The executable, as a person would call it. */
  mosctl(...words: readonly string[]): Said;
  state(): Record<string, unknown>;
};

const busybox = (script: string, more: Readonly<Record<string, unknown>> = {}) => ({
  Entrypoint: ['/bin/busybox', 'sh', '-c'],
  Cmd: [script],
  Env: ['PATH=/bin', 'GREETING=hello  "you" '],
  ...more,
});

/** A machine with one service. */
async function makeMachine(
  t: ExecutionContext,
  run: Readonly<Record<string, unknown>>,
  more = '',
  storage = '',
): Promise<Machine> {
  const vendor = await makeVendor(t);
  const hostfs = await addImage(vendor, 'hostfs', { 'etc/name': 'hostfs' });
  const service = await addProgram(vendor, 'service', run, {
    'etc/passwd': 'root:x:0:0::/root:/bin/sh\nweb:x:33:34:Web:/srv:/bin/sh\n',
    'etc/group': 'web:x:34:\nlogs:x:40:web\n',
    'srv/page': 'text',
  });
  await publishRelease(vendor, {
    manifest: `update_type: complete
${storage}targets:
  - { service_name: hostfs, source: '${hostfs}', version: '1', service_type: hostfs, nsgroup: none, network: { type: none } }
  - { service_name: web, source: '${service}', version: '1', service_type: container, nsgroup: web, network: { type: none }${more} }
`,
  });
  const root = await makeMountRoot(t, vendor);
  await installFrom(root, `zot:${vendor.repository}:machine/install:1.0.0`);
  const mosctl = (...words: readonly string[]): Said => {
    const at = words[0] === 'volume' ? 2 : 1;
    const line = [...words.slice(0, at), '--root', root, ...words.slice(at)];
    const { status, stdout, stderr } = spawnSync(resolve('build/mosctl'), line, {
      encoding: 'utf8',
      env: {},
    });
    return { status, out: stdout, err: stderr };
  };
  t.teardown(() => mosctl('stop', 'web', '--timeout', '0'));
  return { root, mosctl, state: () => JSON.parse(mosctl('ps', '--json').out).services[0] };
}

/** Waits for what another process does, with a deadline that only a broken one reaches. */
async function until<T>(t: ExecutionContext, what: string, look: () => T | undefined | false): Promise<T> {
  for (let tries = 0; tries < 600; tries++) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    await host.clock.sleep(50);
  }
  t.fail(`waited for ${what}`);
  throw new Error(what);
}

const start = (machine: Machine) => machine.mosctl('activate', '-t', 'web', '--integrity', 'digest');
const untilTerm = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.1; done";

test('a service runs confined as its own user, is listed, read and entered, and leaves nothing when it is stopped', async (t) => {
  const look =
    "id; pwd; env | grep -E '^(HOME|GREETING|EXTRA)=' | sort; grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status";
  const machine = await makeMachine(
    t,
    busybox(`${look}; ${untilTerm}`, { User: 'web', WorkingDir: '/srv' }),
    ', environment: { EXTRA: "1" }',
  );
  const paths = await machinePaths(host, machine.root);
  const { status, err } = start(machine);
  t.is(status, 0, err);
  t.notRegex(machine.mosctl('ps').out, /warning/, 'whom activate started to watch is waited for');
  const lines = await until(t, 'its first words', () => {
    const said: string[] = JSON.parse(machine.mosctl('logs', 'web', '--json').out).lines;
    return said.includes('ready') && said;
  });
  t.deepEqual(lines, [
    'uid=33(web) gid=34(web) groups=34(web),40(logs)',
    '/srv',
    'EXTRA=1',
    'GREETING=hello  "you" ',
    'HOME=/srv',
    'CapEff:\t0000000000000000',
    'NoNewPrivs:\t1',
    'Seccomp:\t2',
    'ready',
  ]);
  t.like(machine.state(), { name: 'web', version: '1', state: 'running', firstId: 100000, restarts: 0 });
  t.like(start(machine), {
    status: 0,
    out: `web 1 of generation 1 is already at ${paths.run}/services/web/rootfs\n`,
  });
  t.like(machine.mosctl('exec', 'web', '--', '/bin/busybox', 'sh', '-c', 'busybox cat page; exit 7'), {
    status: 7,
  });
  t.like(machine.mosctl('exec', 'web', '--as-root', '--', '/bin/busybox', 'id', '-u'), {
    status: 0,
    out: '0\n',
  });
  const { process } = machine.state();
  const owner = spawnSync('stat', ['-c', '%u:%g', `/proc/${process}`], { encoding: 'utf8' }).stdout;
  t.is(owner, '100033:100034\n');
  t.like(machine.mosctl('stop', 'web'), { status: 0, out: 'web is stopped\n' });
  t.deepEqual(JSON.parse(machine.mosctl('ps', '--json').out).services, []);
  t.like(machine.mosctl('stop', 'web'), { status: 0, out: 'web was not started\n' });
  const below = (await host.mounts.table()).filter(({ target }) => target.startsWith(paths.run));
  t.deepEqual(below, []);
  t.deepEqual(
    (await host.files.list(`${paths.run}/services`)).filter((name) => !name.startsWith('.')),
    [],
  );
});

test('a service that ends is started again, also after the supervisor was killed', async (t) => {
  const machine = await makeMachine(t, busybox('echo one more; sleep 0.3; exit 3'));
  t.is(start(machine).status, 0);
  await until(t, 'a second start', () => Number(machine.state()['restarts']) >= 1);
  const supervisor = () =>
    spawnSync('pgrep', ['-f', `mosctl supervise --quiet --root ${machine.root}$`], {
      encoding: 'utf8',
    }).stdout.trim();
  const first = supervisor();
  t.regex(first, /^\d+$/);
  t.notRegex(machine.mosctl('ps').out, /warning/);
  process.kill(Number(first), 'SIGKILL');
  await until(t, 'a warning', () => /\nwarning: nobody starts them again/.test(machine.mosctl('ps').out));
  t.is(start(machine).status, 0);
  const { restarts } = machine.state();
  t.not(supervisor(), first);
  await until(
    t,
    'starts after the kill',
    () => Number(machine.state()['restarts']) > Number(restarts) || undefined,
  );
  t.deepEqual(machine.state()['lastEnd'], { code: 3 });
  t.is(machine.mosctl('stop', 'web').status, 0);
  await until(t, 'the end of the supervisor', () => supervisor() === '');
});

test('a service whose policy is no stays as it ended', async (t) => {
  const machine = await makeMachine(t, busybox('echo once; exit 4'), ', restart: "no"');
  t.is(start(machine).status, 0);
  const state = await until(t, 'its end', () => machine.state()['state'] === 'ended' && machine.state());
  t.like(state, { state: 'ended', restarts: 0, lastEnd: { code: 4 } });
  t.is(machine.mosctl('logs', 'web').out, 'once\n');
});

test('a persistent volume is kept and never larger than signed, another one is new at each start', async (t) => {
  const script = `echo x >>/srv/keep; cat /srv/keep | tr -d '\\n'; echo; ls /fresh; touch /fresh/old
dd if=/dev/zero of=/srv/big bs=1M count=32 2>&1 | grep -o 'No space.*'; rm /srv/big; stat -c '%A %u %g' /srv; ${untilTerm}`;
  const machine = await makeMachine(
    t,
    busybox(script),
    ', storage: [{ dest: /srv, label: keep }, { dest: /fresh, label: fresh }]',
    `storage:
  - { label: keep, persistent: true, nsgroup: web, size: 16M }
  - { label: fresh, persistent: false, nsgroup: web, size: 8M }
`,
  );
  const said = async () => {
    const { status, err } = start(machine);
    t.is(status, 0, err);
    return until(t, 'its words', () => {
      const { lines } = JSON.parse(machine.mosctl('logs', 'web', '--json').out);
      return lines.includes('ready') && lines;
    });
  };
  const rest = ['No space left on device', 'drwxr-xr-x 0 0', 'ready'];
  const [first, ...others] = await said();
  t.is(first, 'x');
  t.deepEqual(others, rest);
  t.like(machine.mosctl('volume', 'purge', 'keep'), {
    status: 10,
    err: 'mosctl: cannot remove the volume keep: a service has it\n  stop the services that use it first: mosctl volume ls\n',
  });
  t.is(machine.mosctl('stop', 'web').status, 0);
  t.is((await said())[0], 'xx');
  const { volumes } = JSON.parse(machine.mosctl('volume', 'ls', '--json').out);
  t.like(volumes, [
    { label: 'fresh', persistent: false, size: 8 * 1024 * 1024, services: ['web'] },
    { label: 'keep', persistent: true, size: 16 * 1024 * 1024, made: 16 * 1024 * 1024, services: ['web'] },
  ]);
  t.is(machine.mosctl('stop', 'web').status, 0);
  const { run } = await machinePaths(host, machine.root);
  t.deepEqual(
    (await host.mounts.table()).filter(({ target }) => target.startsWith(run)),
    [],
  );
  t.like(machine.mosctl('volume', 'purge', 'keep'), { status: 0, out: 'the volume keep is gone\n' });
  t.is((await said())[0], 'x');
});

const refused = test.macro(
  async (t, run: Readonly<Record<string, unknown>>, message: string, more?: string) => {
    const machine = await makeMachine(t, run, more);
    const { status, err } = start(machine);
    t.is(err, `mosctl: ${message}\n`);
    t.not(status, 0);
    const { run: folder } = await machinePaths(host, machine.root);
    t.deepEqual(
      (await host.mounts.table()).filter(({ target }) => target.startsWith(folder)),
      [],
    );
    t.deepEqual(JSON.parse(machine.mosctl('ps', '--json').out).services, []);
  },
);

test(
  'refused: a program that is not there',
  refused,
  { Entrypoint: ['/bin/nobody'] },
  'cannot start web: its image has no program /bin/nobody that can be run (No such file or directory)',
);
test(
  'refused: a program that is none',
  refused,
  { Entrypoint: ['/srv/page'] },
  'cannot start web: its image has no program /srv/page that can be run (Permission denied)',
);
test('refused: no program', refused, {}, 'cannot start web: its image has neither entrypoint nor command');
test(
  'refused: a user that is not there',
  refused,
  busybox('true', { User: 'www:web' }),
  'cannot start web: its image has no user "www"',
);
test(
  'refused: a variable with a line break',
  refused,
  busybox('true', { Env: ['A=1\n2'] }),
  'cannot start web: the variable "A" of its image has a control character\n  write such a value to a file of the image',
);
