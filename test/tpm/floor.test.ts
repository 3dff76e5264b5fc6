import test from 'ava';
import { lockState, requireFloor } from '../../pkg/state/index.ts';
import { type Accepted, requireNotOlder } from '../../pkg/system/accept.ts';
import { machineFloor, raiseMachineFloor } from '../../pkg/system/floor.ts';
import { countFloor, readFloorCounter } from '../../pkg/system/tpm/floor.ts';
import { refused } from '../helpers/attacks.ts';
import { makeFloorMachine } from '../helpers/floor-machine.ts';

test('the counter of the TPM keeps the floor when the files of an older state come back', async (t) => {
  const made = await makeFloorMachine(t);
  const { host, machine, folder, key } = made;
  const { state } = machine;
  t.deepEqual(await machineFloor(host, machine), { value: 0, kept: 'file' });
  await made.provision();
  t.deepEqual(await machineFloor(host, machine), { value: 0, kept: 'TPM' });
  {
    await using lock = await lockState(host, state, { owner: 'test', wait: 0 });
    await raiseMachineFloor(host, machine, lock, { number: 1, securityVersion: 3 });
    await raiseMachineFloor(host, machine, lock, { number: 2, securityVersion: 2 });
  }
  t.deepEqual(await machineFloor(host, machine), { value: 3, kept: 'TPM' });

  await host.files.removeTree(state.records);
  const floor = await machineFloor(host, machine);
  t.deepEqual(floor, { value: 3, kept: 'TPM' });
  const below = t.throws(() => requireFloor(floor.value, 'generation 1', 2), { code: 'downgrade' });
  refused(
    t,
    'manifest older than the floor, state files restored from an old copy',
    'the floor of /config is removed; the counter of the TPM stays',
    String(below?.message),
    /^cannot use generation 1: its security version is 2, this machine requires 3$/,
  );
  const elsewhere = { ...machine, paths: { ...machine.paths, root: folder } };
  t.deepEqual(await machineFloor(host, elsewhere), { value: 0, kept: 'file' });

  // Without the identity key nobody counts, and nobody counts without end.
  await t.throwsAsync(
    countFloor(host, 4, async () => Buffer.from('guessed')),
    { code: 'denied', message: 'cannot raise 0x1500050: the TPM refuses (wrong password, 0x9a2)' },
  );
  await t.throwsAsync(
    countFloor(host, 1_000_000, () => host.files.read(key)),
    { code: 'unsupported' },
  );
  t.is((await readFloorCounter(host))?.steps, 3);
});

test('a security version that the TPM could not count up to is refused before anything is fetched', async (t) => {
  const made = await makeFloorMachine(t);
  const { host, machine } = made;
  const take = (security_version: number) => {
    const verified = { manifest: { release: 1, security_version } };
    return requireNotOlder(host, machine, {
      shown: 'host/web:1',
      sha: 'sha',
      verified,
    } as unknown as Accepted);
  };
  await t.notThrowsAsync(take(20261127), 'no TPM counts');
  await made.provision();
  await t.notThrowsAsync(take(1000));
  await t.throwsAsync(take(20261127), {
    code: 'unsupported',
    message:
      'cannot use host/web:1: its security version is 20261127, the TPM of this machine counts from 0 to at most 1000 at once',
  });
  {
    await using lock = await lockState(host, machine.state, { owner: 'test', wait: 0 });
    await raiseMachineFloor(host, machine, lock, { number: 1, securityVersion: 2 });
  }
  await t.notThrowsAsync(take(1002));
  await t.throwsAsync(take(1003), { code: 'unsupported' });
});
