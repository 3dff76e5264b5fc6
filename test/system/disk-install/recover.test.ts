import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  giveRecoveryKey,
  keyFits,
  keySlots,
  makeEncrypted,
  type PartitionRole,
  parseRecoveryKey,
} from '../../../pkg/disk/index.ts';
import { Secret } from '../../../pkg/errors/index.ts';
import type { Host } from '../../../pkg/host/index.ts';
import { passphraseForInstall, recover } from '../../../pkg/system/index.ts';
import { Crash, crashingHost } from '../../helpers/counting-host.ts';
import { memoryFolder } from '../../helpers/folders.ts';
import { addHardDisk, hardwareIn } from '../../helpers/hardware.ts';

// The disk of a machine, without a machine: its passphrase in memory, and a TPM that is lost.

const [ofTpm, ofNewTpm] = [new Secret('t'.repeat(40)), new Secret('n'.repeat(40))];
const key = new Secret('ABCDE-'.repeat(8).slice(0, -1));
const wrong = new Secret('ABCDE-'.repeat(7).concat('ABCDF'));
const roles = ['esp', 'machine-config', 'machine-scratch', 'machine-store'] as const;
const encrypted = [2, 3, 4];

async function machine(t: ExecutionContext): Promise<{ host: Host; folder: string }> {
  const folder = await memoryFolder(t);
  const host = hardwareIn(folder);
  addHardDisk(folder, 'vda', roles.map((role: PartitionRole) => ({ role, mebibytes: 20 })), 'A'); // biome-ignore format: one line
  for (const number of encrypted) {
    await makeEncrypted(host, `/dev/vda${number}`, roles[number - 1] ?? '', ofTpm);
    await giveRecoveryKey(host, `/dev/vda${number}`, ofTpm, parseRecoveryKey(key.reveal()));
  }
  return { host, folder };
}

const fits = (host: Host, passphrase: Secret) =>
  Promise.all(encrypted.map((number) => keyFits(host, `/dev/vda${number}`, keySlots.tpm, passphrase)));

test('a disk is given to another TPM by its recovery key, wherever that is stopped', async (t) => {
  const { host, folder } = await machine(t);
  const give = (how: Host, one: Secret = key) => recover(how, { disk: '/dev/disk/by-vda', key: one });
  await t.throwsAsync(give(host), {
    code: 'state',
    message: 'cannot recover /dev/disk/by-vda: this machine has no passphrase for disks in memory',
  });
  mkdirSync(dirname(join(folder, passphraseForInstall)), { recursive: true });
  writeFileSync(join(folder, passphraseForInstall), ofNewTpm.reveal());
  await t.throwsAsync(give(host, new Secret('ABCDE')), { code: 'invalid', message: /has 5 letters and digits of 40/ }); // biome-ignore format: one line
  await t.throwsAsync(give(host, wrong), {
    code: 'denied',
    message: 'cannot recover machine-config (/dev/vda2): the recovery key does not fit',
  });
  t.deepEqual(await fits(host, ofTpm), [true, true, true], 'nothing was changed');
  // The calls before are trials; then two replace a key, and each run has less to do.
  for (const n of [8, 9, 8])
    await t.throwsAsync(give(crashingHost(host, n).host), { instanceOf: Crash }, String(n));
  const { disk, partitions } = await give(host);
  t.is(disk, '/dev/vda');
  t.is(partitions.map(({ role }) => role).join(), 'machine-config,machine-store,machine-scratch');
  t.deepEqual(await fits(host, ofNewTpm), [true, true, true]);
  t.deepEqual(await fits(host, ofTpm), [false, false, false]);
  t.deepEqual((await give(host)).partitions.map(({ given }) => given), [false, false, false]); // biome-ignore format: one line
});
