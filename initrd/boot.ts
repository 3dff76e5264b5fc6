import { randomBytes } from 'node:crypto';
import {
  chooseMachineDisk,
  clearMark,
  type MachineDisk,
  type MachineRole,
  readDisks,
  readMark,
} from '../pkg/disk/index.ts';
import { MosError, messageOf } from '../pkg/errors/index.ts';
import { type Host, type MountFlag, readText } from '../pkg/host/index.ts';
import { type Report, runSteps, type Step } from '../pkg/steps/index.ts';
import type { Release } from '../pkg/system/index.ts';
import { parseKernelArguments } from './arguments.ts';
import { inInitrd } from './contents.ts';
import { loadModules } from './load-modules.ts';
import { bringPersistent, makeMachineId } from './persistent.ts';
import { fillSecureFolder, secureFolder, tellRelease, unlockPartition } from './secrets.ts';
import { readStarted, type Started, unsignedExtras } from './started.ts';

/** What a boot does by `system`, loaded when it is called. */
export type BootUses = {
  /** Asks the TPM for the secrets of this machine and closes PCR 7, whatever comes of it; throws where it can't. */
  readonly releaseSecrets: (policies: string) => Promise<Release>;
  /** For `status`: what protects this boot. */
  readonly recordProtection: (release: Release) => Promise<void>;
  /** Verifies the generation to boot against `ca` and mounts its hostfs at `target`. */
  readonly mountRoot: (options: { ca: string; target: string; started: Started }) => Promise<void>;
};

/** What the steps of a boot share. */
type Boot = {
  readonly host: Host;
  readonly report: Report;
  readonly uses: BootUses;
  started: Started;
  release?: Release;
  disk?: MachineDisk;
  /** Why it ends too early can be written down for the generation that runs then. */
  hasConfig?: boolean;
};

const newRoot = `/${inInitrd.newRoot}`;
const manifestCa = `/${inInitrd.manifestCa}`;
/** Disks of a slow controller may come late; one that is not there after this is not there. */
const diskDeadline = 30_000;
const diskInterval = 20;
/** Three times what a boot from a late disk takes. */
const watchdogSeconds = 90;

/** Where the partitions are in the initrd and, under the same names, in the booted machine. */
const partitions: readonly { role: MachineRole; target: string; flags: readonly MountFlag[] }[] = [
  { role: 'machine-config', target: '/config', flags: ['nodev', 'nosuid', 'noexec'] },
  { role: 'machine-store', target: '/atomfs-cache', flags: ['nodev', 'nosuid', 'noexec'] },
  { role: 'machine-scratch', target: '/scratch-writes', flags: ['nodev', 'nosuid'] },
];

/**
 * From the kernel to a root file system that init can start on. Nothing is undone: after a failure preinit reboots. The TPM
 * is first: whichever way a later step goes out, nothing gets a secret of it any more.
 */
const bootSteps: readonly Step<Boot>[] = [
  { name: 'ask the TPM for the secrets, and close it', run: askTpm },
  { name: 'load the modules of the kernel', run: ({ host }) => loadModules(host) },
  { name: 'start the watchdog', run: startWatchdog },
  { name: 'ask what started it', run: askWhatStarted },
  { name: 'find the disk of this machine', run: findDisk },
  { name: 'unlock and mount config, store and scratch', run: mountPartitions },
  {
    name: 'verify and mount the root file system',
    run: ({ uses, started }) => uses.mountRoot({ ca: manifestCa, target: newRoot, started }),
  },
  { name: 'bring what persists', run: persist },
  { name: 'hand over', run: handOver },
];

export async function boot(host: Host, uses: BootUses, report: Report): Promise<void> {
  const context: Boot = { host, report, uses, started: {} };
  try {
    await runSteps(context, bootSteps, report);
  } catch (error) {
    await leaveWord(context, messageOf(error));
    throw error;
  }
}

/** For the generation that runs when the boot loader has fallen back. */
async function leaveWord({ host, hasConfig, started, report }: Boot, problem: string): Promise<void> {
  if (!hasConfig || started.entry === undefined) return;
  const { recordBootFailure } = await import('../pkg/system/index.ts');
  await recordBootFailure(host, { config: '/config' }, started.entry, problem).catch((error: unknown) =>
    report({ kind: 'note', text: messageOf(error) }),
  );
}

async function askWhatStarted(context: Boot): Promise<void> {
  const { host, report } = context;
  context.started = await readStarted(host, report);
  const extras = await unsignedExtras(host);
  if (extras.length === 0) return;
  const text = `left out: ${extras.join(', ')} from beside the boot file, which nobody signed`;
  report({ kind: 'note', text });
}

async function askTpm(context: Boot): Promise<void> {
  const { host, report, uses } = context;
  const release = await uses.releaseSecrets(`/${inInitrd.policies}`);
  tellRelease(release, report);
  context.release = release;
  await fillSecureFolder(host, release);
  await uses.recordProtection(release);
}

/** From here on a machine that stands still is reset, and its try is used up; systemd takes the watchdog over. */
async function startWatchdog({ host, report }: Boot): Promise<void> {
  try {
    if (await host.devices.startWatchdog(watchdogSeconds))
      report({
        kind: 'note',
        text: `the watchdog gives this boot ${watchdogSeconds} s to the start of init`,
      });
  } catch (error) {
    report({ kind: 'note', text: `warning: no watchdog guards this boot: ${messageOf(error)}` });
  }
}

async function findDisk(context: Boot): Promise<void> {
  const { host } = context;
  const { disk } = parseKernelArguments(await readText(host, '/proc/cmdline'));
  const deadline = host.clock.monotonic() + diskDeadline;
  for (;;) {
    const disks = await readDisks(host);
    const found = chooseMachineDisk(disks, disk);
    if (found) {
      context.disk = found;
      return;
    }
    if (host.clock.monotonic() > deadline) throw noDisk(disks);
    await host.clock.sleep(diskInterval);
  }
}

function noDisk(disks: Awaited<ReturnType<typeof readDisks>>): MosError {
  const seen = disks.map(({ name, table, problem }) => {
    const found = table?.partitions.map((partition) => partition.name).join(', ');
    return `${name} (${problem ?? found ?? 'no partition table'})`;
  });
  return new MosError(
    'not-found',
    `cannot find the disk of this machine: of ${seen.join(', ') || 'no disk at all'} none has the partitions ${partitions
      .map(({ role }) => role)
      .join(', ')}`,
  );
}

async function mountPartitions(context: Boot): Promise<void> {
  const { host, disk, release } = context;
  if (!disk || !release) throw new MosError('internal', 'cannot mount partitions before the disk was found');
  for (const { role, target, flags } of partitions) {
    await host.files.makeFolder(target, { parents: true });
    const source = await unlockPartition(host, disk, role, release);
    await host.mounts.mount({ fstype: 'ext4', source, target, flags });
    context.hasConfig = true; // it is the first
  }
  await endInstall(context, `/dev/${disk.name}`);
}

/** From its first boot on a machine is installed: no install may take its disk for an unfinished one any more. */
async function endInstall({ host, report }: Boot, node: string): Promise<void> {
  try {
    if ((await readMark(host, node)) !== undefined) await clearMark(host, node);
  } catch (error) {
    report({ kind: 'note', text: `the mark of its install stays on ${node}: ${messageOf(error)}` });
  }
}

async function persist({ host, report }: Boot): Promise<void> {
  try {
    await makeMachineId(host, '/config', randomBytes(16));
  } catch (error) {
    report({ kind: 'note', text: `this machine has no lasting id: ${messageOf(error)}` });
  }
  await bringPersistent(host, '/config', newRoot, report);
}

/** What preinit does not move: our partitions, and what the machine trusts and is. */
async function handOver({ host, disk, report }: Boot): Promise<void> {
  for (const target of [...partitions.map((one) => one.target), secureFolder]) {
    await host.files.makeFolder(`${newRoot}${target}`, { parents: true });
    await host.mounts.move(target, `${newRoot}${target}`);
  }
  if (disk?.esp !== undefined) await mountEsp(host, disk.esp, report);
}

/** A damaged one stops no boot: nothing of it is needed any more, and `mosctl update` says that it is missing. */
async function mountEsp(host: Host, source: string, report: Report): Promise<void> {
  const target = `${newRoot}/boot/efi`;
  const flags: readonly MountFlag[] = ['nodev', 'nosuid', 'noexec'];
  try {
    await host.files.makeFolder(target, { parents: true });
    await host.mounts.mount({ fstype: 'vfat', source, target, flags, options: ['umask=0077'] });
  } catch (error) {
    report({ kind: 'note', text: `the ESP is not mounted: ${messageOf(error)}` });
  }
}
