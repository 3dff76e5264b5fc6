import { findIsoVolumes } from '../pkg/disk/index.ts';
import { MosError, messageOf } from '../pkg/errors/index.ts';
import { type Host, readText } from '../pkg/host/index.ts';
import { type Report, runSteps, type Step } from '../pkg/steps/index.ts';
import { Undo } from '../pkg/undo/index.ts';
import { inInitrd } from './contents.ts';
import { loadModules } from './load-modules.ts';
import { bringUpNetwork } from './network.ts';
import { fillSecureFolder, secureFolder } from './secrets.ts';

/** What the live system lies on. */
export type Medium = {
  /** The label of media, and where the one that is booted is mounted. */
  readonly label: string;
  readonly at: string;
  /** The registry that it comes from in place of a medium. */
  readonly repo: string | undefined;
  /** What the signed kernel command line says of that, and the beginning of such words. */
  readonly root: string | undefined;
  readonly rootWord: string;
};

/** What a live boot does by `system`, loaded when it is called. */
export type LiveUses = {
  /** Closes PCR 7 of the TPM, where there is one; throws where it can't. */
  readonly closeSecrets: () => Promise<void>;
  readonly medium: () => Promise<Medium>;
  /** Verifies the live system of a registry, and makes a medium of it in memory. */
  readonly fetch: (options: { ca: string; medium: string; registryCa: string | undefined }) => Promise<void>;
  /** Verifies the live system that this initrd is for on a mounted medium, and mounts it at `target`. */
  readonly mountRoot: (options: { ca: string; medium: string; target: string }) => Promise<void>;
};

type Live = {
  readonly host: Host;
  readonly report: Report;
  readonly uses: LiveUses;
  medium?: Medium;
};

const newRoot = `/${inInitrd.newRoot}`;
/** A disc has to spin up, a stick to be found. */
const mediumDeadline = 30_000;
const mediumInterval = 100;

/** A live system gets no secret, whoever signed its boot file: the TPM is closed before anything else, and not asked. */
const first: readonly Step<Live>[] = [
  { name: 'close the TPM', run: closeTpm },
  { name: 'read what this boot file is for', run: readMedium },
  { name: 'load the modules of the kernel', run: ({ host }) => loadModules(host) },
];
const fromMedium: readonly Step<Live>[] = [
  { name: 'find the medium of this live system, verify and mount it', run: mountLive },
];
const fromRegistry: readonly Step<Live>[] = [
  { name: 'fetch the live system', run: fetchLive },
  { name: 'verify and mount the live system', run: (context) => mountFrom(context) },
];

export async function bootLive(host: Host, uses: LiveUses, report: Report): Promise<void> {
  const context: Live = { host, report, uses };
  await runSteps(context, first, report);
  const { repo } = mediumOf(context);
  await runSteps(context, repo === undefined ? fromMedium : fromRegistry, report);
  await runSteps(context, [{ name: 'hand over', run: handOver }], report);
}

function mediumOf({ medium }: Live): Medium {
  if (medium === undefined)
    throw new MosError('internal', 'cannot look for a medium before it is known which');
  return medium;
}

async function closeTpm({ host, uses }: Live): Promise<void> {
  await uses.closeSecrets();
  await fillSecureFolder(host, { kind: 'withheld', why: 'this is a live system' });
}

/**
 * The registry stands on the signed command line; what counts is the same in the initrd. Where firmware doesn't check, another
 * line may have come here: it changes nothing, and ends the boot.
 */
async function readMedium(context: Live): Promise<void> {
  const { host, uses } = context;
  context.medium = await uses.medium();
  const { root, rootWord } = context.medium;
  const words = (await readText(host, '/proc/cmdline')).trim().split(/\s+/);
  const found = words.filter((word) => word.startsWith(rootWord));
  if (found.join(' ') === (root ?? '')) return;
  throw new MosError(
    'untrusted',
    `cannot boot by the kernel command line: it says ${found.join(' ') || 'no registry'}, the signed boot file ${root ?? 'no registry'}`,
    { hint: 'nobody signed that line: look at the boot entry, and at Secure Boot' },
  );
}

/** Others may have the same label, and be there first: the one that has what this boot file was made for is the right one. */
async function mountLive(context: Live): Promise<void> {
  const { host } = context;
  const { label, at } = mediumOf(context);
  await host.files.makeFolder(at, { parents: true });
  const problems = new Map<string, string>();
  const deadline = host.clock.monotonic() + mediumDeadline;
  for (;;) {
    for (const device of await findIsoVolumes(host, label)) {
      if (problems.has(device)) continue;
      const problem = await tryMedium(context, device);
      if (problem === undefined) return;
      problems.set(device, problem);
    }
    if (host.clock.monotonic() > deadline) throw noMedium(label, [...problems.values()]);
    await host.clock.sleep(mediumInterval);
  }
}

/** Why it is not the right one; that one stays mounted, for installs. */
async function tryMedium(context: Live, source: string): Promise<string | undefined> {
  const { host, report } = context;
  const { at } = mediumOf(context);
  await using undo = new Undo();
  try {
    const flags = ['ro', 'nodev', 'nosuid', 'noexec'] as const;
    await host.mounts.mount({ fstype: 'iso9660', source, target: at, flags });
    undo.add(() => host.mounts.unmount(at));
    await mountFrom(context);
    undo.keep();
    return undefined;
  } catch (error) {
    const problem = `${source}: ${messageOf(error)}`;
    report({ kind: 'note', text: problem });
    return problem;
  }
}

const noMedium = (label: string, problems: readonly string[]): MosError =>
  problems.length > 0
    ? new MosError('untrusted', `cannot boot this live system: ${problems.join('; ')}`)
    : new MosError(
        'not-found',
        `cannot find the medium of this live system: no disc or disk has the label ${label}`,
      );

const manifestCa = `/${inInitrd.manifestCa}`;

const mountFrom = (context: Live): Promise<void> =>
  context.uses.mountRoot({ ca: manifestCa, medium: mediumOf(context).at, target: newRoot });

/** The network is up as long as that takes. */
async function fetchLive(context: Live): Promise<void> {
  const { host, uses, report } = context;
  await using held = new Undo();
  await bringUpNetwork(host, held, report);
  const own = `/${inInitrd.registryCa}`;
  const registryCa = (await host.files.stat(own)) === undefined ? undefined : own;
  await uses.fetch({ ca: manifestCa, medium: mediumOf(context).at, registryCa });
}

/** What preinit does not move. */
async function handOver({ host }: Live): Promise<void> {
  await host.files.makeFolder(`${newRoot}${secureFolder}`, { parents: true });
  await host.mounts.move(secureFolder, `${newRoot}${secureFolder}`);
}
