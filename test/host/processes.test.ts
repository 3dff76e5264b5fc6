import test from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';

const { query } = linuxHost.processes;
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

async function* pieces(count: number, size = 1024 * 1024): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) yield new Uint8Array(size).fill(i);
}

test('a program that fails says why, and one that is missing is named', async (t) => {
  await t.throwsAsync(query(['sh', '-c', 'echo broken >&2; exit 3']), {
    message: 'cannot finish sh: exit code 3: broken',
  });
  await t.throwsAsync(query(['sh', '-c', 'kill -9 $$']), { message: 'cannot finish sh: ended by SIGKILL' });
  await t.throwsAsync(query(['no-such-program-here']), {
    message: 'cannot run no-such-program-here: it is not installed',
  });
});

test('an answer is its output, the end of its errors, and an exit code that was expected', async (t) => {
  const { stdout, stderr, exitCode } = await query(
    ['sh', '-c', 'cat; head -c 100000 /dev/zero | tr "\\0" x >&2; echo end >&2; exit 4'],
    { input: 'text', accept: [4] },
  );
  t.deepEqual([textOf(stdout), stderr.length, stderr.endsWith('xxxend'), exitCode], ['text', 1023, true, 4]);
});

test('nothing of our environment is inherited', async (t) => {
  const { stdout } = await query(['env'], { env: { MARK: '1' } });
  t.deepEqual(textOf(stdout).trim().split('\n').sort(), [
    'LC_ALL=C',
    'MARK=1',
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  ]);
});

test('input comes in pieces, as fast as it is read; who does not want all of it is not forced', async (t) => {
  const { stdout } = await query(['wc', '-c'], { input: pieces(20) });
  t.is(textOf(stdout).trim(), String(20 * 1024 * 1024));
  const first = await query(['head', '-c', '1'], { input: pieces(1000) });
  t.deepEqual([...first.stdout], [0]);
  await t.throwsAsync(query(['false'], { input: pieces(1000) }), {
    message: 'cannot finish false: exit code 1',
  });
});

test('input that fails ends the program, and is the reason', async (t) => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield* pieces(3);
    throw new Error('the archive is damaged');
  }
  await t.throwsAsync(query(['cat'], { input: broken() }), { message: 'the archive is damaged' });
});

test('a time limit of 0 is none', async (t) => {
  t.is((await query(['sleep', '0.2'], { timeout: 0 })).exitCode, 0);
});

test('a program whose time is over is not waited for, whatever it left running', async (t) => {
  const late = { message: 'cannot finish sh: it took too long' };
  const started = Date.now();
  await t.throwsAsync(query(['sh', '-c', 'sleep 4; true'], { timeout: 50 }), late);
  await t.throwsAsync(query(['sh', '-c', 'sleep 4 & exit 0'], { timeout: 50 }), late);
  t.true(Date.now() - started < 3000);
});

test('a program ends when its time is over or somebody cancels', async (t) => {
  await t.throwsAsync(query(['sleep', '60'], { timeout: 50 }), {
    message: 'cannot finish sleep: it took too long',
  });
  const stop = new AbortController();
  const cancelled = query(['sleep', '60'], { signal: stop.signal });
  stop.abort();
  await t.throwsAsync(cancelled, { message: 'cannot finish sleep: it was cancelled' });
  await t.throwsAsync(query(['sleep', '60'], { signal: stop.signal }), {
    message: 'cannot finish sleep: it was cancelled',
  });
});
