import { type Host, readTextIfThere } from '../../host/index.ts';
import type { MachineTarget } from '../../manifest/index.ts';
import { makeFolders } from './writing.ts';

/**
 * What the C library looks names up in, which images leave to who runs them: /etc/hosts where the image has none or an empty one,
 * and a place for /etc/resolv.conf, which is the host's for a service with the network of the host. A link in an image would
 * lead nowhere.
 */
export async function placeNames(
  host: Host,
  rootfs: string,
  owner: number,
  { name, network, target }: MachineTarget,
): Promise<void> {
  const etc = await makeFolders(host, rootfs, owner, '/etc');
  const write = async (file: string, text: string): Promise<void> => {
    await host.files.remove(`${etc}/${file}`);
    await using open = await host.files.create(`${etc}/${file}`);
    await open.write(Buffer.from(text));
    await host.files.setOwner(`${etc}/${file}`, owner, owner);
  };
  const hosts = await host.files.stat(`${etc}/hosts`);
  if (hosts === undefined || (hosts.type === 'file' && hosts.size === 0))
    await write('hosts', renderOwnHosts(name, network));
  if (target.network.type === 'host')
    await write('resolv.conf', (await readTextIfThere(host, '/etc/resolv.conf')) ?? '');
  if (target.network.type === 'simple' && (await host.files.stat(`${etc}/resolv.conf`))?.type !== 'file')
    await write('resolv.conf', '');
}

/** Text for hosts(5). */
export function renderOwnHosts(name: string, network: MachineTarget['network']): string {
  const own = network === undefined ? ['127.0.1.1'] : [network.ipv4, network.ipv6];
  return [
    '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n',
    ...own.map((address) => `${address.replace(/\/.*$/, '')} ${name}\n`),
  ].join('');
}
