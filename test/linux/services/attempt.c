// Makes one system call that a service has no business with: `attempt bpf`. Ends with 0 where it worked.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static char space[4096];
static struct timespec past = { .tv_sec = 1000000000 };

static long by_name(const char *name, const char *value) {
#define CALL(word, ...) if (strcmp(name, word) == 0) return __VA_ARGS__
  CALL("bpf", syscall(SYS_bpf, 0, space, 64));
  CALL("userfaultfd", syscall(SYS_userfaultfd, 0));
  CALL("keyctl", syscall(SYS_keyctl, 0, -3, 1));
  CALL("add_key", syscall(SYS_add_key, "user", "x", "y", 1, -3));
  CALL("perf_event_open", syscall(SYS_perf_event_open, space, 0, -1, -1, 0));
  CALL("open_by_handle_at", syscall(SYS_open_by_handle_at, AT_FDCWD, space, O_RDONLY));
  CALL("kexec_load", syscall(SYS_kexec_load, 0, 0, 0, 0));
  CALL("init_module", syscall(SYS_init_module, space, sizeof space, ""));
  CALL("io_uring_setup", syscall(SYS_io_uring_setup, 1, space));
  CALL("clone3", syscall(SYS_clone3, space, 64));
  CALL("clone", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
  CALL("setns", syscall(SYS_setns, open("/proc/self/ns/net", O_RDONLY), 0));
  CALL("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
  CALL("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
  CALL("mount_setattr", syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, space, 32));
  CALL("pivot_root", syscall(SYS_pivot_root, ".", "."));
  CALL("acct", syscall(SYS_acct, 0));
  CALL("quotactl", syscall(SYS_quotactl, 0, "", 0, space));
  CALL("process_vm_readv", syscall(SYS_process_vm_readv, 1, space, 0, space, 0, 0));
  CALL("settimeofday", syscall(SYS_settimeofday, &past, 0));
  CALL("clock_settime", syscall(SYS_clock_settime, CLOCK_REALTIME, &past));
#ifdef SYS_iopl
  CALL("iopl", syscall(SYS_iopl, 3));
#endif
  CALL("packet", socket(AF_PACKET, SOCK_RAW, 0));
  CALL("raw", socket(AF_INET, SOCK_RAW, 1));
  CALL("vsock", socket(AF_VSOCK, SOCK_STREAM, 0));
  CALL("alg", socket(AF_ALG, SOCK_SEQPACKET, 0));
  CALL("tiocsti", ioctl(0, TIOCSTI, "x"));
  CALL("wide tiocsti", syscall(SYS_ioctl, 0, 0x100000000 | TIOCSTI, "x"));
  CALL("ptrace", syscall(SYS_ptrace, 16, atoi(value), 0, 0));
  errno = EINVAL;
  return -1;
}

int main(int count, char **words) {
  if (by_name(words[1], count > 2 ? words[2] : "") >= 0) return 0;
  fprintf(stderr, "%s\n", strerror(errno));
  return 1;
}
