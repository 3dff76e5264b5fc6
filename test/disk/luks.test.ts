import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  giveRecoveryKey,
  isEncrypted,
  keyFits,
  keySlots,
  makeEncrypted,
  openEncrypted,
  replaceKey,
} from '../../pkg/disk/index.ts';
import { Secret } from '../../pkg/errors/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { Crash, crashingHost } from '../helpers/counting-host.ts';
import { memoryFolder } from '../helpers/folders.ts';
import { withLoopsAsMapper } from '../helpers/loop-disk.ts';

// Headers and keys need no device-mapper: a file is the device.

const secret = (word: string) => new Secret(word.padEnd(40, '.'));
const [passphrase, recovery, another] = [secret('tpm'), secret('recovery'), secret('another')];
const fits = (device: string, slot: 'tpm' | 'recovery', key: Secret) =>
  keyFits(linuxHost, device, keySlots[slot], key);

async function encrypted(t: ExecutionContext): Promise<string> {
  const device = join(await memoryFolder(t), 'device');
  writeFileSync(device, '');
  truncateSync(device, 32 << 20);
  t.false(await isEncrypted(linuxHost, device));
  await makeEncrypted(linuxHost, device, 'machine-config', passphrase);
  t.true(await isEncrypted(linuxHost, device));
  return device;
}

test('a partition opens with the passphrase of the TPM, and with the recovery key, each in its slot', async (t) => {
  const device = await encrypted(t);
  t.true(await fits(device, 'tpm', passphrase));
  t.false(await fits(device, 'recovery', recovery), 'there is none yet');
  await giveRecoveryKey(linuxHost, device, passphrase, recovery);
  t.true(await fits(device, 'recovery', recovery));
  t.false(await fits(device, 'recovery', passphrase));
  t.false(await fits(device, 'tpm', recovery));
  const dump = ['cryptsetup', 'luksDump', device] as const;
  const { stdout } = await linuxHost.processes.query(dump);
  const said = Buffer.from(stdout).toString();
  t.regex(
    said,
    /PBKDF: +pbkdf2\n.*\n\s+Iterations: 1000\n(?:.*\n)+?.*PBKDF: +argon2id\n.*4\n.*Memory: +65536\n/,
  );
});

test('a new recovery key makes the old one void, and one key fits wherever the change is stopped', async (t) => {
  const device = await encrypted(t);
  await giveRecoveryKey(linuxHost, device, passphrase, recovery);
  for (const n of [1, 2]) {
    const { host } = crashingHost(linuxHost, n);
    await t.throwsAsync(giveRecoveryKey(host, device, passphrase, another), { instanceOf: Crash });
    t.true(await fits(device, 'tpm', passphrase));
  }
  await giveRecoveryKey(linuxHost, device, passphrase, another);
  t.true(await fits(device, 'recovery', another));
  t.false(await fits(device, 'recovery', recovery));
  // The other way round: a new TPM.
  await replaceKey(linuxHost, device, keySlots.tpm, recovery, another);
  t.deepEqual([await fits(device, 'tpm', recovery), await fits(device, 'tpm', passphrase)], [true, false]);
});

test('a passphrase that does not fit is told apart from a partition that can not be read', async (t) => {
  const device = await encrypted(t);
  const open = () => openEncrypted(withLoopsAsMapper(linuxHost), device, 'mos-install-none', another);
  const denied = { code: 'denied', message: `cannot unlock ${device}: the passphrase does not fit` };
  await t.throwsAsync(open(), denied);
  // What a recovery leaves that was stopped.
  await giveRecoveryKey(linuxHost, device, passphrase, recovery);
  const { host } = crashingHost(linuxHost, 2);
  await t.throwsAsync(replaceKey(host, device, keySlots.tpm, another, recovery), { instanceOf: Crash });
  await t.throwsAsync(open(), denied);
  truncateSync(device, 0);
  truncateSync(device, 32 << 20);
  await t.throwsAsync(open(), {
    code: 'io',
    message: `cannot unlock ${device}: Device ${device} is not a valid LUKS device.`,
  });
});
