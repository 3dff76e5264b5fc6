import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { machinePaths } from '../../pkg/system/index.ts';
import { ForgetfulHost, type Survives, worlds } from '../helpers/forgetful-host.ts';
import {
  checkAgain,
  checkCompleted,
  checkStopped,
  expectedOf,
  makeCopy,
  removeCopy,
  runHere,
  unmountAll,
} from './checks.ts';
import { makeOperations, type Operation, operationNames, workFolder } from './operations.ts';
import { chosenPoints, forEachPoint } from './points.ts';

// Campaign 3: the power goes before the n-th mutation, and with it what was not synced, all mounts and the runtime folder.

const campaign = test.macro(async (t: ExecutionContext, name: string, survives: Survives) => {
  const operation = (await makeOperations(t))[name] as Operation;
  const folder = await workFolder(t);
  const forgetfulOf = async (n: number): Promise<ForgetfulHost> => {
    const stash = join(folder, `stash-${n}`);
    await mkdir(stash, { recursive: true });
    return new ForgetfulHost(linuxHost, stash, n, folder);
  };
  const counting = await forgetfulOf(Number.POSITIVE_INFINITY);
  const expected = await expectedOf(t, operation, join(folder, 'undisturbed'), (root) =>
    runHere(root, operation.words, counting.host),
  );
  // The last point is after the end: what was reported done must outlast the cut.
  const points = chosenPoints(counting.count + 1, 0.5);
  await forEachPoint(points, async (n) => {
    const root = join(folder, `stop-${n}`);
    await makeCopy(t, operation, root);
    const { run } = await machinePaths(linuxHost, root);
    const forgetful = await forgetfulOf(n);
    const { exit } = await runHere(root, operation.words, forgetful.host);
    const isDone = !forgetful.crashed;
    const what = `${name}, power cut before mutation ${n} of ${counting.count}, ${survives} survives`;
    t.is(exit === 0, isDone, what);
    await unmountAll(root, run);
    await forgetful.powerCut(survives);
    await rm(run, { recursive: true, force: true });
    await checkStopped(t, operation, isDone ? { ...expected, before: expected.after } : expected, root, {
      what,
      boots: true,
    });
    const again = await runHere(root, operation.words);
    checkAgain(t, operation, { exit: again.exit, output: again.stderr }, { what, isDone });
    await checkCompleted(t, expected, root, what);
    await removeCopy(root);
    await rm(join(folder, `stash-${n}`), { recursive: true });
  });
  t.log(`power cut, ${survives} survives: ${name}: ${points.length} of ${counting.count + 1} points`);
});

for (const name of operationNames)
  for (const survives of worlds) test(`${name}, power cut, ${survives} survives`, campaign, name, survives);
