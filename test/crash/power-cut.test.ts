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
import { makeOperation, type OperationName, operationNames, workFolder } from './operations.ts';
import { chosenPoints, forEachPoint } from './points.ts';

// Campaign 3: the power goes before the n-th mutation, and with it what was not synced, all mounts and the runtime folder.

const campaign = test.macro(async (t: ExecutionContext, name: OperationName) => {
  const operation = await makeOperation(t, name);
  const folder = await workFolder(t);
  const forgetfulAt = async (point: string, n: number): Promise<ForgetfulHost> => {
    const stash = join(folder, `stash-${point}`);
    await mkdir(stash);
    return new ForgetfulHost(linuxHost, stash, n, folder);
  };
  const counting = await forgetfulAt('none', Number.POSITIVE_INFINITY);
  const expected = await expectedOf(t, operation, join(folder, 'undisturbed'), (root) =>
    runHere(root, operation.words, counting.host),
  );
  const tryPoint = async (survives: Survives, n: number): Promise<void> => {
    const root = join(folder, `stop-${n}`);
    await makeCopy(t, operation, root);
    const { run } = await machinePaths(linuxHost, root);
    const forgetful = await forgetfulAt(`${n}-${survives}`, n);
    const { exit } = await runHere(root, operation.words, forgetful.host);
    const isDone = !forgetful.crashed;
    const what = `${name}, power cut before mutation ${n} of ${counting.count}, ${survives} survives`;
    t.is(exit === 0, isDone, what);
    await unmountAll(root, run);
    await forgetful.powerCut(survives);
    await rm(run, { recursive: true, force: true });
    if (operation.isBoot) await operation.prepare?.(root);
    const possible = isDone ? { ...expected, before: expected.after } : expected;
    await checkStopped(t, operation, possible, root, { what, boots: true });
    const again = await runHere(root, operation.words);
    checkAgain(t, operation, { exit: again.exit, output: again.stderr }, { what, isDone });
    await checkCompleted(t, expected, root, what);
    await removeCopy(root);
    await rm(join(folder, `stash-${n}-${survives}`), { recursive: true });
  };
  // The last point is after the end: what was reported done must outlast the cut.
  const count = counting.count + 1;
  for (const survives of worlds) {
    const points = chosenPoints(count, 0.5);
    await forEachPoint(points, (n) => tryPoint(survives, n));
    t.log(`power cut, ${survives} survives: ${name}: ${points.length} of ${count} points`);
  }
});

for (const name of operationNames) test(`${name}, power cut`, campaign, name);
