import { isMosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import type { InstallTarget } from '../../manifest/index.ts';
import { inBootkit } from '../bootkit/index.ts';
import { type Machine, openStore } from '../machine.ts';
import { mountTarget } from '../mounting.ts';

const owner = 'mosctl, for the boot files';
const placeIn = ({ paths }: Machine): string => `${paths.run}/boot-file`;

/**
 * The image of a bootkit, mounted until it is given back. A boot file out of it is compared with the digest that is
 * signed, so a kernel without device-mapper may mount the image after hashing it.
 */
export async function mountBootkitImage(
  host: Host,
  machine: Machine,
  target: InstallTarget,
): Promise<AsyncDisposable & { readonly at: string }> {
  const at = placeIn(machine);
  await host.files.makeFolder(at, { parents: true });
  const integrity = (await host.devices.hasDeviceMapper()) ? 'verity' : 'digest';
  const store = await openStore(host, machine);
  await mountTarget(host, machine, store, { target, at, integrity, owner, replace: true });
  return { at, [Symbol.asyncDispose]: () => unmountBootkitImage(host, machine) };
}

export async function* bootFileBytes(
  host: Host,
  machine: Machine,
  target: InstallTarget,
): AsyncGenerator<Uint8Array> {
  await using image = await mountBootkitImage(host, machine, target);
  yield* host.files.stream(await host.files.pathBelow(image.at, inBootkit.bootFile), { noFollow: true });
}

/** Also what a run that was stopped has left. */
export async function unmountBootkitImage(host: Host, machine: Machine): Promise<void> {
  const at = placeIn(machine);
  if ((await host.files.stat(at)) === undefined) return;
  const { unmountMolecule } = await import('../../atomfs/index.ts');
  await unmountMolecule(host, at, { runtime: machine.paths.run, owner }).catch((error: unknown) => {
    if (!isMosError(error, 'state')) throw error; // nothing is mounted there
  });
  await host.files.removeFolder(at);
}
