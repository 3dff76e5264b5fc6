import { isMosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import type { InstallTarget } from '../../manifest/index.ts';
import { inBootkit } from '../bootkit/index.ts';
import { type Machine, openStore } from '../machine.ts';
import { mountTarget } from '../mounting.ts';

const owner = 'mosctl, for the boot files';
const placeIn = ({ paths }: Machine): string => `${paths.run}/boot-file`;

/**
 * The bytes of the boot file in the image of a bootkit, which is mounted for that long. Whoever takes them compares
 * them with the digest that is signed, so a kernel without device-mapper may mount the image after hashing it.
 */
export async function* bootFileBytes(
  host: Host,
  machine: Machine,
  target: InstallTarget,
): AsyncGenerator<Uint8Array> {
  const at = placeIn(machine);
  await host.files.makeFolder(at, { parents: true });
  const integrity = (await host.devices.hasDeviceMapper()) ? 'verity' : 'digest';
  const store = await openStore(host, machine);
  await mountTarget(host, machine, store, { target, at, integrity, owner, replace: true });
  try {
    yield* host.files.stream(await host.files.pathBelow(at, inBootkit.bootFile), { noFollow: true });
  } finally {
    await unmountBootFile(host, machine);
  }
}

/** Also what a run that was stopped has left. */
export async function unmountBootFile(host: Host, machine: Machine): Promise<void> {
  const at = placeIn(machine);
  if ((await host.files.stat(at)) === undefined) return;
  const { unmountMolecule } = await import('../../atomfs/index.ts');
  await unmountMolecule(host, at, { runtime: machine.paths.run, owner }).catch((error: unknown) => {
    if (!isMosError(error, 'state')) throw error; // nothing is mounted there
  });
  await host.files.removeFolder(at);
}
