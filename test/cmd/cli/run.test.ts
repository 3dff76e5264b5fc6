import test from 'ava';
import { command, type Program } from '../../../cmd/cli/command.ts';
import { root } from '../../../cmd/cli/common.ts';
import { run } from '../../../cmd/cli/run.ts';
import { MosError } from '../../../pkg/errors/index.ts';
import { linuxHost } from '../../../pkg/host/linux/index.ts';

const greet = command({
  name: 'greet',
  summary: 'Greet a machine',
  arguments: { ref: { kind: 'reference', value: 'REF', help: 'who' } },
  options: {
    root,
    pass: { kind: 'secret', value: 'WORD', help: 'a secret' },
    label: { kind: 'list', value: 'TEXT', help: 'labels' },
    atMost: { kind: 'integer', value: 'N', help: 'at most' },
    times: { kind: 'integer', value: 'N', help: 'how often' },
    fail: { kind: 'flag', help: 'fail' },
    bad: { kind: 'flag', help: 'bad news' },
  },
  async run({ args, options, report }) {
    report({ kind: 'step', name: 'say it', index: 0, count: 1 });
    if (options.fail)
      throw new MosError('untrusted', 'cannot greet', {
        hint: 'look away',
        cause: new Error('signed\nby nobody'),
      });
    return {
      ref: args.ref,
      root: options.root,
      pass: options.pass,
      labels: options.label,
      times: options.times,
      bad: options.bad,
    };
  },
  render: (value) => `hello ${value.ref.kind} ${value.root}`,
  failure: (value) => (value.bad ? new MosError('corrupt', 'cannot call it well') : undefined),
});
const program: Program = { name: 'mosctl', summary: 'An example.', groups: {}, commands: [greet] };

async function called(line: string, options: { columns?: number; signal?: AbortSignal } = {}) {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const exit = await run(linuxHost, program, line === '' ? [] : line.split(' '), {
    stdout: { write: (text) => void stdout.push(text) },
    stderr: { write: (text) => void stderr.push(text), columns: options.columns },
    readStdin: async () => '',
    cwd: '/w',
    signal: options.signal ?? new AbortController().signal,
    version: '1.2.3',
    builtAt: new Date(0),
  });
  return { exit, stdout: stdout.join(''), stderr: stderr.join('') };
}

test('a result is text on stdout, progress plain lines on stderr', async (t) => {
  t.deepEqual(await called('greet -r m oci:images:a'), {
    exit: 0,
    stdout: 'hello oci /w/m\n',
    stderr: '[1/1] say it\n',
  });
});

test('--json prints the value, a secret is hidden, and progress is silent', async (t) => {
  const { exit, stdout, stderr } = await called(
    '--json greet --pass x --label a --label b --times 3 zot:z:n:1',
  );
  t.deepEqual([exit, stderr], [0, '']);
  t.deepEqual(JSON.parse(stdout), {
    ref: { kind: 'zot', root: '/w/z', repository: 'n', name: '1' },
    root: '/',
    pass: '[secret]',
    labels: ['a', 'b'],
    times: 3,
    bad: false,
  });
});

test('a secret on the command line is warned about', async (t) => {
  t.is(
    (await called('greet --pass x oci:images:a')).stderr,
    'warning: other users of this machine can read --pass on a command line\n[1/1] say it\n',
  );
});

test('an error is one line and a hint, its code the exit code', async (t) => {
  t.deepEqual(await called('--quiet greet --fail oci:images:a'), {
    exit: 4,
    stdout: '',
    stderr: 'mosctl: cannot greet: signed by nobody\n  look away\n',
  });
});

test('with --json an error is an object on stderr and stdout stays empty', async (t) => {
  const { exit, stdout, stderr } = await called('greet --json --fail oci:images:a');
  t.deepEqual([exit, stdout], [4, '']);
  t.deepEqual(JSON.parse(stderr), {
    error: { code: 'untrusted', message: 'cannot greet: signed by nobody', hint: 'look away', exit: 4 },
  });
});

test('--debug shows the stacks', async (t) => {
  const { stderr } = await called('--debug greet --fail oci:images:a');
  t.regex(stderr, /MosError: cannot greet\n {4}at /);
  t.regex(stderr, /Error: signed\nby nobody\n {4}at /);
});

test('bad news is printed like a result and decides the exit code', async (t) => {
  t.deepEqual(await called('--quiet greet --bad oci:images:a'), {
    exit: 6,
    stdout: 'hello oci /\n',
    stderr: 'mosctl: cannot call it well\n',
  });
});

test('a signal stops at the next step with exit code 130', async (t) => {
  const stop = new AbortController();
  stop.abort(new MosError('interrupted', 'cannot finish: stopped by SIGTERM'));
  t.deepEqual(await called('--quiet greet oci:images:a', { signal: stop.signal }), {
    exit: 130,
    stdout: '',
    stderr: 'mosctl: cannot finish: stopped by SIGTERM\n',
  });
});

test('on a terminal the line of progress is gone before the result', async (t) => {
  t.deepEqual(await called('greet oci:images:a', { columns: 80 }), {
    exit: 0,
    stdout: 'hello oci /\n',
    stderr: '\r\x1b[K[1/1] say it\r\x1b[K',
  });
});

const mistaken = test.macro({
  async exec(t, line: string, message: string) {
    t.deepEqual(await called(line), { exit: 2, stdout: '', stderr: `mosctl: ${message}\n` });
  },
  title: (_, line) => `"${line}" is a usage error`,
});

test(
  mistaken,
  'gret',
  "cannot understand the command line: unknown command 'gret' (Did you mean greet?)\n  see mosctl --help",
);
test(
  mistaken,
  'greet',
  "cannot understand the command line: missing required argument 'REF'\n  see mosctl greet --help",
);
test(
  mistaken,
  'greet --wrong x',
  "cannot understand the command line: unknown option '--wrong'\n  see mosctl greet --help",
);
test(mistaken, 'greet --at-most 1e9 oci:a:b', 'cannot use "1e9" as --at-most: it must be a whole number');
test(
  mistaken,
  'greet nonsense',
  'cannot use "nonsense" as a reference: it must begin with the registry, as in host:port/name:tag\n  forms: host[:port]/name:tag, host/name@sha256:…, oci:DIR:TAG, zot:ROOT:name:tag',
);

test('no command prints the help on stderr', async (t) => {
  const { exit, stdout, stderr } = await called('');
  t.deepEqual([exit, stdout], [2, '']);
  t.regex(stderr, /^Usage: mosctl/);
});

test('--version is answered wherever it stands', async (t) => {
  t.deepEqual(await called('greet --version'), { exit: 0, stdout: '1.2.3\n', stderr: '' });
});

test('the help names every spelling of an option', async (t) => {
  const { exit, stdout } = await called('greet --help');
  t.is(exit, 0);
  t.regex(stdout, /-r, --root, --rfs <DIR>/);
});

test('with --json the version, the help, and a missing command are objects', async (t) => {
  const { stdout, ...version } = await called('--json --version');
  t.deepEqual([JSON.parse(stdout), version], [{ version: '1.2.3' }, { exit: 0, stderr: '' }]);
  const help = await called('--json greet --help');
  t.regex(JSON.parse(help.stdout).help, /^Usage: mosctl greet/);
  const none = await called('--json');
  t.deepEqual([none.exit, none.stdout], [2, '']);
  t.deepEqual(JSON.parse(none.stderr).error, {
    code: 'usage',
    message: 'cannot understand the command line: it names no command',
    hint: 'see mosctl --help',
    exit: 2,
  });
});

test('"help" is what was asked for: on stdout, and well done', async (t) => {
  const { exit, stdout, stderr } = await called('help');
  t.deepEqual([exit, stderr], [0, '']);
  t.regex(stdout, /^Usage: mosctl/);
  t.regex((await called('help greet')).stdout, /^Usage: mosctl greet/);
  const unknown = 'mosctl: cannot help with "nothing": there is no such command\n  see mosctl --help\n';
  t.deepEqual(await called('help nothing'), { exit: 2, stdout: '', stderr: unknown });
});
