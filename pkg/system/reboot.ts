import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';

/** By systemd, so that services end tidily. */
export async function reboot(host: Host, { root }: { readonly root: string }): Promise<void> {
  if (root !== '/')
    throw new MosError('usage', `cannot reboot ${root}: it is a folder and no running machine`);
  await host.processes.run(['systemctl', 'reboot', '--no-block']);
}
