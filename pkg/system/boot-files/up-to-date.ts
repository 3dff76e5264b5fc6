import type { Host } from '../../host/index.ts';
import type { Report } from '../../steps/index.ts';
import { effectiveRoles } from '../current.ts';
import { loadGeneration } from '../generation.ts';
import type { Machine } from '../machine.ts';
import { findEsp } from './place.ts';
import { planBootFiles } from './stage.ts';
import { stageBootFiles, writeEntries } from './steps.ts';

/** Brings the ESP to what the machine is, with the lock of its state held: the same as an update without a change. */
export async function bringEspUpToDate(
  host: Host,
  machine: Machine,
  ca: string | undefined,
  report: Report,
  keep?: number,
): Promise<void> {
  if ((await findEsp(host, machine)) === undefined) return;
  const { current, next } = await effectiveRoles(host, machine);
  const of = async (commit: typeof current) =>
    commit === undefined ? undefined : loadGeneration(host, machine, commit, { ca, belowFloor: true });
  const roles = { current: await of(current), next: await of(next) };
  const bootFiles = await planBootFiles(host, { machine, ca, report, roles, keep });
  await stageBootFiles({ host, machine, bootFiles });
  await writeEntries({ host, machine, bootFiles });
}
