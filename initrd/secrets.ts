import { isEncrypted, type MachineDisk, type MachineRole, openEncrypted } from '../pkg/disk/index.ts';
import { MosError } from '../pkg/errors/index.ts';
import { type Host, writeAtomic } from '../pkg/host/index.ts';
import type { Report } from '../pkg/steps/index.ts';
import type { Release } from '../pkg/system/index.ts';
import { inInitrd } from './contents.ts';

/** Lives in memory only, moves to the new root as a whole. */
export const secureFolder = '/factory/secure';
const onlyRoot = 0o600;

/** What the machine trusts, out of the signed initrd, and who it is, out of its TPM. */
export async function fillSecureFolder(host: Host, release: Release): Promise<void> {
  await host.files.makeFolder(secureFolder, { parents: true });
  await host.mounts.mount({
    fstype: 'tmpfs',
    source: 'tmpfs',
    target: secureFolder,
    flags: ['nodev', 'nosuid', 'noexec'],
    options: ['mode=0755', 'size=4m'],
  });
  for (const name of [inInitrd.manifestCa, inInitrd.sudiCa]) await copyIfThere(host, name);
  await copyTree(host, inInitrd.policies);
  if (release.kind !== 'released') return;
  await writeAtomic(host, `${secureFolder}/server.crt`, release.certificate);
  await writeAtomic(host, `${secureFolder}/server.key`, release.key, { mode: onlyRoot });
}

async function copyIfThere(host: Host, name: string): Promise<void> {
  if ((await host.files.stat(`/${name}`)) === undefined) return;
  await writeAtomic(host, `${secureFolder}/${name}`, await host.files.read(`/${name}`));
}

/** The signed policies are for `mosctl provision`. */
async function copyTree(host: Host, path: string): Promise<void> {
  const stat = await host.files.stat(`/${path}`);
  if (stat?.type === 'file') return copyIfThere(host, path);
  if (stat?.type !== 'directory') return;
  await host.files.makeFolder(`${secureFolder}/${path}`, { parents: true });
  for (const name of await host.files.list(`/${path}`)) await copyTree(host, `${path}/${name}`);
}

/** What the release means, for the console. */
export function tellRelease(release: Release, report: Report): void {
  const texts: Readonly<Record<Release['kind'], string>> = {
    released: 'the TPM gave the secrets of this machine, and gives them no more',
    'no TPM': 'this machine has no TPM: nothing on its disk is secret',
    'not provisioned': 'the TPM has no secrets of this machine: it was not provisioned',
    withheld: `the TPM keeps the secrets of this machine${release.kind === 'withheld' ? `: ${release.why}` : ''}`,
  };
  report({ kind: 'note', text: texts[release.kind] });
}

/**
 * The device to mount for a partition. With secrets it must be encrypted: who swaps it for a plain one would get all that
 * the machine writes from now on.
 */
export async function unlockPartition(
  host: Host,
  disk: MachineDisk,
  role: MachineRole,
  release: Release,
): Promise<string> {
  const node = disk.nodes[role];
  const cannot = (why: string, hint: string) =>
    new MosError('denied', `cannot use ${role} (${node}): ${why}`, { hint });
  if (await isEncrypted(host, node)) {
    if (release.kind === 'released') return openEncrypted(host, node, role, release.diskPassphrase);
    const why =
      release.kind === 'withheld' ? release.why : `it is encrypted, and there is ${noSecrets[release.kind]}`;
    throw cannot(why, 'start the production boot file on the machine that this disk belongs to');
  }
  if (release.kind === 'released')
    throw cannot('it is not encrypted, and this machine is provisioned', 'install this machine again');
  return node;
}

const noSecrets = { 'no TPM': 'no TPM', 'not provisioned': 'nothing in the TPM to unlock it' } as const;
