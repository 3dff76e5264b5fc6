import { messageOf } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import type { Layout } from '../layout/index.ts';
import type { InstallTarget } from '../manifest/index.ts';
import { about, readImage } from './images.ts';
import { fetchAgain, type Machine, openStore } from './machine.ts';

/** What the store lacks of some images, in words. Names and lengths count: the bytes of layers are for `verify`. */
export async function lostImages(
  host: Host,
  machine: Machine,
  targets: readonly InstallTarget[],
): Promise<string[]> {
  const said = new Set<string>();
  const attempt = (run: () => Promise<void>): Promise<void> =>
    run().catch((error: unknown) => void said.add(`${messageOf(error)}: ${fetchAgain}`));
  await attempt(async () => {
    const store = await openStore(host, machine);
    for (const target of targets) await attempt(() => requireWhole(target, store));
  });
  return [...said];
}

async function requireWhole(target: InstallTarget, store: Layout): Promise<void> {
  const { image } = await readImage(target, store);
  await about(target, 'use', async () => {
    for (const part of [image.config, ...image.layers]) await store.blobFile(part);
  });
}
