import { messageOf } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import {
  type GenerationCommit,
  listGenerations,
  parseTicketNote,
  readAcceptedRelease,
  readGenerationCommit,
  readProduct,
} from '../state/index.ts';
import { readTrial } from './boot-trial.ts';
import { effectiveRoles, type Roles, readBooted, runningCommit } from './current.ts';
import { type MachineFloor, machineFloor } from './floor.ts';
import { type LoadedGeneration, loadGeneration, unknownFields } from './generation.ts';
import { lostImages } from './lost-images.ts';
import { type Machine, notInstalled, openMachine } from './machine.ts';
import { installMark } from './paths.ts';
import { machineProduct } from './product.ts';
import { mountsByTarget, type StatusMount } from './status-mounts.ts';
import { type Protection, readProtection } from './tpm/protection.ts';
import { summarizeUpgrade, type UpdateSummary } from './upgrade/summary.ts';

export type StatusOptions = { readonly root: string; readonly ca?: string | undefined };

export type StatusGeneration = {
  readonly generation: number;
  readonly summary: string;
  readonly time: string;
};

export type StatusTarget = {
  readonly name: string;
  readonly version: string;
  readonly type: string;
  readonly digest: string;
  /** SHA-256 of the install manifest that defines it. */
  readonly manifest: string;
  readonly mounts: readonly StatusMount[];
};

export type StatusResult = {
  readonly root: string;
  readonly product: string | null;
  readonly productOrigin: string | null;
  readonly running: StatusGeneration;
  /** What the next boot takes. */
  readonly next: StatusGeneration | null;
  readonly good: StatusGeneration | null;
  readonly booted: number | null;
  readonly release: number | null;
  readonly securityVersion: number | null;
  readonly floor: number;
  /** What is known of an update; null for nothing. */
  readonly update: UpdateSummary | null;
  /** A file can be restored by whoever has the disk, a counter of the TPM by nobody. */
  readonly floorKept: 'file' | 'TPM';
  /** What the floor was before a ticket made it what it is; null where none did. */
  readonly floorBefore: number | null;
  readonly acceptedRelease: number | null;
  /** Empty where the manifests of the running generation can't be believed: see warnings. */
  readonly targets: readonly StatusTarget[];
  /** Images of ours that are of no installed target: live mounts. */
  readonly otherMounts: readonly StatusMount[];
  readonly volumes: readonly string[];
  /** What protects the secrets of this boot; null where no initrd of ours started the machine. */
  readonly protection: Protection | null;
  readonly warnings: readonly string[];
};

/** What the machine runs, as far as signatures prove it; whatever is wrong is a warning, so that it always answers. */
export async function status(host: Host, { root, ca }: StatusOptions): Promise<StatusResult> {
  const machine = await openMachine(host, root);
  const { state, paths } = machine;
  const [roles, booted] = await Promise.all([effectiveRoles(host, machine), readBooted(host, paths)]);
  if (roles.current === undefined && roles.next === undefined) throw notInstalled(machine, 'show the status');
  const commit =
    roles.current === undefined ? roles.next : await runningCommit(host, machine, 'show the status');
  if (commit === undefined) throw notInstalled(machine, 'show the status');
  const warnings: string[] = [];
  const loaded = await load(host, machine, commit, ca, warnings);
  const [floor, accepted, product, mounts] = await Promise.all([
    machineFloor(host, machine),
    readAcceptedRelease(host, state),
    machineProduct(host, machine, 'at boot').catch(() => readProduct(host, state).then(({ value }) => value)),
    mountsByTarget(host, machine, loaded?.machine.targets ?? []),
  ]);
  const shown = async (one: typeof commit | undefined): Promise<StatusGeneration | null> =>
    one === undefined ? null : toGeneration(await readGenerationCommit(host, state, one));
  if ((await host.files.stat(installMark(paths))) !== undefined)
    warnings.push('an install was interrupted: run it again to end it');
  for (const { problem } of [floor, accepted]) if (problem !== undefined) warnings.push(problem);
  const running = await readGenerationCommit(host, state, commit);
  warnings.push(...(await trialWarnings(host, machine, running.number)));
  const next = roles.next === commit ? null : await shown(roles.next);
  const update = await summarizeUpgrade(host, state, next?.generation ?? null).catch((error: unknown) => {
    warnings.push(messageOf(error));
    return null;
  });
  warnings.push(...(await lostOf(host, machine, loaded, roles, ca)));
  warnings.push(...standing(product?.origin, floor.kept, [...mounts.values()].flat()));
  const protection = await readProtection(host, root);
  if (protection !== undefined) warnings.push(...unprotected(protection));
  return {
    root,
    product: product?.product ?? null,
    productOrigin: product?.origin ?? null,
    running: toGeneration(running),
    next,
    good: await shown(roles.good),
    booted: booted?.generation ?? null,
    release: loaded?.machine.release ?? null,
    securityVersion: loaded?.machine.security_version ?? null,
    floor: floor.value,
    update,
    floorKept: floor.kept,
    floorBefore: await floorBefore(host, machine, floor),
    acceptedRelease: accepted.value?.release ?? null,
    targets: loaded === undefined ? [] : targetsOf(loaded, mounts),
    otherMounts: mounts.get('') ?? [],
    volumes: loaded?.machine.volumes.map(({ volume }) => volume) ?? [],
    protection: protection ?? null,
    warnings,
  };
}

async function floorBefore(
  host: Host,
  { state }: Machine,
  { value, ticket }: MachineFloor,
): Promise<number | null> {
  if (ticket === undefined) return null;
  const notes = (await listGenerations(host, state)).flatMap((entry) => entry.notes);
  const tickets = notes.map(({ reason }) => parseTicketNote(reason));
  return tickets.find((note) => note?.nonce === ticket && note.to === value)?.from ?? null;
}

const toGeneration = ({ number, summary, time }: GenerationCommit): StatusGeneration => ({
  generation: number,
  summary,
  time: time.toISOString(),
});

async function load(
  host: Host,
  machine: Machine,
  commit: Parameters<typeof loadGeneration>[2],
  ca: string | undefined,
  warnings: string[],
): Promise<LoadedGeneration | undefined> {
  try {
    const loaded = await loadGeneration(host, machine, commit, { ca });
    warnings.push(
      ...unknownFields(loaded).map((field) => `${field} is not known to this version, and not done`),
    );
    return loaded;
  } catch (error) {
    warnings.push(messageOf(error));
    return undefined;
  }
}

/** Images that what runs and what waits for a boot would not find. Why the latter can't be believed, `verify` says. */
async function lostOf(
  host: Host,
  machine: Machine,
  running: LoadedGeneration | undefined,
  { next }: Roles,
  ca: string | undefined,
): Promise<string[]> {
  const waiting =
    next === undefined || next === running?.commit
      ? undefined
      : await loadGeneration(host, machine, next, { ca }).catch(() => undefined);
  const targets = [running, waiting].flatMap((one) => one?.machine.targets ?? []);
  return lostImages(
    host,
    machine,
    targets.map(({ target }) => target),
  );
}

/** What runs has not proved good yet, and what was tried in vain since. */
async function trialWarnings(host: Host, machine: Machine, running: number): Promise<string[]> {
  const trial = await readTrial(host, machine);
  const newer = (await listGenerations(host, machine.state)).filter(({ number }) => number > running);
  return [
    ...(trial === undefined
      ? []
      : [
          `generation ${trial.generation} is on trial: ${trial.entry.tries.left} more tries, then the last good one boots`,
        ]),
    ...newer
      .filter(({ verdict }) => verdict === 'bad')
      .map(
        ({ number, notes }) =>
          `generation ${number} failed: ${notes.findLast(({ kind }) => kind === 'bad')?.reason}`,
      ),
  ];
}

/** What holds as long as the machine is as it is. */
function standing(
  origin: string | undefined,
  kept: 'file' | 'TPM',
  mounts: readonly StatusMount[],
): string[] {
  const unchecked = mounts.filter(({ integrity }) => integrity === 'digest').map(({ at }) => at);
  const copies = mounts.filter(({ isCopy }) => isCopy).map(({ at }) => at);
  return [
    ...(origin === 'first install' ? ['the product was fixed by the first install: nobody proved it'] : []),
    ...(kept === 'file' ? ['the floor is a file: whoever has the disk can restore an older one'] : []),
    ...(unchecked.length === 0
      ? []
      : [`not checked while it is read (integrity digest): ${unchecked.join(', ')}`]),
    ...(copies.length === 0
      ? []
      : [
          `unpacked when it was mounted, and not checked while it is read (this kernel cannot map the ids of its format): ${copies.join(', ')}`,
        ]),
  ];
}

const plainDisk = 'whoever has its disk can read and change what is on it';

function unprotected({ secrets, why }: Protection): string[] {
  const texts: Readonly<Record<Protection['secrets'], readonly string[]>> = {
    released: [],
    'no TPM': [`this machine has no TPM: ${plainDisk}`],
    'not provisioned': [`the TPM of this machine was not provisioned: ${plainDisk}`],
    withheld: [`the TPM gave no secrets to this boot (${why}): ${plainDisk}`],
  };
  return [...texts[secrets]];
}

const targetsOf = (
  { machine }: LoadedGeneration,
  mounts: ReadonlyMap<string, readonly StatusMount[]>,
): StatusTarget[] =>
  machine.targets.map(({ name, source, target }) => ({
    name,
    version: target.version,
    type: target.service_type,
    digest: target.digest,
    manifest: source,
    mounts: mounts.get(name) ?? [],
  }));
