import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import type { Container } from '../../lxc/index.ts';
import type { ServiceFolder } from './record.ts';

/** Whom the nodes belong to, as the host sees it. */
export type DeviceOwner = { readonly uid: number; readonly gid: number };

/**
 * Nodes of its own for the devices that the manifest gives to a service: those of the host belong to nobody in a container. They
 * are on a file system of their own, because /run may be one that has no devices.
 */
export async function makeDevices(
  host: Host,
  { devices, service }: ServiceFolder,
  paths: readonly string[],
  { uid, gid }: DeviceOwner,
): Promise<Container['devices']> {
  if (paths.length === 0) return [];
  await host.files.makeFolder(devices);
  await host.mounts.mount({
    fstype: 'tmpfs',
    source: 'mos-devices',
    target: devices,
    flags: ['nosuid', 'noexec'],
    options: ['size=64k', 'mode=0711'],
  });
  const made: { from: string; to: string }[] = [];
  for (const [index, path] of paths.entries()) {
    const from = `${devices}/${index}`;
    const type = (await host.files.stat(await host.files.realPath(path).catch(() => path)))?.type;
    if (type !== 'character' && type !== 'block')
      throw new MosError('not-found', `cannot start ${service}: this machine has no device ${path}`);
    await host.processes.run(['cp', '--archive', '--dereference', path, from]);
    await host.files.setOwner(from, uid, gid);
    await host.files.setMode(from, 0o600);
    made.push({ from, to: path });
  }
  return made;
}
