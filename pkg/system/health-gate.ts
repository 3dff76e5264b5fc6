import type { Host } from '../host/index.ts';
import { isBootTarget, type MachineTarget } from '../manifest/index.ts';
import type { LoadedGeneration } from './generation.ts';
import type { Machine } from './machine.ts';
import { askService } from './service/health.ts';
import { serviceStates } from './service/list.ts';
import { findService } from './service/record.ts';

export type GateOptions = {
  /** Seconds for which everything must be well without a break; default 10. */
  readonly stable?: number | undefined;
  /** Seconds after which it is too late; default 300. */
  readonly limit?: number | undefined;
};

const interval = 1000;

/** Waits until every target of a generation is well, for a time; returns what is wrong where that does not come. */
export async function passGate(
  host: Host,
  machine: Machine,
  generation: LoadedGeneration,
  { stable = 10, limit = 300 }: GateOptions,
): Promise<readonly string[]> {
  const start = host.clock.monotonic();
  let wellSince: number | undefined;
  for (;;) {
    const problems = await problemsOf(host, machine, generation);
    const now = host.clock.monotonic();
    wellSince = problems.length > 0 ? undefined : (wellSince ?? now);
    if (wellSince !== undefined && now - wellSince >= stable * 1000) return [];
    if (now - start > limit * 1000)
      return problems.length > 0 ? problems : [`it was not well for ${stable} s without a break`];
    await host.clock.sleep(interval);
  }
}

async function problemsOf(host: Host, machine: Machine, { machine: system }: LoadedGeneration) {
  const entries = system.targets.filter(({ target }) => !isBootTarget(target));
  const found = await Promise.all(entries.map((entry) => problemOf(host, machine, entry)));
  return found.flatMap((problem, index) =>
    problem === undefined ? [] : [`${entries[index]?.name} ${problem}`],
  );
}

async function problemOf(host: Host, machine: Machine, entry: MachineTarget): Promise<string | undefined> {
  return entry.target.service_type === 'container'
    ? serviceProblem(host, machine, entry)
    : filesProblem(host, machine, entry);
}

async function serviceProblem(host: Host, { paths }: Machine, { name, target }: MachineTarget) {
  const state = (await serviceStates(host, paths)).find((one) => one.name === name);
  if (state === undefined) return 'does not run';
  if (state.image !== target.digest) return `is another image than version ${target.version}`;
  const isDone =
    state.state === 'ended' && state.lastEnd !== null && 'code' in state.lastEnd && state.lastEnd.code === 0;
  if (isDone) return undefined;
  if (state.state !== 'running')
    return `has ${state.state === 'ended' ? 'ended' : 'stopped, and waits to be started again'}`;
  const instance = await findService(host, paths, name);
  return instance === undefined ? 'does not run' : askService(host, instance.folder, instance.record);
}

async function filesProblem(host: Host, { paths }: Machine, { name }: MachineTarget) {
  const at = `${paths.files}/${name}`;
  if ((await host.files.stat(at)) === undefined) return 'is not mounted';
  const { findMolecule } = await import('../atomfs/index.ts');
  return (await findMolecule(host, at, { runtime: paths.run })) === undefined ? 'is not mounted' : undefined;
}
