import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import small from '../../layouts/disks/small.json' with { type: 'json' };
import { keyFits, keySlots, type PartitionWish } from '../../pkg/disk/index.ts';
import { isMosError, Secret } from '../../pkg/errors/index.ts';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { parseReference } from '../../pkg/oci/index.ts';
import { installOnDisk, passphraseForInstall } from '../../pkg/system/index.ts';
import { countingHost, crashingHost } from '../helpers/counting-host.ts';
import { memoryFolder } from '../helpers/folders.ts';
import { closeMapped, loopDisk, withFolderAsEsp, withLoopsAsMapper } from '../helpers/loop-disk.ts';
import { hostWithTpm, makeProvisioned, softwareTpm } from '../helpers/tpm.ts';
import { checkEsp, mebibytes, publishMachine, unmountAll } from './disk-machine.ts';
import { chosenPoints } from './points.ts';

// An install on a disk, stopped before its n-th mutation, and run again.

async function forget(): Promise<void> {
  await unmountAll();
  closeMapped();
}

type Kind = {
  readonly name: string;
  readonly wrap?: (host: Host) => Host;
  /** Between the stop and the next run. */
  readonly between?: () => void;
  readonly isEncrypted: boolean;
};

async function campaign(
  t: ExecutionContext,
  { wrap: kindOf = (host) => host, between = () => {}, isEncrypted, name: kind }: Kind,
): Promise<void> {
  const { ca, reference } = await publishMachine(t);
  const folder = await memoryFolder(t, 'disk');
  t.teardown(forget);
  const install = (host: Host, disk: string) =>
    installOnDisk(
      host,
      {
        ...{ disk, layout: small as PartitionWish[], yes: true, unencrypted: !isEncrypted },
        ...{ reference: parseReference(reference), ca, access: {}, builtAt: new Date(0) },
      },
      () => {},
    );
  const attempt = async (name: string, wrap: (host: Host) => Host) => {
    const esp = join(folder, `esp-${name}`);
    mkdirSync(esp);
    const disk = loopDisk(join(folder, name), mebibytes);
    try {
      const host = kindOf(withFolderAsEsp(esp));
      const stopped = await install(wrap(host), disk.node).then(
        () => false,
        () => true,
      );
      await forget();
      between();
      // One that had ended, and was stopped in its last breath, says that there is an installation.
      const ended = await install(host, disk.node).catch((error: unknown) => {
        if (!isMosError(error, 'exists')) throw error;
      });
      checkEsp(t, esp, name);
      if (!isEncrypted) execFileSync('e2fsck', ['-fn', `${disk.node}p4`], { stdio: 'ignore' });
      else if (ended) {
        const key = ended.recoveryKey ?? new Secret('');
        const passphrase = new Secret(readFileSync(passphraseForInstall, 'utf8'));
        for (const number of [2, 3, 4]) {
          t.true(await keyFits(linuxHost, `${disk.node}p${number}`, keySlots.recovery, key), name);
          t.true(await keyFits(linuxHost, `${disk.node}p${number}`, keySlots.tpm, passphrase), name);
        }
      }
      return stopped;
    } finally {
      disk.detach();
      rmSync(join(folder, name));
    }
  };
  const counted: string[][] = [];
  const counting = (host: Host): Host => {
    const { host: watched, names } = countingHost(host);
    counted.push(names);
    return watched;
  };
  t.false(await attempt('undisturbed', counting));
  const all = counted[0] ?? [];
  const points = chosenPoints(all.length, 0.5); // two campaigns
  for (const n of points) {
    const stopped = await attempt(`stop-${n}`, (host) => crashingHost(host, n).host);
    // Ids of commits decide how many folders of objects are synced: the count may be one or two less.
    t.true(stopped || n > all.length - 6, `${n}: ${all[n - 1]}`);
  }
  t.log(`stopped before a mutation: install on ${kind}: ${points.length} of ${all.length} points`);
}

test.serial('an install on a disk, stopped in the process, ends when it is run again', (t) =>
  campaign(t, { name: 'a disk', isEncrypted: false }),
);

test.serial('so does one on an encrypted disk, and the recovery key of the last run opens it', async (t) => {
  const tpm = await softwareTpm(t);
  makeProvisioned(tpm);
  mkdirSync('/run/mos', { recursive: true });
  // Each second time the TPM has got another one before the install goes on.
  let runs = 0;
  const provision = () => writeFileSync(passphraseForInstall, String(runs++ >> 1).padStart(40, 'p'));
  provision();
  t.teardown(() => rmSync(passphraseForInstall));
  await campaign(t, {
    name: 'an encrypted disk',
    isEncrypted: true,
    between: provision,
    wrap: (host) => hostWithTpm(tpm, withLoopsAsMapper(host)),
  });
});
