import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { spread } from '../helpers/disk-states.ts';
import { memoryFolder } from '../helpers/folders.ts';
import { loopDisk } from '../helpers/loop-disk.ts';
import { checkEsp, mebibytes, publishMachine, unmountAll } from './disk-machine.ts';
import { chosenPoints } from './points.ts';

// An install on a disk, killed before its n-th system call that changes something, and run again.

test('an install on a disk, killed with its children, ends when it is run again', async (t) => {
  const { ca, reference } = await publishMachine(t);
  const folder = await memoryFolder(t, 'disk');
  t.teardown(unmountAll);
  const stopAt = join(folder, 'stop-at');
  execFileSync('gcc', ['-O2', '-o', stopAt, 'test/crash/stop-at.c']);
  /** Runs it until its n-th such call, 0 lets it end; then again, to its end. */
  const attempt = async (n: number): Promise<{ calls: number; call: string }> => {
    const [esp, report] = [join(folder, `esp-${n}`), join(folder, 'report')];
    mkdirSync(esp);
    const disk = loopDisk(join(folder, `disk-${n}`), mebibytes);
    try {
      const install = ['test/crash/install-program.ts', disk.node, ca, reference, esp];
      const prefixes = [disk.node, esp, '/run/mos/'].join(':');
      const first = spawnSync(stopAt, [`${n}`, prefixes, report, '--', process.execPath, ...install]);
      const [calls, call = '-'] = readFileSync(report, 'utf8').trim().split(' ');
      const what = `killed before call ${n} (${call})`;
      t.is(first.status, call === '-' ? 0 : 137, `${what}: ${first.stderr}`);
      await unmountAll();
      const second = spawnSync(process.execPath, install);
      // One that had ended, and was killed in its last breath, says that there is an installation.
      t.true(
        second.status === 0 || /there is an installation/.test(`${second.stderr}`),
        `${what}: ${second.stderr}`,
      );
      checkEsp(t, esp, what);
      for (const number of [2, 3, 4])
        execFileSync('e2fsck', ['-fn', `${disk.node}p${number}`], { stdio: 'ignore' });
      return { calls: Number(calls), call };
    } finally {
      await unmountAll();
      disk.detach();
      rmSync(join(folder, `disk-${n}`));
    }
  };
  const { calls } = await attempt(0);
  // All of them, four seconds each, would take three hours.
  const points = spread(chosenPoints(calls), 300);
  const kinds = new Set<string>();
  let late = 0;
  for (const n of points) {
    const { call } = await attempt(n);
    if (call === '-') late++;
    else kinds.add(call);
  }
  // How often the kernel is asked again while a device is busy differs from run to run: some come after the end.
  t.true(late <= points.length / 2, `${late} of ${points.length} were not reached`);
  t.log(`killed before a system call: install on a disk: ${points.length - late} of ${calls} points`);
  t.log(`calls: ${[...kinds].sort().join(', ')}`);
});
