import { randomUUID } from 'node:crypto';
import {
  clearMark,
  luksHeaderBytes,
  markInstalling,
  partitionNodes,
  planPartitions,
  readDiskTarget,
  requireUsable,
  sectorSize,
  writeTable,
} from '../../disk/index.ts';
import { MosError } from '../../errors/index.ts';
import { onEsp } from '../../esp/index.ts';
import type { Host } from '../../host/index.ts';
import { manifestTrailer, readGenerationCommit, readRoles, trailer } from '../../state/index.ts';
import type { Report } from '../../steps/index.ts';
import { Undo } from '../../undo/index.ts';
import { acceptManifest } from '../accept.ts';
import { hasFirmware, keepFirmwareEntries } from '../firmware.ts';
import { bytesOf, planImages } from '../images.ts';
import { type InstallResult, install } from '../install.ts';
import { openMachine } from '../machine.ts';
import { openMirrored } from '../mirror/index.ts';
import { type OperationPlan, type OperationStep, runOperation } from '../operation.ts';
import { readFloorCounter, requireCountable } from '../tpm/floor.ts';
import {
  type Context,
  type DiskInstallOptions,
  type DiskInstallPlan,
  type DiskInstallResult,
  planOf,
} from './context.ts';
import { areProtectedSo, chooseProtection, makeFileSystems, openPartitions } from './encryption.ts';
import { clearLeftovers, installRoot, mountPartitions, showIdentity, waitForNodes } from './mounts.ts';
import { makeRecoveryKey, refuseRecoveryFile } from './recovery.ts';

/** Nothing is written before the manifest is believed and the disk is one that may be used; the boot entry is written last. */
const steps: readonly OperationStep<Context>[] = [
  { name: 'verify the manifest', run: verify },
  { name: 'look at the disk', run: lookAtDisk },
  { name: 'plan the partitions', run: planTable },
  { name: 'make partitions and file systems', changes: true, run: makePartitions },
  { name: 'unlock and mount them', changes: true, run: mountThem },
  { name: 'make a recovery key', changes: true, run: makeKey },
  { name: 'install the machine', changes: true, run: installMachine },
  { name: 'tell the firmware', changes: true, run: tellFirmware },
  { name: 'tidy up', changes: true, run: tidyUp },
];

/** Installs a machine on an empty disk, from a live system. Running it again after it was stopped ends it. */
export async function installOnDisk(
  host: Host,
  options: DiskInstallOptions,
  report: Report,
): Promise<DiskInstallResult> {
  await using held = new Undo();
  await host.files.makeFolder(installRoot, { parents: true });
  const owner = { owner: 'mosctl install', wait: 0 };
  const lock = await host.files.lock('/run/mos/install.lock', owner);
  held.add(() => lock[Symbol.asyncDispose]());
  await clearLeftovers(host);
  const context = { host, options, report, held } as Context;
  await runOperation(context, steps, report, options.plan || !options.yes);
  if (!options.plan && !options.yes) throw notAsked(planOf(context));
  const { installed = null, recoveryKey } = context;
  const isTold = recoveryKey !== undefined && options.recoveryFile === undefined;
  return { plan: planOf(context), installed, ...(isTold ? { recoveryKey } : {}) };
}

const notAsked = ({ disk }: DiskInstallPlan): MosError =>
  new MosError('usage', `cannot install on ${disk}: nobody has agreed to it`, {
    hint: 'look at the plan with --plan, then say --yes',
  });

async function verify(c: Context): Promise<void> {
  const { host, options, report } = c;
  await showIdentity(host, c.held);
  const machine = await openMachine(host, installRoot);
  const repositories = await openMirrored(host, machine, options.access, report);
  c.held.add(() => repositories[Symbol.asyncDispose]());
  c.accepted = await acceptManifest(host, machine, repositories, options, report);
  const { targets, security_version } = c.accepted.verified.manifest;
  if (!targets.some(({ service_name }) => service_name === 'bootkit'))
    throw new MosError('invalid', `cannot install ${c.accepted.shown} on a disk: it has no target bootkit`, {
      hint: '`mosb bootkit build` makes one for the import file',
    });
  // It will count from here: below the root of the disk the machine has no TPM yet.
  const counted = options.isProvisionedLater ? 0 : (await readFloorCounter(host))?.steps;
  if (counted !== undefined) requireCountable(c.accepted.shown, security_version, counted);
  const { signal } = options.access;
  c.images = bytesOf(await planImages(targets, c.accepted.images, undefined, { signal, report }));
}

async function lookAtDisk(c: Context): Promise<void> {
  const { host, options } = c;
  c.disk = await readDiskTarget(host, options.disk);
  requireUsable(c.disk, options);
  c.passphrase =
    options.plan && options.isProvisionedLater
      ? undefined
      : await chooseProtection(host, c.disk.node, options.unencrypted);
  c.isMade =
    c.disk.progress === 'installing' &&
    !options.overwrite &&
    (await areProtectedSo(host, c.disk, c.passphrase));
  if (c.passphrase !== undefined)
    await refuseRecoveryFile(host, options.recoveryFile, c.disk.progress !== undefined);
}

async function planTable(c: Context): Promise<void> {
  const { disk, options, images } = c;
  if (c.isMade && disk.ours !== undefined) {
    c.table = disk.ours;
    return;
  }
  const ids = Array.from({ length: options.layout.length + 1 }, () => randomUUID().toUpperCase());
  c.table = planPartitions(options.layout, disk.sectors, ids);
  const store = c.table.partitions.find(({ name }) => name === 'machine-store');
  const room =
    store === undefined
      ? 0
      : (store.last + 1 - store.first) * sectorSize - (c.passphrase ? luksHeaderBytes : 0);
  const needed = Math.ceil(images.total * fileSystemShare);
  if (room < needed)
    throw new MosError('no-space', `cannot install on ${disk.node}: it is too small`, {
      hint: `the images take ${needed} bytes, machine-store would have ${room}`,
    });
}

/** ext4 keeps a part for itself. */
const fileSystemShare = 1.1;

async function makePartitions(c: Context): Promise<void> {
  const { host, disk, table, isMade, passphrase } = c;
  if (!isMade) {
    await writeTable(host, disk.node, table, disk.sectors);
    await host.processes.run(['partx', '--update', disk.node]);
  }
  const numbers = table.partitions.map(({ number }) => number);
  const nodes = await waitForNodes(host, () => partitionNodes(host, disk.name), numbers);
  c.nodes = Object.fromEntries(
    table.partitions.map(({ name, number }) => [name, nodes.get(number)]),
  ) as Context['nodes'];
  if (isMade) return;
  await makeFileSystems(host, c.nodes, passphrase);
  await markInstalling(host, disk.node);
}

/** A machine that a stopped install made by another manifest never ran: nothing in it is anybody's, and it is made anew. */
async function mountThem(c: Context): Promise<void> {
  const { host, nodes, passphrase, held } = c;
  const mounted = new Undo();
  held.add(() => mounted[Symbol.asyncDispose]());
  await mountPartitions(host, await openPartitions(host, nodes, passphrase, mounted), mounted);
  if (c.isMade && (await isOfAnother(c))) {
    await mounted[Symbol.asyncDispose]();
    c.isMade = false;
    await planTable(c);
    await makePartitions(c);
    return mountThem(c);
  }
  const esp = `${installRoot}/boot/efi`;
  await host.files.makeFolder(`${esp}/${onEsp.entries}`, { parents: true });
}

async function isOfAnother({ host, accepted }: Context): Promise<boolean> {
  const { state } = await openMachine(host, installRoot);
  const { current } = await readRoles(host, state);
  if (current === undefined) return false;
  const { trailers } = await readGenerationCommit(host, state, current);
  return trailer(trailers, manifestTrailer) !== accepted.sha;
}

/** Each run makes a new one: nobody may have seen that of a run that was stopped. */
async function makeKey(c: Context): Promise<void> {
  const { host, nodes, passphrase, options } = c;
  if (passphrase !== undefined)
    c.recoveryKey = await makeRecoveryKey(host, nodes, passphrase, options.recoveryFile);
}

async function installMachine(c: Context): Promise<void> {
  const { host, options, report } = c;
  const how = { ...options, root: installRoot, plan: false, isUnfinished: c.isMade };
  const result = await install(host, how, report);
  if ('operation' in (result as OperationPlan))
    throw new MosError('internal', 'cannot install: a plan came back');
  c.installed = result as InstallResult;
}

/** Where this system was not started by the firmware, the machine finds its loader by the usual name. */
async function tellFirmware({ host, nodes, report }: Context): Promise<void> {
  if (await hasFirmware(host)) await keepFirmwareEntries(host, nodes.esp, report);
}

async function tidyUp({ host, disk, options }: Context): Promise<void> {
  if (!options.goesOn) await clearMark(host, disk.node);
}
