import { MosError } from '../errors/index.ts';
import type { Api } from './api.ts';

/** By systemd, so that services end tidily. */
export async function reboot({ host, options: { root } }: Api): Promise<void> {
  if (root !== '/')
    throw new MosError('usage', `cannot reboot ${root}: it is a folder and no running machine`);
  await host.processes.run(['systemctl', 'reboot', '--no-block']);
}
