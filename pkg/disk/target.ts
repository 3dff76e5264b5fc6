import { isMosError, MosError } from '../errors/index.ts';
import { type Host, readText } from '../host/index.ts';
import { readTable } from './block.ts';
import { type PartitionTable, sectorSize } from './gpt.ts';
import { hasOurPartitions, type InstallProgress, progressOf, readMark } from './make.ts';

/** A whole disk that a machine might be installed on. */
export type DiskTarget = {
  /** `vda` */
  readonly name: string;
  readonly node: string;
  /** Of 512 bytes. */
  readonly sectors: number;
  /** What the disk reads and writes at once, and counts in. */
  readonly sectorBytes: number;
  readonly isRemovable: boolean;
  readonly isReadOnly: boolean;
  /** Where it is mounted, and what else holds it. */
  readonly users: readonly string[];
  /** Partition tables and file systems on it: `gpt`, `ext4`. */
  readonly content: readonly string[];
  /** The table, where it has just the partitions of a machine. */
  readonly ours: PartitionTable | undefined;
  /** Where an install was stopped on it. */
  readonly progress: InstallProgress | undefined;
};

const sysBlock = '/sys/block';

/** What can be known of the disk that a person named: `/dev/vda`, `vda`, or a link in /dev/disk. Reads only. */
export async function readDiskTarget(host: Host, given: string): Promise<DiskTarget> {
  const node = await host.files.realPath(given.includes('/') ? given : `/dev/${given}`);
  const name = node.replace(/^\/dev\//, '');
  if (name.includes('/') || (await host.files.stat(`${sysBlock}/${name}`)) === undefined)
    throw new MosError('not-found', `cannot install on ${given}: it is no whole disk`, {
      hint: `disks: ${(await host.files.list(sysBlock)).filter((one) => !/^(loop|ram|dm-|zram|sr)/.test(one)).join(', ')}`,
    });
  const number = async (file: string) => Number((await readText(host, `${sysBlock}/${name}/${file}`)).trim());
  const [content, table] = [await contentOf(host, node), await tableOf(host, node)];
  return {
    name,
    node,
    sectors: await number('size'),
    sectorBytes: await number('queue/logical_block_size'),
    isRemovable: (await number('removable')) === 1,
    isReadOnly: (await number('ro')) === 1,
    users: await usersOf(host, name),
    content,
    ours: table && hasOurPartitions(table) ? table : undefined,
    progress: progressOf(await readMark(host, node), content, table),
  };
}

/** A damaged one is somebody's, as `content` says. */
async function tableOf(host: Host, node: string): Promise<PartitionTable | undefined> {
  try {
    return await readTable(host, node);
  } catch (error) {
    if (isMosError(error, 'corrupt')) return undefined;
    throw error;
  }
}

/** The disk and its partitions: where they are mounted, and the devices built on them. */
async function usersOf(host: Host, disk: string): Promise<string[]> {
  const users: string[] = [];
  const table = await host.mounts.table();
  for (const path of [disk, ...(await partitionsOf(host, disk)).map((name) => `${disk}/${name}`)]) {
    const device = (await readText(host, `${sysBlock}/${path}/dev`)).trim();
    const node = `/dev/${path.split('/').at(-1)}`;
    for (const entry of table) if (entry.device === device || entry.source === node) users.push(entry.target);
    users.push(...(await host.files.list(`${sysBlock}/${path}/holders`)));
  }
  const swaps = await readText(host, '/proc/swaps');
  if (new RegExp(`^/dev/${disk}`, 'm').test(swaps)) users.push('swap');
  return [...new Set(users)];
}

async function partitionsOf(host: Host, disk: string): Promise<string[]> {
  const names = await host.files.list(`${sysBlock}/${disk}`);
  const found = await Promise.all(
    names.map(async (name) => (await host.files.stat(`${sysBlock}/${disk}/${name}/partition`)) !== undefined),
  );
  return names.filter((_, index) => found[index]);
}

async function contentOf(host: Host, node: string): Promise<string[]> {
  try {
    const { stdout } = await host.processes.query(['wipefs', '--noheadings', '--output', 'TYPE', node]);
    return [...new Set(Buffer.from(stdout).toString().split(/\s+/).filter(Boolean))];
  } catch (cause) {
    if (!isMosError(cause, 'not-found')) throw cause;
    throw new MosError('not-found', `cannot look for file systems on ${node}: there is no wipefs`, {
      hint: 'the package util-linux has it',
    });
  }
}

/** What a person has said may be done. */
export type UsePermission = {
  readonly overwrite?: boolean | undefined;
  readonly removable?: boolean | undefined;
};

/** Refuses the install medium and whatever else is in use, removable and full disks, and sectors that are not ours (PITFALLS "Disk"). Pure. */
export function requireUsable(disk: DiskTarget, { overwrite, removable }: UsePermission): void {
  const refuse = (why: string, hint: string) =>
    new MosError('state', `cannot install on ${disk.node}: ${why}`, { hint });
  if (disk.isReadOnly) throw refuse('it can only be read', 'take its write protection away');
  if (disk.users.length > 0)
    throw refuse(`it is in use: ${disk.users.slice(0, 5).join(', ')}`, 'name another disk, or unmount it');
  if (disk.sectorBytes !== sectorSize)
    throw refuse(
      `its sectors have ${disk.sectorBytes} bytes, where mos writes partition tables in sectors of ${sectorSize}`,
      'name another disk; some can be formatted to sectors of 512 bytes, an NVMe disk by `nvme format`',
    );
  if (disk.isRemovable && !removable)
    throw refuse('it is removable', 'a machine on it must be asked for by --removable');
  if (disk.content.length === 0 || overwrite || disk.progress !== undefined) return;
  if (disk.ours !== undefined)
    throw new MosError('exists', `cannot install on ${disk.node}: there is an installation on it`, {
      hint: 'mosctl update brings a machine to another manifest; --overwrite takes the disk, and all that is on it is lost',
    });
  throw refuse(
    `it has something on it: ${disk.content.join(', ')}`,
    '--overwrite takes the disk, and all that is on it is lost',
  );
}
