import { MosError } from '../../errors/index.ts';
import { onEsp } from '../../esp/index.ts';
import type { Host } from '../../host/index.ts';
import { beneath } from '../beneath.ts';
import { readBooted } from '../current.ts';
import type { Machine } from '../machine.ts';

/** Where the ESP is mounted, below the root of the machine. */
export const espPlace = ['boot', 'efi'] as const;

/**
 * The folder of the ESP; undefined on a machine that boots without one. A machine that its own loader started has one:
 * where it is not mounted, an update would be lost.
 */
export async function findEsp(host: Host, { paths }: Machine): Promise<string | undefined> {
  const at = await beneath(host, paths.root, espPlace);
  if ((await host.files.stat(`${at}/${onEsp.entries}`))?.type === 'directory') return at;
  if ((await readBooted(host, paths))?.entry === undefined) return undefined;
  throw new MosError('state', `cannot use the boot files: the ESP is not mounted at ${at}`, {
    hint: `mount it; one that fsck.vfat can't repair is made anew: mkfs.vfat -F 32, mount, mkdir -p ${at}/${onEsp.entries}, and mosctl gc fills it`,
  });
}
