import { findIsoVolumes } from '../pkg/disk/index.ts';
import { MosError, messageOf } from '../pkg/errors/index.ts';
import type { Host } from '../pkg/host/index.ts';
import { type Report, runSteps, type Step } from '../pkg/steps/index.ts';
import { inInitrd } from './contents.ts';
import { loadModules } from './load-modules.ts';
import { fillSecureFolder, secureFolder } from './secrets.ts';

/** What a live boot does by `system`, loaded when it is called. */
export type LiveUses = {
  /** Closes PCR 7 of the TPM, where there is one; throws where it can't. */
  readonly closeSecrets: () => Promise<void>;
  /** The label of media, and where the one that is booted is mounted. */
  readonly medium: () => Promise<{ readonly label: string; readonly at: string }>;
  /** Verifies the live system that this initrd is for on a mounted medium, and mounts it at `target`. */
  readonly mountRoot: (options: { ca: string; medium: string; target: string }) => Promise<void>;
};

type Live = {
  readonly host: Host;
  readonly report: Report;
  readonly uses: LiveUses;
  devices: string[];
  medium: string;
};

const newRoot = `/${inInitrd.newRoot}`;
/** A disc has to spin up, a stick to be found. */
const mediumDeadline = 30_000;
const mediumInterval = 100;

/** A live system gets no secret, whoever signed its boot file: the TPM is closed before anything else, and not asked. */
const liveSteps: readonly Step<Live>[] = [
  { name: 'close the TPM', run: closeTpm },
  { name: 'load the modules of the kernel', run: ({ host }) => loadModules(host) },
  { name: 'find the medium of this live system', run: findMedium },
  { name: 'verify and mount the live system', run: mountLive },
  { name: 'hand over', run: handOver },
];

export const bootLive = (host: Host, uses: LiveUses, report: Report): Promise<void> =>
  runSteps({ host, report, uses, devices: [], medium: '' }, liveSteps, report);

async function closeTpm({ host, uses }: Live): Promise<void> {
  await uses.closeSecrets();
  await fillSecureFolder(host, { kind: 'withheld', why: 'this is a live system' });
}

async function findMedium(context: Live): Promise<void> {
  const { host, uses } = context;
  const { label, at } = await uses.medium();
  context.medium = at;
  const deadline = host.clock.monotonic() + mediumDeadline;
  for (;;) {
    context.devices = await findIsoVolumes(host, label);
    if (context.devices.length > 0) return;
    if (host.clock.monotonic() > deadline)
      throw new MosError(
        'not-found',
        `cannot find the medium of this live system: no disc or disk has the label ${label}`,
      );
    await host.clock.sleep(mediumInterval);
  }
}

/** It stays mounted, for installs. Others may have the same label: the one that has what this boot file was made for is the right one. */
async function mountLive({ host, uses, devices, medium, report }: Live): Promise<void> {
  await host.files.makeFolder(medium, { parents: true });
  const problems: string[] = [];
  for (const source of devices) {
    try {
      const flags = ['ro', 'nodev', 'nosuid', 'noexec'] as const;
      await host.mounts.mount({ fstype: 'iso9660', source, target: medium, flags });
    } catch (error) {
      problems.push(messageOf(error));
      continue;
    }
    try {
      return await uses.mountRoot({ ca: `/${inInitrd.manifestCa}`, medium, target: newRoot });
    } catch (error) {
      problems.push(`${source}: ${messageOf(error)}`);
      report({ kind: 'note', text: problems.at(-1) ?? '' });
      await host.mounts.unmount(medium);
    }
  }
  throw new MosError('untrusted', `cannot boot this live system: ${problems.join('; ')}`);
}

/** What preinit does not move. */
async function handOver({ host }: Live): Promise<void> {
  await host.files.makeFolder(`${newRoot}${secureFolder}`, { parents: true });
  await host.mounts.move(secureFolder, `${newRoot}${secureFolder}`);
}
