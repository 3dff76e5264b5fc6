import type { Host } from '../host/index.ts';
import {
  type Allocations,
  absorbAllocations,
  idRanges,
  type NsGroup,
  noAllocations,
  parseSystemManifest,
  type ServiceAddress,
  type ServiceName,
  systemManifestFile,
} from '../manifest/index.ts';
import { readTyped } from './git/objects.ts';
import { parseTree } from './git/parse.ts';
import { listGenerations } from './history.ts';
import type { StateLock } from './lock.ts';
import type { State } from './paths.ts';
import { isCount, type RecordFile, readRecord, writeRecord } from './records.ts';
import type { Known } from './release.ts';

const allocationsFile: RecordFile<Allocations> = {
  name: 'allocations.json',
  parse: ({ nsgroups, addresses }) => {
    const groups = entriesOf(nsgroups);
    const given = entriesOf(addresses);
    const isRange = (start: unknown) =>
      isCount(start) && start >= idRanges.first && start <= idRanges.end - idRanges.size;
    const isPair = (value: unknown) =>
      entriesOf(value)?.every(([, text]) => typeof text === 'string') ?? false;
    if (!groups?.every(([, start]) => isRange(start)) || !given?.every(([, value]) => isPair(value)))
      return undefined;
    return {
      nsgroups: new Map(groups as [NsGroup, number][]),
      addresses: new Map(
        (given as [ServiceName, ServiceAddress][]).map(([name, { ipv4, ipv6 }]) => [name, { ipv4, ipv6 }]),
      ),
    };
  },
  render: ({ nsgroups, addresses }) => ({
    nsgroups: Object.fromEntries(nsgroups),
    addresses: Object.fromEntries(addresses),
  }),
};

const entriesOf = (value: unknown): [string, unknown][] | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : undefined;

/** All that was ever given out. Where the file is lost, what the generations on the line say together. */
export async function readAllocations(host: Host, state: State): Promise<Known<Allocations>> {
  const record = await readRecord(host, state, allocationsFile);
  if (record.kind === 'there') return { value: record.value };
  const value = await allocationsOfHistory(host, state);
  return { value, ...(record.kind === 'unreadable' ? { problem: record.problem } : {}) };
}

async function allocationsOfHistory(host: Host, state: State): Promise<Allocations> {
  let known = noAllocations;
  for (const generation of (await listGenerations(host, state)).toReversed()) {
    const entries = parseTree(await readTyped(host, state, 'tree', generation.tree));
    const entry = entries.find(({ name }) => name === systemManifestFile);
    if (entry === undefined) continue;
    known = absorbAllocations(
      known,
      await parseSystemManifest(await readTyped(host, state, 'blob', entry.id)),
    );
  }
  return known;
}

/** Writes the table before the generation that uses it: what is recorded and not used is only a gap. */
export async function recordAllocations(
  host: Host,
  lock: StateLock,
  allocations: Allocations,
): Promise<void> {
  const record = await readRecord(host, lock.state, allocationsFile);
  const render = (value: Allocations) => JSON.stringify(allocationsFile.render(value));
  if (record.kind === 'there' && render(record.value) === render(allocations)) return;
  await writeRecord(host, lock, allocationsFile, allocations);
}
