import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { countingHost, crashingHost } from '../helpers/counting-host.ts';
import {
  checkAgain,
  checkCompleted,
  checkStopped,
  expectedOf,
  makeCopy,
  removeCopy,
  runHere,
} from './checks.ts';
import { makeOperation, type OperationName, operationNames, workFolder } from './operations.ts';
import { chosenPoints, forEachPoint } from './points.ts';

// Campaign 1: the host stops before its n-th mutation, and nothing of the process reaches the machine afterwards.

const campaign = test.macro(async (t: ExecutionContext, name: OperationName) => {
  const operation = await makeOperation(t, name);
  const folder = await workFolder(t);
  const { host, names } = countingHost(linuxHost);
  const expected = await expectedOf(t, operation, join(folder, 'undisturbed'), (root) =>
    runHere(root, operation.words, host),
  );
  const points = chosenPoints(names.length);
  await forEachPoint(points, async (n) => {
    const root = join(folder, `stop-${n}`);
    await makeCopy(t, operation, root);
    const crashing = crashingHost(linuxHost, n);
    const { exit } = await runHere(root, operation.words, crashing.host);
    const what = `${name} stopped before mutation ${n} (${names[n - 1]})`;
    // Ids of commits decide how many folders of objects are synced: the count may be one or two less.
    t.is(exit === 0, !crashing.crashed(), what);
    if (!crashing.crashed()) t.true(n > names.length - 6, `${what}: it was not reached`);
    // What mounts, cleans up after itself at the next mount: every other time that is the command itself.
    await checkStopped(t, operation, expected, root, { what, boots: !operation.mounts || n % 2 === 0 });
    const again = await runHere(root, operation.words);
    checkAgain(t, operation, { exit: again.exit, output: again.stderr }, { what, isDone: exit === 0 });
    await checkCompleted(t, expected, root, what);
    await removeCopy(root);
  });
  t.log(`stopped before a mutation: ${name}: ${points.length} of ${names.length} points`);
});

for (const name of operationNames) test(`${name}, stopped in the process`, campaign, name);
