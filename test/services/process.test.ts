import test from 'ava';
import { type ImageProcess, requireIds, resolveProcess } from '../../pkg/lxc/index.ts';

const accounts = {
  passwd:
    'root:x:0:0:root:/root:/bin/sh\nweb:x:33:34:Web:/srv:/bin/sh\nbroken line\n7:x:90:91::/seven:/bin/sh\n',
  group: 'root:x:0:\nweb:x:34:\nlogs:x:40:web,other\nall:x:41:web\n',
};
const image: ImageProcess = { Entrypoint: ['/bin/web'], Cmd: ['-v'] };
const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const resolve = (more: ImageProcess = {}, extra: Record<string, string> = {}) =>
  resolveProcess('web', { ...image, ...more }, accounts, extra);

test('an image that says nothing else runs as root', (t) => {
  t.deepEqual(resolve(), {
    argv: ['/bin/web', '-v'],
    environment: [
      ['PATH', usualPath],
      ['HOME', '/root'],
    ],
    uid: 0,
    gid: 0,
    groups: [],
    cwd: '/',
    stopSignal: 'SIGTERM',
  });
});

test('the environment of the manifest wins over that of the image, and both over ours', (t) => {
  const { environment } = resolve({ Env: ['PATH=/bin', 'A=1=2', 'B', 'C= "x" '] }, { A: 'new', D: '' });
  t.deepEqual(environment, [
    ['PATH', '/bin'],
    ['HOME', '/root'],
    ['A', 'new'],
    ['B', ''],
    ['C', ' "x" '],
    ['D', ''],
  ]);
});

const user = test.macro(
  (t, text: string, ids: readonly [number, number, readonly number[]], home: string) => {
    const { uid, gid, groups, environment } = resolve({ User: text });
    t.deepEqual([uid, gid, groups], [...ids]);
    t.is(new Map(environment).get('HOME'), home);
  },
);
test('a name', user, 'web', [33, 34, [40, 41]], '/srv');
test('an id with an account', user, '33', [33, 34, [40, 41]], '/srv');
test('an id without one', user, '4000', [4000, 0, []], '/');
test('a name and a group', user, 'web:logs', [33, 40, []], '/srv');
test('two ids', user, '5:6', [5, 6, []], '/');
test('a name that looks like an id is a name', user, '7', [90, 91, []], '/seven');
test('a group alone', user, ':logs', [0, 40, []], '/root');

const refused = test.macro((t, more: ImageProcess, message: string) => {
  t.throws(() => resolve(more), { code: 'invalid', message: `cannot start web: ${message}` });
});
test(
  'refused: nothing to run',
  refused,
  { Entrypoint: null, Cmd: [] },
  'its image has neither entrypoint nor command',
);
test('refused: an unknown user', refused, { User: 'www' }, 'its image has no user "www"');
test('refused: an unknown group', refused, { User: 'web:www' }, 'its image has no group "www"');
test('refused: too many colons', refused, { User: 'a:b:c' }, 'its image has no user "a:b:c"');
test('refused: an id that is none', refused, { User: '4294967295' }, 'its image has no user "4294967295"');
test(
  'refused: a variable with a line break',
  refused,
  { Env: ['A=1\nlxc.cap.keep = sys_admin'] },
  'the variable "A" of its image has a control character',
);
test(
  'refused: a working directory that is none',
  refused,
  { WorkingDir: 'srv' },
  'its image has the working directory "srv"',
);
test(
  'refused: a signal that is none',
  refused,
  { StopSignal: 'SIG TERM' },
  'its image has the stop signal "SIG TERM"',
);

for (const StopSignal of ['SIGFOO', 'SIGRTMIN+31', 'RTMIN', '0', '65', 'SIG'])
  test(
    `refused: the signal ${StopSignal}`,
    refused,
    { StopSignal },
    `its image has the stop signal "${StopSignal}"`,
  );
test(
  'refused: a variable without a name',
  refused,
  { Env: ['=1'] },
  'its image has a variable with the name ""',
);
test(
  'refused: a program without a name',
  refused,
  { Entrypoint: [''] },
  'its image has neither entrypoint nor command',
);

const misshapen = test.macro((t, more: object, wrong: string) => {
  t.throws(() => resolve(more), {
    code: 'invalid',
    message: `cannot start web: its image has a wrong ${wrong}`,
  });
});
test('refused: text in place of a list', misshapen, { Entrypoint: '/bin/sh' }, 'Entrypoint');
test('refused: numbers', misshapen, { Cmd: [1], User: 33 }, 'Cmd, User');
test('refused: a NUL', misshapen, { Cmd: ['a\0b'], Env: ['A=\0'] }, 'Cmd, Env');
test('refused: an object', misshapen, { Env: { A: '1' }, StopSignal: {} }, 'Env, StopSignal');

test('ids that a service does not have are refused: on the host they are those of others', (t) => {
  t.notThrows(() => requireIds('web', resolve({ User: '65535:65535' }), 65536));
  for (const User of ['65536', 'web:65536'])
    t.throws(() => requireIds('web', resolve({ User }), 65536), {
      code: 'invalid',
      message: 'cannot start web: its image runs as 65536, and it has 65536 ids',
    });
});

test('signals in all their forms', (t) => {
  const forms = ['SIGQUIT', 'quit', '3', 'SIGRTMIN+3', 'RTMAX-1', 'SIGUSR1'];
  t.deepEqual(
    forms.map((StopSignal) => resolve({ StopSignal }).stopSignal),
    ['SIGQUIT', 'SIGQUIT', '3', 'SIGRTMIN+3', 'SIGRTMAX-1', 'SIGUSR1'],
  );
});
