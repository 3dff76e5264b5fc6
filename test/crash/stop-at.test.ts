import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { workFolder } from './operations.ts';

// The tool that kills: what it counts, and that nothing survives it.

async function prepared(t: ExecutionContext) {
  const folder = await workFolder(t);
  const stopAt = join(folder, 'stop-at');
  execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', stopAt, 'test/crash/stop-at.c']);
  const run = (n: number, script: string) => {
    const report = join(folder, 'report');
    const words = [String(n), `${folder}/:/nowhere/`, report, '--', 'sh', '-c', script];
    const { status } = spawnSync(stopAt, words, { cwd: folder, stdio: 'ignore' });
    return { status, report: readFileSync(report, 'utf8').trim() };
  };
  return { folder, run };
}

test('calls of children that change something are counted, others are not', async (t) => {
  const { folder, run } = await prepared(t);
  const script =
    'mkdir d; echo x > d/f; cat d/f > /dev/null; mv d/f d/g; chmod 600 d/g; rm d/g; rmdir d; exit 7';
  const names = ['mkdir', 'openat', 'write', 'renameat2', 'fchmodat', 'unlinkat', 'rmdir'];
  t.deepEqual(run(0, script), { status: 7, report: '8 -' }, 'one more: the shell opens /dev/null to write');
  const killed = Array.from({ length: 8 }, (_, index) => {
    const { status, report } = run(index + 1, script);
    t.is(status, 137);
    rmSync(join(folder, 'd'), { recursive: true, force: true });
    return report;
  });
  t.deepEqual(
    killed.map((report) => report.split(' ')[1]),
    [...names.slice(0, 3), 'openat', ...names.slice(3)],
  );
});

test('the call it kills before does not happen, and no child survives', async (t) => {
  const { folder, run } = await prepared(t);
  t.deepEqual(run(3, 'sleep 1000 & echo $! > child; mkdir d; touch late'), {
    status: 137,
    report: '3 mkdir',
  });
  t.deepEqual(readdirSync(folder).sort(), ['child', 'report', 'stop-at']);
  t.false(existsSync(`/proc/${readFileSync(join(folder, 'child'), 'utf8').trim()}`));
});
