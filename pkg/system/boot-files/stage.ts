import { isMosError, messageOf } from '../../errors/index.ts';
import {
  applyEsp,
  type BootableGeneration,
  type EntryFile,
  type EspCall,
  type EspContent,
  type EspPlan,
  onEsp,
  parseEntryName,
  planEsp,
  readEsp,
} from '../../esp/index.ts';
import type { Host } from '../../host/index.ts';
import type { InstallTarget } from '../../manifest/index.ts';
import type { Digest, ImageManifest } from '../../oci/index.ts';
import { type HistoryEntry, keptGenerations, listGenerations, readRoles } from '../../state/index.ts';
import type { Report } from '../../steps/index.ts';
import { bootFileOf } from '../bootkit/index.ts';
import { readBooted } from '../current.ts';
import { loadGeneration } from '../generation.ts';
import { readImage } from '../images.ts';
import { type Machine, openStore } from '../machine.ts';
import { bootFileBytes, unmountBootkitImage } from './boot-file.ts';
import { placeLoader } from './loader.ts';
import { findEsp } from './place.ts';
import { type Bootable, type BootRoles, entriesFor } from './wanted.ts';

export type BootFilesRequest = {
  readonly machine: Machine;
  readonly ca?: string | undefined;
  readonly report: Report;
  /** What runs and what the next boot takes when it is done; one without a number is not written yet. */
  readonly roles: { readonly current?: ToBe | undefined; readonly next?: ToBe | undefined };
  /** How many of the newest generations keep their entries; default 3. */
  readonly keep?: number | undefined;
  /** The image of a target that may not be in the store yet. */
  readonly imageOf?: (target: InstallTarget) => ImageManifest | undefined;
};

type ToBe = Pick<Bootable, 'machine'> & { readonly number?: number | undefined };

/** How the ESP gets to where it must be. */
export type BootFiles = {
  /** Where it is mounted. */
  readonly at: string;
  readonly plan: EspPlan;
  readonly free: number;
  /** The bootkit that each boot file comes from. */
  readonly origins: ReadonlyMap<Digest, InstallTarget>;
  /** The call mends what a generation had before: it is not taken back. */
  readonly mends: (call: EspCall) => boolean;
};

/** Bytes on the ESP, in whole clusters. */
export type EspBytes = { readonly takes: number; readonly frees: number; readonly free: number };

export const espBytes = (files: BootFiles | undefined): EspBytes | null =>
  files === undefined ? null : { takes: files.plan.takes, frees: files.plan.frees, free: files.free };

/** Reads only. undefined on a machine without an ESP; refuses what would not fit. */
export async function planBootFiles(host: Host, request: BootFilesRequest): Promise<BootFiles | undefined> {
  const { machine } = request;
  const at = await findEsp(host, machine);
  if (at === undefined) return undefined;
  const there = await readEsp(host, at);
  const history = await listGenerations(host, machine.state);
  const known = await loadKnown(host, request, there, history);
  const must = entriesFor(await loadRoles(host, request, history), known);
  const kept = new Set(keptGenerations(history, request.keep).map(({ number }) => number));
  const may = known.filter(
    (one) => one.isGood && kept.has(one.number) && !must.some(({ number }) => number === one.number),
  );
  const needed = await describe(host, request, must);
  const spare = await describeWhereThere(host, request, may);
  const found = [...spare, ...needed];
  const content = { ...there, entries: there.entries.filter((entry) => !isForeign(entry, must, found)) };
  const plan = planWithRoom(content, needed, spare);
  const origins = new Map(found.map((one) => [one.bootFile, one.target]));
  return { at, plan, free: there.free, origins, mends: mendsOf(there, found) };
}

function mendsOf({ entries }: EspContent, found: readonly BootableGeneration[]): BootFiles['mends'] {
  const had = new Set(entries.map(({ name }) => parseEntryName(name)?.generation));
  return (call) =>
    call.kind === 'copy'
      ? found.some(({ generation, bootFile }) => had.has(generation) && bootFile === call.bootFile)
      : had.has(parseEntryName(call.path.slice(onEsp.entries.length + 1))?.generation);
}

/** What boots a generation that has no bootkit was put there by somebody else, and stays as it is. */
const isForeign = (
  { name }: EntryFile,
  must: readonly Bootable[],
  found: readonly BootableGeneration[],
): boolean => {
  const generation = parseEntryName(name)?.generation;
  return (
    must.some(({ number }) => number === generation) && !found.some((one) => one.generation === generation)
  );
};

/** Older generations that proved good keep their entries as long as there is room; the oldest gives way first. */
function planWithRoom(
  content: EspContent,
  must: readonly BootableGeneration[],
  may: readonly BootableGeneration[],
): EspPlan {
  for (let left = may.toSorted((a, b) => b.generation - a.generation); ; left = left.slice(0, -1))
    try {
      return planEsp(content, [...must, ...left]);
    } catch (error) {
      if (!isMosError(error, 'no-space') || left.length === 0) throw error;
    }
}

/** The generations that have an entry; an entry of one that can't be believed any more is nobody's. */
async function loadKnown(
  host: Host,
  request: BootFilesRequest,
  { entries }: EspContent,
  history: readonly HistoryEntry[],
): Promise<Bootable[]> {
  const numbers = new Set(entries.flatMap(({ name }) => parseEntryName(name)?.generation ?? []));
  const known: Bootable[] = [];
  for (const entry of history.filter(({ number }) => numbers.has(number)))
    try {
      known.push(await load(host, request, entry));
    } catch (error) {
      tellNotKept(request, entry.number, error);
    }
  return known;
}

function tellNotKept({ report }: BootFilesRequest, generation: number, error: unknown): void {
  const text = `warning: the boot entry of generation ${generation} is not kept: ${messageOf(error)}`;
  report({ kind: 'note', text });
}

async function load(host: Host, { machine, ca }: BootFilesRequest, entry: HistoryEntry): Promise<Bootable> {
  const loaded = await loadGeneration(host, machine, entry.commit, { ca, belowFloor: true });
  return { number: entry.number, machine: loaded.machine, isGood: entry.verdict === 'good' };
}

/** Those that the operation leaves, and those that it does not change. */
async function loadRoles(
  host: Host,
  request: BootFilesRequest,
  history: readonly HistoryEntry[],
): Promise<BootRoles> {
  const { good } = await readRoles(host, request.machine.state);
  const booted = await readBooted(host, request.machine.paths);
  const of = async (commit: string | undefined): Promise<Bootable | undefined> => {
    const entry = history.find((one) => one.commit === commit);
    return entry === undefined ? undefined : load(host, request, entry);
  };
  const toBe = (one: ToBe | undefined): Bootable | undefined =>
    one && {
      number: one.number ?? (history[0]?.number ?? 0) + 1,
      machine: one.machine,
      isGood: history.find(({ number }) => number === one.number)?.verdict === 'good',
    };
  const { current, next } = request.roles;
  return { current: toBe(current), next: toBe(next), good: await of(good), booted: await of(booted?.commit) };
}

type Described = BootableGeneration & { readonly target: InstallTarget };

/** Generations without a bootkit are not the boot loader's. */
async function describe(
  host: Host,
  { machine, imageOf }: BootFilesRequest,
  all: readonly Bootable[],
): Promise<Described[]> {
  const described: Described[] = [];
  for (const { number, machine: system, isGood } of all) {
    const target = bootkitOf(system);
    if (target === undefined) continue;
    const image = imageOf?.(target) ?? (await readImage(target, await openStore(host, machine))).image;
    const { digest, bytes } = bootFileOf(image, `the bootkit of generation ${number}`);
    described.push({ generation: number, bootFile: digest, bytes, isGood, target });
  }
  return described;
}

/** One whose image is gone or damaged loses its entry, and stops nothing. */
async function describeWhereThere(
  host: Host,
  request: BootFilesRequest,
  all: readonly Bootable[],
): Promise<Described[]> {
  const described: Described[] = [];
  for (const one of all)
    try {
      described.push(...(await describe(host, request, [one])));
    } catch (error) {
      tellNotKept(request, one.number, error);
    }
  return described;
}

export const bootkitOf = ({ targets }: Bootable['machine']): InstallTarget | undefined =>
  targets.find(({ name }) => name === 'bootkit')?.target;

/** The part of the plan that no boot can see yet, and the entries, which come after the switch. */
export const beforeSwitch = ({ plan }: BootFiles): readonly EspCall[] => {
  const first = plan.calls.findIndex(({ kind }) => kind === 'write');
  return first < 0 ? plan.calls : plan.calls.slice(0, first);
};
export const afterSwitch = (files: BootFiles): readonly EspCall[] =>
  files.plan.calls.slice(beforeSwitch(files).length);

/** A new ESP gets its boot loader. */
export async function bringLoader(host: Host, machine: Machine, { at, origins }: BootFiles): Promise<void> {
  await unmountBootkitImage(host, machine);
  const [anyBootkit] = origins.values();
  if (anyBootkit !== undefined) await placeLoader(host, machine, at, anyBootkit);
}

export async function applyBootFiles(
  host: Host,
  machine: Machine,
  { at, origins }: BootFiles,
  calls: readonly EspCall[],
): Promise<void> {
  await applyEsp(host, at, calls, async function* (digest) {
    const target = origins.get(digest);
    if (target !== undefined) yield* bootFileBytes(host, machine, target);
  });
}

/** Takes back what calls have made; what they removed was wanted by nobody. */
export async function undoBootFiles(
  host: Host,
  { at, mends }: BootFiles,
  calls: readonly EspCall[],
): Promise<void> {
  const made = calls.filter((call) => call.kind !== 'remove' && !mends(call));
  await applyEsp(
    host,
    at,
    made.map(({ path }) => ({ kind: 'remove', path })),
  );
}
