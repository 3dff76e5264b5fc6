/**
 * What a service may do unless its manifest says otherwise. The list of capabilities is that of other container
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

/** Calls that change the host, its clock or its kernel, make namespaces and mounts, or have been ways out of containers. */
const refusedCalls: readonly string[] = [
  ...[
    'acct',
    'add_key',
    'adjtimex',
    'bpf',
    'clock_adjtime',
    'clock_adjtime64',
    'clock_settime',
    'clock_settime64',
  ],
  ...[
    'create_module',
    'delete_module',
    'finit_module',
    'fsconfig',
    'fsmount',
    'fsopen',
    'fspick',
    'get_kernel_syms',
  ],
  ...[
    'init_module',
    'ioperm',
    'iopl',
    'kcmp',
    'kexec_file_load',
    'kexec_load',
    'keyctl',
    'lookup_dcookie',
    'mount',
  ],
  ...[
    'mount_setattr',
    'move_mount',
    'move_pages',
    'name_to_handle_at',
    'nfsservctl',
    'open_by_handle_at',
    'open_tree',
  ],
  ...['perf_event_open', 'pivot_root', 'process_vm_readv', 'process_vm_writev', 'query_module', 'quotactl'],
  ...[
    'quotactl_fd',
    'reboot',
    'request_key',
    'setdomainname',
    'sethostname',
    'setns',
    'settimeofday',
    'stime',
  ],
  ...[
    'swapoff',
    'swapon',
    'syslog',
    'sysfs',
    'umount',
    'umount2',
    'unshare',
    'uselib',
    'userfaultfd',
    'vhangup',
  ],
];

/** Calls that programs try and do without: clone3 hides its flags in memory, io_uring passes the filter by. */
const missingCalls: readonly string[] = ['clone3', 'io_uring_enter', 'io_uring_register', 'io_uring_setup'];

/** linux/sched.h: CLONE_NEW{CGROUP,UTS,IPC,USER,PID,NET,NS,TIME}. */
const namespaceFlags = [
  ...[0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000],
  ...[0x0002_0000, 0x0000_0080],
];

/** The filter in LXC's own form (lxc.container.conf(5), SECCOMP CONFIGURATION, version 2), for all ABIs of the machine. */
export const renderSeccomp = (): string =>
  [
    '2',
    'denylist allow',
    '[all]',
    ...refusedCalls.map((call) => `${call} errno ${noPermission}`),
    ...missingCalls.map((call) => `${call} errno ${noSuchCall}`),
    ...namespaceFlags.map((flag) => `clone errno ${noPermission} [0,${flag},SCMP_CMP_MASKED_EQ,${flag}]`),
    '',
  ].join('\n');
