/** Rights that a manifest can give: capabilities(7) as of Linux 6.12, in the order of their numbers. */
export const capabilityNames = [
  ...(['chown', 'dac_override', 'dac_read_search', 'fowner', 'fsetid', 'kill', 'setgid', 'setuid'] as const),
  ...(['setpcap', 'linux_immutable', 'net_bind_service', 'net_broadcast', 'net_admin', 'net_raw'] as const),
  ...(['ipc_lock', 'ipc_owner', 'sys_module', 'sys_rawio', 'sys_chroot', 'sys_ptrace', 'sys_pacct'] as const),
  ...(['sys_admin', 'sys_boot', 'sys_nice', 'sys_resource', 'sys_time', 'sys_tty_config', 'mknod'] as const),
  ...(['lease', 'audit_write', 'audit_control', 'setfcap', 'mac_override', 'mac_admin', 'syslog'] as const),
  ...(['wake_alarm', 'block_suspend', 'audit_read', 'perfmon', 'bpf', 'checkpoint_restore'] as const),
] as const;

export type Capability = (typeof capabilityNames)[number];
