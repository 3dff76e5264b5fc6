import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import small from '../../layouts/disks/small.json' with { type: 'json' };
import { markInstalling, type PartitionWish } from '../../pkg/disk/index.ts';
import type { MosError } from '../../pkg/errors/index.ts';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { parseReference } from '../../pkg/oci/index.ts';
import {
  type DiskInstallOptions,
  type DiskInstallResult,
  installOnDisk,
  passphraseForInstall,
} from '../../pkg/system/index.ts';
import { addBootkit } from '../helpers/bootkit-image.ts';
import { memoryFolder } from '../helpers/folders.ts';
import { loopDisk, withFolderAsEsp, withLoopsAsMapper } from '../helpers/loop-disk.ts';
import { hostWithTpm, makeProvisioned, softwareTpm } from '../helpers/tpm.ts';
import { addImage, makeVendor, publishRelease } from '../helpers/vendor.ts';

// What an install on a disk refuses: with a sentence that says what to do, and with nothing on the disk changed.

type Given = {
  readonly host: Host;
  readonly folder: string;
  /** Again under the same name. */
  readonly publish: (version: string, securityVersion?: number) => Promise<unknown>;
  readonly install: (
    host: Host,
    disk: string,
    more?: Partial<DiskInstallOptions>,
  ) => Promise<DiskInstallResult>;
};

async function given(t: ExecutionContext): Promise<Given> {
  const vendor = await makeVendor(t);
  const bootkit = await addBootkit(vendor.images, 'k1', Buffer.alloc(5000, 'k1'));
  const hostfs = await addImage(vendor, 'h1', { h1: 'h1' });
  const publish = (version: string, securityVersion = 0) =>
    publishRelease(vendor, {
      manifest: `update_type: complete
security_version: ${securityVersion}
targets:
  - {service_name: hostfs, source: "${hostfs}", version: "${version}", service_type: hostfs}
  - {service_name: bootkit, source: "${bootkit}", version: "1", service_type: fs-only}
`,
    });
  const { reference } = await publish('1');
  const tpm = await softwareTpm(t);
  makeProvisioned(tpm);
  const fixed = { reference: parseReference(reference), ca: vendor.ca, access: {}, builtAt: new Date(0) };
  return {
    host: hostWithTpm(tpm, withLoopsAsMapper(linuxHost)),
    folder: await memoryFolder(t, 'disk'),
    publish,
    install: (host, disk, more = {}) =>
      installOnDisk(host, { ...fixed, disk, layout: small as PartitionWish[], yes: true, ...more }, () => {}),
  };
}

/** The passphrase as provision leaves it. */
function leave(t: ExecutionContext): void {
  mkdirSync('/run/mos', { recursive: true });
  writeFileSync(passphraseForInstall, 'p'.repeat(40), { mode: 0o600 });
  t.teardown(() => rmSync(passphraseForInstall, { force: true }));
}

function newDisk(t: ExecutionContext, { folder }: Given, name: string, mebibytes = 1100, sectorBytes = 512) {
  const file = join(folder, name);
  const { node, detach } = loopDisk(file, mebibytes, sectorBytes);
  t.teardown(detach);
  /** All that an install may touch before it has decided. */
  return { node, file, front: () => readFileSync(file).subarray(0, 4 << 20) };
}

const like = (code: string, message: string, hint?: RegExp) => (error: unknown) => {
  const { code: is, message: said, hint: next = '' } = error as MosError;
  return is === code && said === message && (hint === undefined || hint.test(next));
};

test.serial(
  'how partitions are protected is refused where the machine could not boot, or would be open unasked',
  async (t) => {
    const at = await given(t);
    const { host, install } = at;
    const { node, front } = newDisk(t, at, 'empty');
    const before = front();
    const refused = async (
      how: Host,
      more: Partial<DiskInstallOptions>,
      ...expected: Parameters<typeof like>
    ) => {
      const error = await t.throwsAsync(install(how, node, more));
      t.true(like(...expected)(error), `${error?.message}\n${(error as MosError).hint}`);
      t.true(before.equals(front()));
    };
    const cannot = `cannot install on ${node}`;
    const without = { ...host, devices: linuxHost.devices };
    await refused(without, {}, 'unsupported', `${cannot}: its partitions would not be encrypted: no TPM of this machine was provisioned`, /mosctl provision.*--unencrypted/); // biome-ignore format: one line
    await refused(host, {}, 'state', `${cannot}: the passphrase for its partitions is not in memory`, /clear the TPM/); // biome-ignore format: one line
    await refused(host, { unencrypted: true }, 'state', `${cannot}: this machine is provisioned, and would not boot from partitions that are not encrypted`, /leave out --unencrypted/); // biome-ignore format: one line
    leave(t);
    await refused({ ...host, devices: { ...host.devices, dmList: linuxHost.devices.dmList } }, {}, 'unsupported', 'cannot use device-mapper: this kernel has none'); // biome-ignore format: one line
    const file = join(at.folder, 'key');
    writeFileSync(file, 'of another machine');
    await refused(host, { recoveryFile: file }, 'exists', `cannot keep the recovery key in ${file}: it is there already`, /name another file/); // biome-ignore format: one line
    await refused(host, { recoveryFile: join(at.folder, 'none/key') }, 'not-found', `cannot keep the recovery key in ${at.folder}/none/key: its folder is not there`); // biome-ignore format: one line
    t.is(readFileSync(file, 'utf8'), 'of another machine');
  },
);

test.serial('a disk that is too small, no disk, of other sectors, or somebody’s is refused', async (t) => {
  const at = await given(t);
  const { host, install } = at;
  leave(t);
  const refused = async (disk: string, code: string, message: string | RegExp) => {
    await t.throwsAsync(install(host, disk), { code, message });
  };
  await refused('/dev/no-such-disk', 'not-found', /no-such-disk/);
  await refused('/dev/null', 'not-found', 'cannot install on /dev/null: it is no whole disk');
  const tiny = newDisk(t, at, 'tiny', 600);
  await refused(tiny.node, 'no-space', 'cannot partition the disk: 640 MiB are asked for, 598 MiB are there');
  const large = newDisk(t, at, 'large', 1100, 4096);
  await refused(large.node, 'state', /its sectors have 4096 bytes/);
  t.true(large.front().every((byte) => byte === 0));
  const used = newDisk(t, at, 'used');
  execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', used.node], { env: { PATH: '/sbin:/usr/sbin' } });
  const before = used.front();
  await refused(used.node, 'state', `cannot install on ${used.node}: it has something on it: ext4`);
  // The mark of an install that was stopped earlier does not make it ours again.
  await markInstalling(linuxHost, used.node);
  await refused(used.node, 'state', `cannot install on ${used.node}: it has something on it: ext4`);
  t.true(before.subarray(0, 1 << 19).equals(used.front().subarray(0, 1 << 19)));
  t.false(existsSync(`${used.node}p1`));
});

test.serial(
  'an install that was stopped is begun anew where its name has another manifest since',
  async (t) => {
    const at = await given(t);
    leave(t);
    const { node } = newDisk(t, at, 'stopped');
    const esp = join(at.folder, 'esp');
    mkdirSync(esp);
    const host = { ...at.host, mounts: withFolderAsEsp(esp).mounts };
    const install = async () => {
      const { installed } = await at.install(host, node, { goesOn: true });
      return [installed?.generation, installed?.targets.find(({ name }) => name === 'hostfs')?.version];
    };
    t.deepEqual(await install(), [1, '1']);
    t.deepEqual(await install(), [1, '1'], 'the same is gone on with');
    await at.publish('2');
    t.deepEqual(await install(), [1, '2']);
  },
);

test.serial('a security version that its TPM could not count up to is not installed', async (t) => {
  const at = await given(t);
  const { node } = newDisk(t, at, 'uncounted');
  await at.publish('1', 20261127);
  await t.throwsAsync(at.install(at.host, node, { plan: true, isProvisionedLater: true }), {
    code: 'unsupported',
    message:
      /: its security version is 20261127, the TPM of this machine counts from 0 to at most 1000 at once$/,
  });
});
