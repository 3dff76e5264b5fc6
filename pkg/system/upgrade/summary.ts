import type { Host } from '../../host/index.ts';
import type { State } from '../../state/index.ts';
import { readUpgrade } from './record.ts';
import { landed, stateOf, type UpdateState } from './state.ts';

/** The update that is known, in short; times RFC 3339. */
export type UpdateSummary = {
  readonly state: UpdateState;
  readonly version: string | null;
  /** When it is for this machine; null where nobody can say. */
  readonly availableAt: string | null;
  readonly notYet: string | null;
};

/** null where none is known. `next` is the generation that waits for the next boot. */
export async function summarizeUpgrade(
  host: Host,
  { records }: State,
  next: number | null,
): Promise<UpdateSummary | null> {
  const record = landed(await readUpgrade(host, `${records}/upgrade`), { next });
  const { chosen, waiting } = record;
  const known = chosen ?? waiting;
  if (known === null && record.generation === null) return null;
  return {
    state: stateOf(record),
    version: known?.version ?? null,
    availableAt: known?.available_at ?? null,
    notYet: waiting?.why ?? null,
  };
}
