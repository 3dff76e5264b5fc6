import { randomBytes } from 'node:crypto';
import { MosError } from '../errors/index.ts';
import { type Host, listIfThere, type MountEntry, readRuntime, writeRuntime } from '../host/index.ts';
import type { Molecule } from './molecule.ts';

/**
 * What we know of a mount beyond what the kernel says: `<runtime>/molecules/<id>.json`. The kernel decides whether it
 * is mounted and where: the source of the overlay is `mos:<id>`, wherever the mount was moved to. A record is written
 * before the first mount, so nothing that belongs to it is ever without a name.
 */
export type MoleculeRecord = Molecule & {
  readonly version: 1;
  readonly bootId: string;
  /** A mount may be there and not be seen from another mount namespace. */
  readonly namespace: string;
  /** The folder to remove when the mount is gone. */
  readonly ephemeral?: string;
  /** It was unmounted while in use, so its upper folder may be in use until the next boot. */
  readonly isDetached?: boolean;
};

const mark = 'mos:';
const idPattern = /^[0-9a-f]{32}$/;

export const newId = (): string => randomBytes(16).toString('hex');

export const recordFolder = (runtime: string): string => `${runtime}/molecules`;
const recordPath = (runtime: string, id: string): string => `${recordFolder(runtime)}/${id}.json`;

/** The id of a molecule's mount, undefined for any other mount. */
export function idOf(entry: MountEntry): string | undefined {
  const id = entry.source.slice(mark.length);
  return entry.fstype === 'overlay' && entry.source.startsWith(mark) && idPattern.test(id) ? id : undefined;
}

/** What is seen at a path: the mount there that no other one there stands on. The order of the table says nothing. */
export function mountAt(table: readonly MountEntry[], target: string): MountEntry | undefined {
  const there = table.filter((entry) => entry.target === target);
  return there.findLast((entry) => !there.some((above) => above !== entry && above.parent === entry.id));
}

export async function currentPlace(
  host: Host,
): Promise<{ readonly bootId: string; readonly namespace: string }> {
  const [bootId, namespace] = await Promise.all([
    host.machine.bootId(),
    host.files.readLink('/proc/self/ns/mnt'),
  ]);
  return { bootId, namespace };
}

export const writeRecord = (host: Host, runtime: string, record: MoleculeRecord): Promise<void> =>
  writeRuntime(host, recordPath(runtime, record.id), `${JSON.stringify(record)}\n`);

export const removeRecord = (host: Host, runtime: string, id: string): Promise<void> =>
  host.files.remove(recordPath(runtime, id));

export async function readRecord(
  host: Host,
  runtime: string,
  id: string,
): Promise<MoleculeRecord | undefined> {
  const text = await readRuntime(host, recordPath(runtime, id));
  return text === undefined ? undefined : parseRecord(text, id);
}

/** All of them, but those of `without`. */
export async function readRecords(
  host: Host,
  runtime: string,
  without: ReadonlySet<string | undefined> = new Set(),
): Promise<MoleculeRecord[]> {
  const names = await listIfThere(host, recordFolder(runtime));
  const ids = names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length));
  const wanted = ids.filter((id) => idPattern.test(id) && !without.has(id));
  const records = await Promise.all(wanted.map((id) => readRecord(host, runtime, id)));
  return records.filter((record) => record !== undefined);
}

/** Only root writes there; what can't be read is from another version of mos. */
function parseRecord(text: string, id: string): MoleculeRecord {
  const record: unknown = JSON.parse(text);
  if (typeof record === 'object' && record !== null && 'version' in record && record.version === 1)
    return record as MoleculeRecord;
  throw new MosError(
    'unsupported',
    `cannot read the record of the mount ${id}: another version of mos wrote it`,
  );
}

export const toMolecule = (record: MoleculeRecord): Molecule => ({
  id: record.id,
  target: record.target,
  layers: record.layers,
  isWritable: record.isWritable,
  ...(record.ids === undefined ? {} : { ids: record.ids }),
  ...(record.upper === undefined ? {} : { upper: record.upper }),
  ...(record.room === undefined ? {} : { room: record.room }),
});
