/**
 * What a service may do besides what its manifest gives. The list of capabilities is that of other container
 * managers without mknod and raw sockets; within a user namespace each counts for the container only.
 */
export const capabilities: readonly string[] = [
  ...['audit_write', 'chown', 'dac_override', 'fowner', 'fsetid', 'kill', 'net_bind_service'],
  ...['setfcap', 'setgid', 'setpcap', 'setuid', 'sys_chroot'],
];

/** Files of /proc and /sys that tell of the host or change it; each is covered where the kernel has it. */
export const maskedFiles: readonly string[] = [
  ...['proc/kcore', 'proc/keys', 'proc/latency_stats', 'proc/sched_debug', 'proc/sysrq-trigger'],
  ...['proc/timer_list', 'proc/kallsyms', 'proc/kpagecount', 'proc/kpageflags', 'proc/kmsg'],
];
export const maskedFolders: readonly string[] = [
  ...['proc/acpi', 'proc/asound', 'proc/scsi', 'sys/firmware', 'sys/kernel/debug', 'sys/kernel/tracing'],
  ...['sys/devices/virtual/powercap', 'sys/fs/bpf'],
];

const noPermission = 1;
const noSuchCall = 38;

/** Calls that change the host, make mounts or have been ways out of containers, whatever rights somebody has. */
const refusedCalls: readonly string[] = [
  ...[
    'add_key',
    'create_module',
    'get_kernel_syms',
    'keyctl',
    'lookup_dcookie',
    'nfsservctl',
    'query_module',
  ],
  ...['request_key', 'sysfs', 'uselib', 'userfaultfd', 'vhangup'],
];

/** Those that are refused to whoever has not the right for them: each capability is worth nothing without its calls. */
const callsOf: Readonly<Partial<Record<string, readonly string[]>>> = {
  dac_read_search: ['name_to_handle_at', 'open_by_handle_at'],
  sys_admin: [
    ...['fsconfig', 'fsmount', 'fsopen', 'fspick', 'mount', 'mount_setattr', 'move_mount', 'open_tree'],
    ...['perf_event_open', 'pivot_root', 'quotactl', 'quotactl_fd', 'setdomainname', 'sethostname', 'setns'],
    ...['swapoff', 'swapon', 'umount', 'umount2', 'unshare'],
  ],
  bpf: ['bpf'],
  sys_boot: ['kexec_file_load', 'kexec_load', 'reboot'],
  sys_module: ['delete_module', 'finit_module', 'init_module'],
  sys_nice: ['move_pages'],
  sys_pacct: ['acct'],
  sys_ptrace: ['kcmp', 'process_vm_readv', 'process_vm_writev'],
  sys_rawio: ['ioperm', 'iopl'],
  sys_time: [
    ...['adjtimex', 'clock_adjtime', 'clock_adjtime64', 'clock_settime', 'clock_settime64'],
    ...['settimeofday', 'stime'],
  ],
  syslog: ['syslog'],
};

/** Calls that programs try and do without: clone3 hides its flags in memory, io_uring passes the filter by. */
const missingCalls: readonly string[] = ['clone3', 'io_uring_enter', 'io_uring_register', 'io_uring_setup'];

/** linux/socket.h: AF_ALG (the kernel's ciphers, often a hole), AF_VSOCK (to the host of a virtual machine, past every network rule). */
const refusedSockets = [38, 40];
/** asm-generic/ioctls.h: TIOCSTI, TIOCLINUX put words into the terminal of who looks into a service. The kernel reads 32 bits. */
const refusedControls = [0x5412, 0x541c];
const lowWord = 0xffff_ffff;
const noSuchFamily = 97;

/** linux/sched.h: CLONE_NEW{CGROUP,UTS,IPC,USER,PID,NET,NS,TIME}. */
const namespaceFlags = [
  ...[0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000],
  ...[0x0002_0000, 0x0000_0080],
];

/**
 * The filter in LXC's own form (lxc.container.conf(5), SECCOMP CONFIGURATION, version 2), for all ABIs of the machine.
 * @param extra the capabilities that the manifest gives besides the usual ones
 */
export function renderSeccomp(extra: readonly string[] = []): string {
  const given = new Set(extra);
  const refused = [
    ...refusedCalls,
    ...Object.entries(callsOf).flatMap(([capability, calls]) => (given.has(capability) ? [] : (calls ?? []))),
  ].sort();
  const flags = given.has('sys_admin') ? [] : namespaceFlags;
  return [
    '2',
    'denylist allow',
    '[all]',
    ...refused.map((call) => `${call} errno ${noPermission}`),
    ...missingCalls.map((call) => `${call} errno ${noSuchCall}`),
    ...flags.map((flag) => `clone errno ${noPermission} [0,${flag},SCMP_CMP_MASKED_EQ,${flag}]`),
    ...refusedSockets.map(
      (family) => `socket errno ${noSuchFamily} [0,${family},SCMP_CMP_MASKED_EQ,${lowWord}]`,
    ),
    ...refusedControls.map(
      (request) => `ioctl errno ${noPermission} [1,${request},SCMP_CMP_MASKED_EQ,${lowWord}]`,
    ),
    '',
  ].join('\n');
}
