import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { nameEntry, readTrial } from './boot-trial.ts';
import { openMachine } from './machine.ts';

export type RebootOptions = {
  readonly root: string;
  /** Because what runs did not prove good. */
  readonly isFailure?: boolean;
};

/** By systemd, so that services end tidily. */
export async function reboot(host: Host, { root, isFailure = false }: RebootOptions): Promise<void> {
  if (root !== '/')
    throw new MosError('usage', `cannot reboot ${root}: it is a folder and no running machine`);
  if (!isFailure) await giveTryBack(host, root);
  await host.processes.run(['systemctl', 'reboot', '--no-block']);
}

/** A reboot that somebody asks for while a generation is on trial is none of its failures. */
export async function giveTryBack(host: Host, root: string): Promise<void> {
  const trial = await readTrial(host, await openMachine(host, root));
  if (trial === undefined || trial.entry.tries.done === 0) return;
  const { left, done } = trial.entry.tries;
  await nameEntry(host, trial, { ...trial.entry, tries: { left: left + 1, done: done - 1 } });
}
