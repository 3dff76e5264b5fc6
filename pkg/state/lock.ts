import { type Host, sweepTemporary } from '../host/index.ts';
import { repairHead } from './git/head.ts';
import { removeLeftovers } from './git/recover.ts';
import type { State } from './paths.ts';

declare const held: unique symbol;

/** That the lock of the state is held; every function that writes asks for it. Ends with `await using`. */
export type StateLock = AsyncDisposable & { readonly state: State; readonly [held]: true };

export type StateLockOptions = {
  /** For the message of the one who waits: `mosctl update`. */
  readonly owner: string;
  /** Milliseconds to wait for another owner. */
  readonly wait: number;
};

/** The one lock of a machine's state. Readers need none. What an earlier owner left when it was killed is removed, and HEAD is as git needs it. */
export async function lockState(host: Host, state: State, options: StateLockOptions): Promise<StateLock> {
  await host.files.makeFolder(state.records, { parents: true });
  const lock = await host.files.lock(state.lock, options);
  try {
    await sweepTemporary(host, state.folder);
    await sweepTemporary(host, state.records);
    await removeLeftovers(host, state);
    await repairHead(host, state);
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
  return { state, [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose]() } as StateLock;
}
