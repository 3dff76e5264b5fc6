import { execFile } from 'node:child_process';
import { hash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { type LoggedRequest, readAt, readWriteLog } from './write-log.ts';

// What a disk may hold when the power goes: all that was flushed, and of the writes since then any.

const run = promisify(execFile);

/** What survives of the writes that no flush came after. */
export const worlds = ['nothing', 'half', 'torn', 'newest'] as const;
export type World = (typeof worlds)[number];

export type Moment = {
  /** So many requests of the log are on the disk whole; the last of them is a flush. */
  readonly flushed: number;
  /** Indices of writes after these that are too. */
  readonly survivors: readonly number[];
  /** The last survivor, up to a block in its middle. */
  readonly torn: boolean;
  readonly world: World;
  /** What was going on, see `markCommand`. */
  readonly phase: string;
};

export const describeMoment = ({ flushed, survivors, world, phase }: Moment): string =>
  `power cut during ${phase}, after ${flushed} requests; ${world} of the unflushed survives (${survivors.length})`;

/** A machine writes the names of its phases into this sector, which nothing else uses: the gap before 1 MiB. */
export const markSector = 1000;
const markAt = markSector * 512;

/** The shell command that begins a phase: what was written before is on the disk. */
export const markCommand = (phase: string, node: string): string =>
  `sync; printf %s '${phase}' | dd of=${node} bs=512 seek=${markSector} conv=sync,notrunc,fsync oflag=direct status=none`;

/** A recorded run of a machine: a disk as it was before, and what was done to it since. */
export class Recording {
  readonly requests: readonly LoggedRequest[];
  readonly #log: string;
  readonly #disk: string;
  readonly #first: string;
  /** So many requests are on the disk by now. */
  #applied = 0;
  /** Of who takes the next state. */
  #turn: Promise<unknown> = Promise.resolve();

  /** The disk goes forward with the states that are taken. `first` is the phase before any mark. */
  constructor(disk: string, log: string, first = '') {
    this.#first = first;
    this.#disk = disk;
    this.#log = log;
    this.requests = readWriteLog(log);
  }

  /** The phase of each request. */
  phases(): readonly string[] {
    const log = openSync(this.#log, 'r');
    let phase = this.#first;
    const found = this.requests.map(({ kind, at, data }) => {
      if (kind === 'write' && at === markAt) phase = readAt(log, data, 512).toString().replaceAll('\0', '');
      return phase;
    });
    closeSync(log);
    return found;
  }

  requestsIn(phase: string): readonly LoggedRequest[] {
    const phases = this.phases();
    // The mark itself is the first of them.
    return this.requests.filter((_, index) => phases[index] === phase).slice(1);
  }

  /** Where a phase changes bytes in a part of the disk; the disk is then as at the end. */
  changesIn(phase: string, part: { readonly at: number; readonly bytes: number }): readonly number[] {
    const phases = this.phases();
    const log = openSync(this.#log, 'r');
    const disk = openSync(this.#disk, 'r+');
    const changes: number[] = [];
    for (const [index, request] of this.requests.entries()) {
      const { kind, at, bytes, data } = request;
      const isThere = at < part.at + part.bytes && at + bytes > part.at;
      if (kind === 'write' && phases[index] === phase && isThere) {
        const old = readAt(disk, at, bytes);
        for (const [place, byte] of readAt(log, data, bytes).entries())
          if (byte !== old[place]) changes.push(at + place);
      }
      apply(log, disk, request);
    }
    closeSync(disk);
    closeSync(log);
    this.#applied = this.requests.length;
    return changes;
  }

  /** All moments between two flushes in phases of these names, in their order. */
  moments(names: readonly string[]): readonly Moment[] {
    const phases = this.phases();
    const moments: Moment[] = [];
    let flushed = 0;
    for (const [index, { kind }] of this.requests.entries()) {
      if (kind !== 'flush') continue;
      const phase = phases[index - 1] ?? '';
      if (names.includes(phase)) moments.push(...this.#momentsOf(flushed, index, phase));
      flushed = index + 1;
    }
    return moments;
  }

  /** Those after the request `flushed` and before the flush at `end`; worlds that are alike are one. */
  #momentsOf(flushed: number, end: number, phase: string): readonly Moment[] {
    const writes = Array.from({ length: end - flushed }, (_, index) => flushed + index);
    const forced = (index: number) => this.requests[index]?.forced === true;
    const choices: Record<World, readonly number[]> = {
      nothing: [],
      half: writes.filter((index) => isHeads(index)),
      torn: writes.slice(0, Math.ceil(writes.length / 2)),
      newest: writes.slice(-1),
    };
    const seen = new Set<string>();
    return worlds.flatMap((world) => {
      const survivors = writes.filter((index) => choices[world].includes(index) || forced(index));
      const key = `${survivors} ${world === 'torn'}`;
      if (writes.length === 0 || seen.has(key)) return [];
      seen.add(key);
      return [{ flushed, survivors, torn: world === 'torn', world, phase }];
    });
  }

  /** Makes `file` the disk at this moment. Moments are taken in the order of their flushes. */
  take(moment: Moment, file: string): Promise<void> {
    const taken = this.#turn.then(() => this.#take(moment, file));
    this.#turn = taken;
    return taken;
  }

  async #take({ flushed, survivors, torn }: Moment, file: string): Promise<void> {
    if (flushed < this.#applied)
      throw new Error(`the disk is at ${this.#applied} already, and not at ${flushed}`);
    const log = openSync(this.#log, 'r');
    const disk = openSync(this.#disk, 'r+');
    for (const request of this.requests.slice(this.#applied, flushed)) apply(log, disk, request);
    closeSync(disk);
    this.#applied = flushed;
    await run('cp', ['--sparse=always', this.#disk, file]);
    const state = openSync(file, 'r+');
    for (const [place, index] of survivors.entries()) {
      const request = this.requests[index] as LoggedRequest;
      const isTorn = torn && place === survivors.length - 1 && !request.forced;
      apply(log, state, isTorn ? { ...request, bytes: tornBytes(request) } : request);
    }
    closeSync(state);
    closeSync(log);
  }
}

/** What a disk writes whole; ext4 needs it for its superblock, which no journal has. */
const block = 4096;

/** Up to a block in its middle. */
function tornBytes({ at, bytes }: LoggedRequest): number {
  const middle = Math.floor((at + bytes / 2) / block) * block;
  return Math.max(0, middle - at);
}

/** Chance that is the same in each run. */
const isHeads = (index: number): boolean => Number.parseInt(hash('sha256', `${index}`).slice(0, 2), 16) < 128;

function apply(log: number, disk: number, { kind, at, bytes, data }: LoggedRequest): void {
  // What is discarded may stay as it was.
  if (kind !== 'write' || bytes === 0) return;
  writeSync(disk, readAt(log, data, bytes), 0, bytes, at);
}

/** So many of them, spread evenly, the first and the last ones among them. */
export function spread<T>(all: readonly T[], most: number): readonly T[] {
  if (most >= all.length) return all;
  const step = (all.length - 1) / Math.max(1, most - 1);
  return Array.from({ length: most }, (_, index) => all[Math.round(index * step)] as T);
}
