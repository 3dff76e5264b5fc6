import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { type Change, diffContent, renderSystemManifest } from '../manifest/index.ts';
import {
  listGenerations,
  manifestTrailer,
  moveRoles,
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
import { effectiveRoles } from './current.ts';
import { contentOf, type LoadedGeneration, loadGeneration } from './generation.ts';
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
import { notInstalled, openMachine } from './machine.ts';
import {
  changingSteps,
  type OperationPlan,
  type OperationStep,
  runOperation,
  stepsWith,
} from './operation.ts';
import { rolesBack, rolesFor } from './roles.ts';

export type UpdateOptions = IncomingOptions & {
  /** Also what this machine tried before and what did not prove good. */
  readonly retry?: boolean;
};

export type UpdateResult = {
  readonly root: string;
  readonly reference: string;
  /** The new one, or the one that has all of this already. */
  readonly generation: number;
  readonly changed: boolean;
  /** Only the next boot makes it real. */
  readonly needsReboot: boolean;
  readonly release: number | null;
  readonly securityVersion: number;
  readonly changes: readonly Change[];
  readonly targets: readonly ResultTarget[];
  readonly bytes: ImportBytes;
};

type Updating = Incoming<UpdateOptions> &
  Staging & {
    /** What runs; the manifest is joined with what waits for a reboot, where something does. */
    current?: LoadedGeneration;
    isSame?: boolean;
  };

/** Brings a machine to another manifest; moving one ref is the switch. Its boot entry comes last: a boot takes all of it or nothing. */
const allSteps: readonly OperationStep<Updating>[] = [
  { name: 'verify the manifest', run: verifyManifest },
  { name: 'verify what is installed', run: loadPrevious },
  { name: 'plan the images', run: planUpdate },
  { name: 'plan the boot files', esp: true, run: planBoot },
  { name: 'lock the state', changes: true, run: lock },
  { name: 'fetch and verify the images', changes: true, run: fetchImages },
  { name: 'write the new generation', changes: true, run: writeNew },
  { name: 'put its boot file on the ESP', esp: true, changes: true, run: stage, undo: unstageBootFiles },
  { name: 'switch to it', changes: true, run: switchOver, undo: switchBack },
  { name: 'write its boot entry', esp: true, changes: true, run: writeEntries, undo: removeEntries },
  { name: 'tidy up', changes: true, run: (c) => refreshView(c.host, c.lock) },
];

export async function update(
  host: Host,
  options: UpdateOptions,
  report: Report,
): Promise<UpdateResult | OperationPlan> {
  await using held = new Undo();
  const machine = await openMachine(host, options.root);
  const context = { host, options, report, machine, held, owner: 'mosctl update' } as Updating;
  const steps = stepsWith(allSteps, (await findEsp(host, machine)) !== undefined);
  await runOperation(context, steps, report, options.plan);
  return options.plan ? planOf(context) : resultOf(context);
}

/** Only what an update fetches: the machine stays as it is, and the update itself then needs no network. */
export async function fetchUpdate(
  host: Host,
  options: UpdateOptions,
  report: Report,
): Promise<OperationPlan> {
  await using held = new Undo();
  const machine = await openMachine(host, options.root);
  const context = { host, options, report, machine, held, owner: 'mosctl update' } as Updating;
  const steps = stepsWith(allSteps, (await findEsp(host, machine)) !== undefined);
  const last = steps.findIndex(({ run }) => run === fetchImages);
  await runOperation(context, steps.slice(0, last + 1), report);
  return planOf(context);
}

function planOf(c: Updating): OperationPlan {
  const hasCalls = (c.bootFiles?.plan.calls.length ?? 0) > 0;
  const esp = espBytes(c.bootFiles);
  return {
    operation: 'update',
    reference: c.accepted.shown,
    steps: c.isSame && !hasCalls ? [] : changingSteps(stepsWith(allSteps, hasCalls)),
    bytes: bytesOf(c.images),
    ...(esp === null ? {} : { esp }),
    changes: c.changes,
  };
}

const resultOf = (c: Updating): UpdateResult => ({
  root: c.machine.paths.root,
  reference: c.accepted.shown,
  generation: madeBy(c).number,
  changed: !c.isSame,
  needsReboot: !c.isSame && needsReboot(c),
  release: c.merged.machine.release ?? null,
  securityVersion: c.merged.machine.security_version,
  changes: c.changes,
  targets: resultTargets(c.merged),
  bytes: bytesOf(c.images),
});

async function loadPrevious(c: Updating): Promise<void> {
  const { host, machine, options } = c;
  await lookAtRoles(c);
  const { current, next } = await effectiveRoles(host, machine);
  const base = next ?? current;
  if (base === undefined) throw notInstalled(machine, 'update');
  const load = { ca: options.ca };
  c.previous = await loadGeneration(host, machine, base, load);
  c.current =
    current === undefined || current === base
      ? c.previous
      : await loadGeneration(host, machine, current, load);
}

/** The same manifests with the same entries are no new generation, however often they are published. */
async function planUpdate(c: Updating): Promise<void> {
  await planIncoming(c);
  const { previous, merged } = c;
  if (previous === undefined) return;
  const isSame = renderSystemManifest(previous.system) === renderSystemManifest(merged.system);
  c.isSame = isSame;
  if (isSame) c.made = previous;
  else if (!c.options.retry) await refuseFailed(c);
}

/** What did not prove good is not tried for ever: only when somebody says so. */
async function refuseFailed({ host, machine, accepted }: Updating): Promise<void> {
  const failed = (await listGenerations(host, machine.state)).find(
    ({ verdict, trailers }) => verdict === 'bad' && trailer(trailers, manifestTrailer) === accepted.sha,
  );
  if (failed === undefined) return;
  const why = failed.notes.findLast(({ kind }) => kind === 'bad')?.reason;
  throw new MosError(
    'state',
    `cannot update to ${accepted.shown}: as generation ${failed.number} it did not prove good: ${why}`,
    { hint: '--retry tries it again' },
  );
}

/** Against what runs, not against what an earlier update left for the next boot. */
const needsReboot = (c: Updating): boolean =>
  c.current !== undefined &&
  diffContent(contentOf(c.current.machine), contentOf(c.merged.machine)).some((change) => change.boot);

async function writeNew(c: Updating): Promise<void> {
  if (c.made === undefined) await writeGeneration(c, 'update');
}

/** What a machine is told to boot from when this is done. */
async function planBoot(c: Updating): Promise<void> {
  const { host, machine, options, report, merged, previous, current, images } = c;
  const fresh = { number: c.made?.number, machine: merged.machine };
  const waits = c.isSame ? previous !== current : needsReboot(c);
  c.bootFiles = await planBootFiles(host, {
    ...{ machine, ca: options.ca, report },
    roles: waits ? { current, next: fresh } : { current: fresh },
    imageOf: (target) => images.find((plan) => plan.target.digest === target.digest)?.image,
  });
}

async function stage(c: Updating): Promise<void> {
  await planBoot(c); // by now it has a number
  await stageBootFiles(c);
}

async function switchOver(c: Updating): Promise<void> {
  if (c.isSame) return;
  const roles = await readRoles(c.host, c.machine.state);
  await moveRoles(c.host, c.lock, rolesFor(roles, madeBy(c).commit, needsReboot(c)));
}

async function switchBack(c: Updating): Promise<void> {
  if (!c.isSame)
    await moveRoles(c.host, c.lock, rolesBack(await readRoles(c.host, c.machine.state), c.roles));
}
