import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { lockState, openState, requireFloor } from '../../pkg/state/index.ts';
import { machineFloor, raiseMachineFloor } from '../../pkg/system/floor.ts';
import { machinePaths } from '../../pkg/system/paths.ts';
import { raiseCountedFloor, readCountedFloor } from '../../pkg/system/tpm/floor.ts';
import { provision } from '../../pkg/system/tpm/index.ts';
import { addKeyset, addPcr7Data, addSudi } from '../../pkg/trust/index.ts';
import { refused } from '../helpers/attacks.ts';
import { hostWithTpm, softwareTpm } from '../helpers/tpm.ts';

test('the counter of the TPM keeps the floor when the files of an older state come back', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mos-floor-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const tpm = await softwareTpm(t);
  const keys = { folder: join(folder, 'keys') };
  await addKeyset(linuxHost, 'acme', keys);
  const { path } = await addSudi(linuxHost, 'acme', 'default', 'SN0001', keys);
  const zero = join(folder, 'zero');
  writeFileSync(zero, Buffer.alloc(32));
  await addPcr7Data(linuxHost, 'acme', { ...keys, pcr7: { production: zero, limited: zero, tpm: zero } });
  const key = join(path, 'privkey.pem');
  const real = hostWithTpm(tpm);
  /** The machine's own key lies where its initrd puts it. */
  const host: Host = {
    ...real,
    files: {
      ...real.files,
      read: (name) => real.files.read(name === '/factory/secure/server.key' ? key : name),
    },
  };
  const state = openState(join(folder, 'config'));
  const machine = { paths: { ...(await machinePaths(host, '/')), config: state.folder }, state };
  t.deepEqual(await machineFloor(host, machine), { value: 0, kept: 'file' });
  await provision(
    host,
    {
      ...{ certificate: join(path, 'cert.pem'), key, policies: join(keys.folder, 'acme/pcr7data') },
      ...{ ca: join(keys.folder, 'acme/sudi-ca/cert.pem'), time: { now: new Date(), builtAt: new Date(0) } },
    },
    () => {},
  );
  t.deepEqual(await machineFloor(host, machine), { value: 0, kept: 'TPM' });
  {
    await using lock = await lockState(host, state, { owner: 'test', wait: 0 });
    await raiseMachineFloor(host, machine, lock, 3);
    await raiseMachineFloor(host, machine, lock, 2);
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
    raiseCountedFloor(host, 4, async () => Buffer.from('guessed')),
    { code: 'denied', message: 'cannot raise 0x1500050: the TPM refuses (wrong password, 0x9a2)' },
  );
  await t.throwsAsync(
    raiseCountedFloor(host, 1_000_000, () => host.files.read(key)),
    { code: 'unsupported' },
  );
  t.is(await readCountedFloor(host), 3);
});
