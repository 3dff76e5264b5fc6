import type { Integrity } from '../../atomfs/index.ts';
import { MosError } from '../../errors/index.ts';
import { type Host, type IdRange, writeRuntime } from '../../host/index.ts';
import type { Layout } from '../../layout/index.ts';
import {
  type Accounts,
  type Attachment,
  type Container,
  findIoWeight,
  type ImageProcess,
  type Process,
  planContainer,
  renderLxcConfig,
  renderSeccomp,
  requireIds,
  resolveProcess,
} from '../../lxc/index.ts';
import type { InstallTarget, MachineTarget, MachineVolume } from '../../manifest/index.ts';
import { parseJson, readVerified } from '../../oci/index.ts';
import { readImage } from '../images.ts';
import type { Machine } from '../machine.ts';
import { mountTarget } from '../mounting.ts';
import { openVolume, type VolumeRoot } from '../volume/index.ts';
import { readAbilities } from './abilities.ts';
import { type DeviceOwner, makeDevices } from './devices.ts';
import { grantedPlace, makeGrantedFolder } from './grant.ts';
import { makeStarter } from './groups.ts';
import { ifThere } from './image-files.ts';
import { placeNames } from './names.ts';
import type { ServiceFolder } from './record.ts';
import { folderAt, type MountPoints, makeMountPoints, upperOf } from './writing.ts';

export type Preparation = {
  readonly machine: Machine;
  readonly store: Layout;
  readonly entry: MachineTarget;
  readonly integrity: Integrity;
  readonly folder: ServiceFolder;
  readonly volumes: readonly MachineVolume[];
  /** Its place on the bridge, with a simple network. */
  readonly attachment: Attachment | undefined;
  /** What its image says. */
  readonly image: ImageProcess;
};

/** The ids of the service; undefined where the signed manifest says that it has those of the host. */
export const idsOf = ({ idmap }: MachineTarget): IdRange | undefined =>
  idmap === undefined ? undefined : { start: idmap.hostid, count: idmap.count };

/** Mounts the root file system of the service. */
export async function mountRoot(
  host: Host,
  { machine, store, entry, integrity, folder }: Omit<Preparation, 'attachment' | 'image'>,
): Promise<void> {
  const { target } = entry;
  await host.files.makeFolder(folder.rootfs, { parents: true, mode: 0o711 });
  await mountTarget(host, machine, store, {
    target,
    at: folder.rootfs,
    integrity,
    upper: upperOf(machine.paths, target),
    owner: 'mosctl activate',
    ids: idsOf(entry),
  });
}

/** Writes the config of the container, whose root file system is mounted, with all that it needs; its process is returned. */
export async function prepare(host: Host, preparation: Preparation): Promise<Process> {
  const { entry, folder, image } = preparation;
  const { target } = entry;
  const ids = idsOf(entry);
  const accounts = await readAccounts(host, folder.rootfs);
  const process = resolveProcess(target.service_name, image, accounts, {
    ...addressVariables(entry),
    ...target.environment,
  });
  if (ids !== undefined) requireIds(target.service_name, process, ids.count);
  const mounts = [...(await openStorage(host, preparation)), ...(await openGranted(host, preparation))];
  const owner = { uid: (ids?.start ?? 0) + process.uid, gid: (ids?.start ?? 0) + process.gid };
  await makeLog(host, folder, owner);
  const devices = await makeDevices(host, folder, target.devices ?? [], owner);
  const root = ids?.start ?? 0;
  await placeNames(host, folder.rootfs, root, entry);
  // As in other runtimes.
  if (process.cwd !== '/' && (await folderAt(host, folder.rootfs, root, process.cwd)) === undefined)
    throw new MosError(
      'invalid',
      `cannot start ${target.service_name}: its image has the working directory ${JSON.stringify(process.cwd)}, which is no folder`,
    );
  if (target.read_only) await makeMountPoints(host, folder.rootfs, root, pointsOf(preparation, mounts));
  const starter = await makeStarter(host, folder, process, ids !== undefined);
  await writeConfig(host, preparation, { process, starter, mounts, devices, ids });
  return process;
}

/** Devices are in its /dev, which LXC makes. */
const pointsOf = ({ attachment }: Preparation, mounts: Container['mounts']): MountPoints => ({
  folders: ['/proc', '/sys', '/dev', '/tmp', ...mounts.map(({ to }) => to)],
  files: attachment === undefined ? [] : ['/etc/resolv.conf'],
});

/** FORMATS 9: the persistent addresses, which the rules lead to whichever container of the service is active. */
function addressVariables({ network }: MachineTarget): Record<string, string> {
  if (network === undefined) return {};
  const { ipv4, ipv6 } = network;
  return { IPV4: ipv4, IPV6: ipv6, MOS_IPV4: withoutMask(ipv4), MOS_IPV6: withoutMask(ipv6) };
}

export const withoutMask = (address: string): string => address.replace(/\/.*$/, '');

/** The config of the image that was signed. */
export async function readProcess(target: InstallTarget, store: Layout): Promise<ImageProcess> {
  const { image } = await readImage(target, store);
  const bytes = await readVerified(image.config, store.open(image.config));
  const config = parseJson(bytes, `the config of ${target.service_name}`) as { config?: ImageProcess } | null;
  return config?.config ?? {};
}

const largestAccounts = 1024 * 1024;

/** Links in the image lead nowhere but into it. */
async function readAccounts(host: Host, rootfs: string): Promise<Accounts> {
  const read = async (name: string): Promise<string> => {
    const bytes = await ifThere(async () => {
      const path = await host.files.pathBelow(rootfs, name);
      const stat = await host.files.stat(path);
      return stat?.type === 'file' && stat.size <= largestAccounts ? host.files.read(path) : undefined;
    });
    return bytes === undefined ? '' : Buffer.from(bytes).toString('utf8');
  };
  return { passwd: await read('etc/passwd'), group: await read('etc/group') };
}

/** The volumes of the service. A new one belongs to whom the folder that it covers belongs to in the image. */
async function openStorage(
  host: Host,
  { machine, entry, folder, volumes }: Preparation,
): Promise<Container['mounts']> {
  const mounts: { from: string; to: string }[] = [];
  const first = idsOf(entry)?.start ?? 0;
  for (const { label, dest } of entry.target.storage) {
    const volume = volumes.find((one) => one.volume === label);
    if (volume === undefined)
      throw new MosError('invalid', `cannot start ${entry.name}: its manifest has no volume ${label}`);
    const { to, covered } = await coveredFolder(host, { entry, folder }, dest, first);
    mounts.push({ from: await openVolume(host, machine.paths, volume, covered), to });
  }
  return mounts;
}

/** The API's socket, where the signed manifest grants it; with the ids of the host it would be root who calls. */
async function openGranted(host: Host, { machine, entry }: Preparation): Promise<Container['mounts']> {
  if (entry.target.api_role === undefined || idsOf(entry) === undefined) return [];
  const from = await makeGrantedFolder(host, machine.paths);
  return [{ from, to: grantedPlace, isReadOnly: true }];
}

/** Where a volume is to be, which links of the image may lead to: LXC follows none. */
async function coveredFolder(
  host: Host,
  { entry, folder: { rootfs } }: Pick<Preparation, 'entry' | 'folder'>,
  dest: string,
  first: number,
): Promise<{ readonly to: string; readonly covered: VolumeRoot }> {
  const at = await folderAt(host, rootfs, first, dest);
  const stat = at === undefined ? undefined : await host.files.stat(at);
  if (at === undefined || stat === undefined)
    throw new MosError(
      'invalid',
      `cannot start ${entry.name}: its image has no place for a volume at ${dest}`,
      {
        hint: 'what is there is no folder, or a link that leads nowhere',
      },
    );
  const owner = { uid: Math.max(stat.uid - first, 0), gid: Math.max(stat.gid - first, 0) };
  return { to: at.slice(rootfs.length), covered: { ...owner, mode: stat.mode } };
}

async function writeConfig(
  host: Host,
  { entry: { target }, folder, attachment }: Preparation,
  parts: Pick<Container, 'process' | 'starter' | 'mounts' | 'devices' | 'ids'>,
): Promise<void> {
  const { resources, network } = target;
  const able = await readAbilities(host);
  const entries = planContainer({
    name: target.service_name,
    rootfs: folder.rootfs,
    ...parts,
    network: attachment ?? (network.type === 'host' ? 'host' : 'none'),
    capabilities: target.capabilities ?? [],
    isReadOnly: target.read_only === true,
    limits: {
      memory: resources?.memory === undefined ? undefined : resources.memory * 1024 * 1024,
      cpu: resources?.cpu,
      pids: resources?.pids,
      io: await shareOf(host, resources?.io_weight, able.hasCgroup2),
    },
    ...able,
    seccomp: folder.seccomp,
    lxcLog: folder.lxcLog,
  });
  await writeRuntime(host, folder.seccomp, renderSeccomp(target.capabilities), { mode: 0o600 });
  await writeRuntime(host, folder.config, renderLxcConfig(entries), { mode: 0o600 });
}

/** Nothing where the kernel can't share disks: no reason not to start. */
async function shareOf(
  host: Host,
  weight: number | undefined,
  hasCgroup2: boolean,
): Promise<Container['limits']['io']> {
  if (weight === undefined || !hasCgroup2) return undefined;
  const file = await findIoWeight(host);
  return file === undefined ? undefined : { weight, file };
}

/** The file belongs to the service, which may open its own stdout by name. */
async function makeLog(host: Host, { log, output }: ServiceFolder, { uid, gid }: DeviceOwner): Promise<void> {
  await host.files.makeFolder(log);
  await host.mounts.mount({
    fstype: 'tmpfs',
    source: 'mos-log',
    target: log,
    flags: ['nodev', 'nosuid', 'noexec'],
    options: [`size=${logBytes}`, 'mode=0711'],
  });
  await (await host.files.create(output, { mode: 0o600 }))[Symbol.asyncDispose]();
  await host.files.setOwner(output, uid, gid);
}

/** Room for what a service says; a supervisor keeps it half empty. */
export const logBytes = 4 * 1024 * 1024;
