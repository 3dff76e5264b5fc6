import type { IdRange } from '../host/index.ts';
import type { Entry } from './config.ts';
import { capabilities, maskedFiles, maskedFolders } from './confinement.ts';
import type { IoWeightFile } from './io-weight.ts';
import { type Attachment, networkEntries } from './network/config.ts';
import type { Process } from './process.ts';
import { starterPlace } from './starter.ts';

/** cgroup limits; memory in bytes, cpu in hundredths of one processor. */
export type Limits = {
  readonly memory?: number | undefined;
  readonly cpu?: number | undefined;
  readonly pids?: number | undefined;
  /** From 1 to 10000, and the file of the kernel for it. */
  readonly io?: { readonly weight: number; readonly file: IoWeightFile } | undefined;
};

/** One instance of a service, as data. All paths are absolute, and none comes from an image. */
export type Container = {
  /** The service's, also its host name. */
  readonly name: string;
  /** A mounted root file system. */
  readonly rootfs: string;
  /** Without it the container has the host's ids. */
  readonly ids: IdRange | undefined;
  readonly process: Process;
  /** File of `renderStarter`, for a process with supplementary groups where ids are mapped. */
  readonly starter?: string | undefined;
  /** `none`: its own loopback only. `host`: the network of the host. Else a place on the bridge. */
  readonly network: 'none' | 'host' | Attachment;
  /** Folders of the host that it has at other places, absolute in it. */
  readonly mounts: readonly { readonly from: string; readonly to: string; readonly isReadOnly?: boolean }[];
  readonly limits: Limits;
  /** Besides the usual ones. */
  readonly capabilities: readonly string[];
  /** Nodes of the host that it has below its /dev: a file each, and its path there. */
  readonly devices: readonly { readonly from: string; readonly to: string }[];
  /** Its root file system can't be written; all folders that something is mounted at must be there. */
  readonly isReadOnly: boolean;
  /** Whether the machine's cgroups are of version 2 alone, which is what limits need. */
  readonly hasCgroup2: boolean;
  readonly hasAppArmor: boolean;
  /** File of `renderSeccomp`. */
  readonly seccomp: string;
  /** What LXC says of it. */
  readonly lxcLog: string;
};

const cpuPeriod = 100_000;

/** The config of a container, in a fixed order. */
export const planContainer = (container: Container): Entry[] => [
  ['lxc.uts.name', container.name],
  ['lxc.rootfs.path', `dir:${container.rootfs}`],
  ...(container.isReadOnly ? [['lxc.rootfs.options', 'ro'] as const] : []),
  ...mapEntries(container.ids),
  ...networkOf(container),
  ...processEntries(container),
  ...confinementEntries(container),
  ...mountEntries(container),
  ...limitEntries(container),
  // A console of LXC loses the last words of a program that ends soon; so it has what lxc-start was given.
  ['lxc.console.path', 'none'],
  ['lxc.log.file', container.lxcLog],
  ['lxc.log.level', 'INFO'],
];

const networkOf = ({ network }: Container): Entry[] =>
  typeof network === 'object'
    ? networkEntries(network)
    : [['lxc.net.0.type', network === 'host' ? 'none' : 'empty']];

const mapEntries = (ids: IdRange | undefined): Entry[] =>
  ids === undefined ? [] : ['u', 'g'].map((kind) => ['lxc.idmap', `${kind} 0 ${ids.start} ${ids.count}`]);

/** fstab(5): blanks and backslashes in octal. LXC follows no link of the image out of it. */
const escaped = (path: string): string =>
  path.replaceAll(/[\s\\#]/g, (mark) => `\\${mark.charCodeAt(0).toString(8).padStart(3, '0')}`);

const mountEntries = ({ mounts, devices }: Container): Entry[] => [
  ...mounts.map(
    ({ from, to, isReadOnly }): Entry => [
      'lxc.mount.entry',
      `${escaped(from)} ${escaped(to.slice(1))} none bind,${isReadOnly ? 'ro,' : ''}nosuid,nodev,create=dir 0 0`,
    ],
  ),
  ...devices.map(
    ({ from, to }): Entry => [
      'lxc.mount.entry',
      `${escaped(from)} ${escaped(to.slice(1))} none bind,nosuid,noexec,create=file 0 0`,
    ],
  ),
];

const processEntries = ({ process, starter }: Container): Entry[] => {
  const { environment, uid, gid, groups, cwd, stopSignal } = process;
  return [
    ...environment.map(([name, value]): Entry => ['lxc.environment', `${name}=${value}`]),
    ...(starter === undefined
      ? [
          ['lxc.init.uid', String(uid)] as const,
          ['lxc.init.gid', String(gid)] as const,
          ...(groups.length === 0 ? [] : [['lxc.init.groups', groups.join(',')] as const]),
        ]
      : [
          [
            'lxc.mount.entry',
            `${escaped(starter)} ${starterPlace.slice(1)} none bind,ro,nosuid,nodev,create=file 0 0`,
          ] as const,
        ]),
    ['lxc.init.cwd', cwd],
    ['lxc.signal.halt', stopSignal],
  ];
};

/** Device nodes: those that LXC's autodev makes (null, zero, full, random, urandom, tty, console), and those of the manifest. */
const confinementEntries = ({ network, hasAppArmor, seccomp, ...more }: Container): Entry[] => [
  ['lxc.cap.keep', [...new Set([...capabilities, ...more.capabilities])].sort().join(' ')],
  ['lxc.no_new_privs', '1'],
  ['lxc.seccomp.profile', seccomp],
  ['lxc.apparmor.profile', hasAppArmor ? 'generated' : 'unchanged'],
  ['lxc.autodev', '1'],
  ['lxc.tty.max', '0'],
  ['lxc.mount.auto', network === 'host' ? 'proc:mixed' : 'proc:mixed sys:ro'],
  ...maskedFiles.map((path): Entry => ['lxc.mount.entry', `/dev/null ${path} none bind,optional 0 0`]),
  ...maskedFolders.map((path): Entry => ['lxc.mount.entry', `tmpfs ${path} tmpfs ro,size=4k,optional 0 0`]),
  ['lxc.mount.entry', 'tmpfs tmp tmpfs nosuid,nodev,mode=1777,size=256m,create=dir 0 0'],
  ['lxc.mount.entry', 'tmpfs dev/shm tmpfs nosuid,nodev,noexec,mode=1777,size=64m,create=dir 0 0'],
];

function limitEntries({ limits, hasCgroup2 }: Container): Entry[] {
  if (!hasCgroup2) return [];
  const { memory, cpu, pids, io } = limits;
  return [
    ...(memory === undefined
      ? []
      : [['lxc.cgroup2.memory.max', String(memory)] as const, ['lxc.cgroup2.memory.swap.max', '0'] as const]),
    ...(cpu === undefined
      ? []
      : [['lxc.cgroup2.cpu.max', `${(cpu * cpuPeriod) / 100} ${cpuPeriod}`] as const]),
    ['lxc.cgroup2.pids.max', String(pids ?? usualProcesses)],
    ...(io === undefined ? [] : [[`lxc.cgroup2.${io.file}`, String(bounded(io))] as const]),
  ];
}

/** BFQ knows no more than 1000 (Documentation/block/bfq-iosched.rst). */
const bounded = ({ weight, file }: NonNullable<Limits['io']>): number =>
  file === 'io.bfq.weight' ? Math.min(weight, 1000) : weight;

/** Enough for any service, too few for a fork bomb to stop the machine. */
const usualProcesses = 4096;
