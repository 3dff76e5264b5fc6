import { type Host, readTextIfThere, writeAtomic } from '../host/index.ts';
import type { StateLock } from '../state/index.ts';
import {
  type Anchors,
  newestRevocationLists,
  type RevocationList,
  renderRevocationLists,
} from '../trust/index.ts';
import type { Machine } from './machine.ts';

/** The newest revocation lists that this machine has seen are kept beside the state. */
export const keptLists = ({ paths }: Machine): string => `${paths.config}/mos/revoked.pem`;

/** The newest of what is kept and what came with a manifest, of each CA; what strangers made is left out. */
export async function knownRevocations(
  host: Host,
  machine: Machine,
  found: readonly Uint8Array[],
  anchors: Anchors,
): Promise<readonly RevocationList[]> {
  const kept = await readTextIfThere(host, keptLists(machine));
  return newestRevocationLists([...(kept === undefined ? [] : [Buffer.from(kept)]), ...found], anchors);
}

/** Keeps what was believed, so that an older list can't be shown later. */
export async function keepRevocations(
  host: Host,
  machine: Machine,
  _lock: StateLock,
  lists: readonly RevocationList[],
): Promise<void> {
  const text = renderRevocationLists(lists);
  if (lists.length === 0 || (await readTextIfThere(host, keptLists(machine))) === text) return;
  await writeAtomic(host, keptLists(machine), text);
}
