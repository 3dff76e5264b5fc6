import { MosError } from '../errors/index.ts';
import { type Host, readTextIfThere, writeAtomic } from '../host/index.ts';
import {
  manifestTrailer,
  moveRoles,
  readGenerationCommit,
  readRoles,
  refreshView,
  trailer,
} from '../state/index.ts';
import type { Report } from '../steps/index.ts';
import { Undo } from '../undo/index.ts';
import {
  espBytes,
  findEsp,
  planBootFiles,
  removeEntries,
  type Staging,
  stageBootFiles,
  unstageBootFiles,
  writeEntries,
} from './boot-files/index.ts';
import { bytesOf, type ImportBytes } from './images.ts';
import {
  fetchImages,
  type Incoming,
  type IncomingOptions,
  lock,
  lookAtRoles,
  madeBy,
  planIncoming,
  type ResultTarget,
  resultTargets,
  verifyManifest,
  writeGeneration,
} from './incoming.ts';
import { openMachine } from './machine.ts';
import {
  changingSteps,
  type OperationPlan,
  type OperationStep,
  runOperation,
  stepsWith,
} from './operation.ts';
import { installMark } from './paths.ts';

export type InstallOptions = IncomingOptions & {
  /** The caller was stopped in an install of this root: one that had ended by itself is gone on with. */
  readonly isUnfinished?: boolean;
};

export type InstallResult = {
  readonly root: string;
  readonly reference: string;
  readonly generation: number;
  readonly product: string;
  readonly productOrigin: string;
  readonly release: number | null;
  readonly securityVersion: number;
  readonly targets: readonly ResultTarget[];
  /** What there is, and what of it was fetched. */
  readonly bytes: ImportBytes;
};

type Installing = Incoming & Staging & { readonly options: InstallOptions };

/** Installs a machine on its root directory: writing the first generation's ref is the switch. */
const allSteps: readonly OperationStep<Installing>[] = [
  { name: 'verify the manifest', run: verifyManifest },
  { name: 'look at the machine', run: refuseInstalled },
  { name: 'plan the images', run: planIncoming },
  { name: 'plan the boot files', esp: true, run: planBoot },
  { name: 'lock the state', changes: true, run: lock },
  { name: 'fetch and verify the images', changes: true, run: fetchImages },
  { name: 'say what is being installed', changes: true, run: mark },
  { name: 'write the first generation', changes: true, run: writeFirst },
  { name: 'put its boot file on the ESP', esp: true, changes: true, run: stage, undo: unstageBootFiles },
  { name: 'make it current', changes: true, run: makeCurrent },
  { name: 'write its boot entry', esp: true, changes: true, run: writeEntries, undo: removeEntries },
  { name: 'tidy up', changes: true, run: tidyUp },
];

export async function install(
  host: Host,
  options: InstallOptions,
  report: Report,
): Promise<InstallResult | OperationPlan> {
  await using held = new Undo();
  const machine = await openMachine(host, options.root);
  const context = { host, options, report, machine, held, owner: 'mosctl install' } as Installing;
  const steps = stepsWith(allSteps, (await findEsp(host, machine)) !== undefined);
  await runOperation(context, steps, report, options.plan);
  return options.plan ? planOf(context) : resultOf(context);
}

function planOf(c: Installing): OperationPlan {
  const esp = espBytes(c.bootFiles);
  return {
    operation: 'install',
    reference: c.accepted.shown,
    steps: changingSteps(stepsWith(allSteps, esp !== null)),
    bytes: bytesOf(c.images),
    ...(esp === null ? {} : { esp }),
    changes: c.changes,
  };
}

const resultOf = (c: Incoming): InstallResult => ({
  root: c.machine.paths.root,
  reference: c.accepted.shown,
  generation: madeBy(c).number,
  product: c.accepted.product.product,
  productOrigin: c.accepted.product.origin,
  release: c.merged.machine.release ?? null,
  securityVersion: c.merged.machine.security_version,
  targets: resultTargets(c.merged),
  bytes: bytesOf(c.images),
});

/** That manifest, and no other, is gone on with. */
const markOf = (c: Incoming): string => installMark(c.machine.paths);

async function mark(c: Incoming): Promise<void> {
  if ((await readTextIfThere(c.host, markOf(c))) === `${c.accepted.sha}\n`) return;
  await writeAtomic(c.host, markOf(c), `${c.accepted.sha}\n`);
}

async function refuseInstalled(c: Installing): Promise<void> {
  const { host, machine, accepted, options } = c;
  const { current, next } = await lookAtRoles(c);
  const installed = current ?? next;
  if (installed === undefined) return;
  const first = await readGenerationCommit(host, machine.state, installed);
  const isUnfinished =
    options.isUnfinished || (await readTextIfThere(host, markOf(c))) === `${accepted.sha}\n`;
  if (isUnfinished && trailer(first.trailers, manifestTrailer) === accepted.sha) {
    c.made = first;
    return;
  }
  throw new MosError(
    'exists',
    `cannot install: there is an installation below ${machine.paths.root} (generation ${first.number})`,
    {
      hint: 'mosctl update brings it to another manifest',
    },
  );
}

async function writeFirst(c: Incoming): Promise<void> {
  if (c.made === undefined) await writeGeneration(c, 'install');
}

async function planBoot(c: Installing): Promise<void> {
  const { host, machine, options, report, merged, images } = c;
  c.bootFiles = await planBootFiles(host, {
    ...{ machine, ca: options.ca, report },
    roles: { current: { number: c.made?.number, machine: merged.machine } },
    imageOf: (target) => images.find((plan) => plan.target.digest === target.digest)?.image,
  });
}

async function stage(c: Installing): Promise<void> {
  await planBoot(c); // by now it has a number
  await stageBootFiles(c);
}

async function makeCurrent(c: Incoming): Promise<void> {
  const { current } = await readRoles(c.host, c.machine.state);
  await moveRoles(c.host, c.lock, [{ role: 'current', from: current, to: madeBy(c).commit }]);
}

/** The mark goes last: nothing is left to do after it. */
async function tidyUp(c: Incoming): Promise<void> {
  await refreshView(c.host, c.lock);
  await c.host.files.remove(markOf(c));
}
