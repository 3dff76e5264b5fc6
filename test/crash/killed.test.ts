import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { machinePaths } from '../../pkg/system/index.ts';
import { checkAgain, checkCompleted, checkStopped, expectedOf, makeCopy, removeCopy } from './checks.ts';
import { makeOperation, type OperationName, operationNames, workFolder } from './operations.ts';
import { chosenPoints, forEachPoint } from './points.ts';

// Campaign 2: the released executable and its children are killed before their n-th system call that changes something.

const executable = resolve('build/mosctl');

type Ended = {
  readonly exit: number;
  readonly output: string;
  readonly calls: number;
  readonly killed: string;
};

/** `mosctl` with the words until its n-th such call; 0 lets it end. */
async function runUntil(stopAt: string, n: number, root: string, words: readonly string[]): Promise<Ended> {
  const { run } = await machinePaths(linuxHost, root);
  const report = `${root}.report`;
  const command = [executable, '--quiet', '--json', ...words, '--root', root];
  const ended = await started(stopAt, [String(n), `${root}:${run}`, report, '--', ...command]);
  const [calls, killed = ''] = readFileSync(report, 'utf8').trim().split(' ');
  await rm(report);
  return { ...ended, calls: Number(calls), killed };
}

const started = (program: string, words: readonly string[]): Promise<{ exit: number; output: string }> =>
  new Promise((done) => {
    const options = { cwd: '/', env: { PATH: process.env.PATH } };
    const child = execFile(program, words, options, (_, stdout, stderr) =>
      done({ exit: child.exitCode ?? -1, output: stdout + stderr }),
    );
  });

const campaign = test.macro(async (t: ExecutionContext, name: OperationName) => {
  t.true(existsSync(executable), 'make build/mosctl comes first');
  const operation = await makeOperation(t, name);
  const folder = await workFolder(t);
  const stopAt = join(folder, 'stop-at');
  execFileSync('gcc', ['-O2', '-o', stopAt, 'test/crash/stop-at.c']);
  const counted: Ended[] = [];
  const expected = await expectedOf(t, operation, join(folder, 'undisturbed'), async (root) => {
    counted.push(await runUntil(stopAt, 0, root, operation.words));
    return counted[0] ?? { exit: -1 };
  });
  const count = counted[0]?.calls ?? 0;
  const kinds = new Set<string>();
  const tryPoint = async (n: number): Promise<void> => {
    const root = join(folder, `stop-${n}`);
    await makeCopy(t, operation, root);
    const { exit, killed, output } = await runUntil(stopAt, n, root, operation.words);
    const what = `${name} killed before call ${n} (${killed})`;
    t.is(exit, killed === '-' ? 0 : 137, `${what}: ${output}`);
    // Threads and the ids of commits move the number of calls a little.
    if (killed === '-') t.true(n > count * 0.9, `${what}: it was not reached`);
    else kinds.add(killed);
    await checkStopped(t, operation, expected, root, { what, boots: !operation.mounts || n % 2 === 0 });
    const again = await started(executable, ['--quiet', ...operation.words, '--root', root]);
    checkAgain(t, operation, again, { what, isDone: killed === '-' });
    await checkCompleted(t, expected, root, what);
    await removeCopy(root);
  };
  const points = chosenPoints(count);
  await forEachPoint(points, tryPoint);
  t.log(`killed before a system call: ${name}: ${points.length} of ${count} points`);
  t.log(`calls: ${[...kinds].sort().join(', ')}`);
});

for (const name of operationNames) test(`${name}, killed with its children`, campaign, name);
