/*
 * stop-at N PREFIXES REPORT -- PROGRAM [ARG…]
 *
 * Runs a program and all its children, and kills them with SIGKILL before the N-th system call that changes
 * something; N = 0 lets it run to its end. REPORT gets the number of such calls seen and, when killed, the name of the
 * call. It returns when all of them are gone, with the program's exit code, or 137 when it was killed.
 *
 * Counted (the table below): changes of names, modes, owners, times, attributes,
 * mounts and devices anywhere; opening that may make or cut a file; writes and syncs of files whose path begins with one
 * of PREFIXES, separated by colons.
 *
 * seccomp(2) marks the calls with SECCOMP_RET_TRACE, so that only these stop the program (ptrace(2)). io_uring could
 * change files without any of them: it is refused as on a kernel without it. Calls of 32-bit programs kill the program.
 * PTRACE_O_EXITKILL: when the tracer ends, the kernel kills all it traces, whatever state they are in.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYS_fchmodat2_ 452 /* younger than Debian 12's headers */

/* FD, FD_THIRD: the file that is written is the first or the third argument. */
enum kind { ALWAYS, OPEN, OPEN_AT, OPEN_HOW, FD, FD_THIRD, IOCTL };
static const struct { long number; enum kind kind; const char *name; } calls[] = {
  {SYS_rename, ALWAYS, "rename"}, {SYS_renameat, ALWAYS, "renameat"}, {SYS_renameat2, ALWAYS, "renameat2"},
  {SYS_unlink, ALWAYS, "unlink"}, {SYS_unlinkat, ALWAYS, "unlinkat"}, {SYS_rmdir, ALWAYS, "rmdir"},
  {SYS_mkdir, ALWAYS, "mkdir"}, {SYS_mkdirat, ALWAYS, "mkdirat"}, {SYS_mknod, ALWAYS, "mknod"},
  {SYS_mknodat, ALWAYS, "mknodat"}, {SYS_link, ALWAYS, "link"}, {SYS_linkat, ALWAYS, "linkat"},
  {SYS_symlink, ALWAYS, "symlink"}, {SYS_symlinkat, ALWAYS, "symlinkat"},
  {SYS_chmod, ALWAYS, "chmod"}, {SYS_fchmodat, ALWAYS, "fchmodat"}, {SYS_fchmodat2_, ALWAYS, "fchmodat2"},
  {SYS_chown, ALWAYS, "chown"}, {SYS_lchown, ALWAYS, "lchown"}, {SYS_fchownat, ALWAYS, "fchownat"},
  {SYS_utime, ALWAYS, "utime"}, {SYS_utimes, ALWAYS, "utimes"}, {SYS_futimesat, ALWAYS, "futimesat"},
  {SYS_utimensat, ALWAYS, "utimensat"},
  {SYS_setxattr, ALWAYS, "setxattr"}, {SYS_lsetxattr, ALWAYS, "lsetxattr"}, {SYS_fsetxattr, ALWAYS, "fsetxattr"},
  {SYS_removexattr, ALWAYS, "removexattr"}, {SYS_lremovexattr, ALWAYS, "lremovexattr"},
  {SYS_fremovexattr, ALWAYS, "fremovexattr"},
  {SYS_truncate, ALWAYS, "truncate"}, {SYS_creat, ALWAYS, "creat"},
  {SYS_open, OPEN, "open"}, {SYS_openat, OPEN_AT, "openat"}, {SYS_openat2, OPEN_HOW, "openat2"},
  {SYS_write, FD, "write"}, {SYS_writev, FD, "writev"}, {SYS_pwrite64, FD, "pwrite64"}, {SYS_pwritev, FD, "pwritev"},
  {SYS_pwritev2, FD, "pwritev2"}, {SYS_ftruncate, FD, "ftruncate"}, {SYS_fallocate, FD, "fallocate"},
  {SYS_sendfile, FD, "sendfile"}, {SYS_copy_file_range, FD_THIRD, "copy_file_range"}, {SYS_splice, FD_THIRD, "splice"},
  {SYS_fchmod, FD, "fchmod"}, {SYS_fchown, FD, "fchown"},
  {SYS_fsync, FD, "fsync"}, {SYS_fdatasync, FD, "fdatasync"}, {SYS_sync_file_range, FD, "sync_file_range"},
  {SYS_syncfs, FD, "syncfs"},
  {SYS_mount, ALWAYS, "mount"}, {SYS_umount2, ALWAYS, "umount2"}, {SYS_pivot_root, ALWAYS, "pivot_root"},
  {SYS_open_tree, ALWAYS, "open_tree"}, {SYS_move_mount, ALWAYS, "move_mount"}, {SYS_fsopen, ALWAYS, "fsopen"},
  {SYS_fsconfig, ALWAYS, "fsconfig"}, {SYS_fsmount, ALWAYS, "fsmount"}, {SYS_fspick, ALWAYS, "fspick"},
  {SYS_mount_setattr, ALWAYS, "mount_setattr"},
  {SYS_init_module, ALWAYS, "init_module"}, {SYS_finit_module, ALWAYS, "finit_module"},
  {SYS_delete_module, ALWAYS, "delete_module"}, {SYS_ioctl, IOCTL, "ioctl"},
};
enum { CALLS = sizeof calls / sizeof *calls };

static void die(const char *what) { fprintf(stderr, "stop-at: %s: %s\n", what, strerror(errno)); _exit(125); }

static void install_filter(void) {
  struct sock_filter filter[3 + 2 + 1 + 2 * CALLS + 1];
  unsigned n = 0;
  filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
  filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
  filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1);
  filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
  for (int i = 0; i < CALLS; i++) {
    filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i].number, 0, 1);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | (unsigned)i);
  }
  filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {(unsigned short)n, filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) die("seccomp");
}

static int opens_for_change(unsigned long long flags) { return (flags & (O_CREAT | O_TRUNC)) != 0; }

/*
 * linux/loop.h: set and clear the file, set the status, configure, add, remove, get a free one; linux/fs.h: share
 * blocks, set flags; linux/dm-ioctl.h: create, remove, rename, suspend or resume, load, clear.
 */
static int changes_devices(unsigned long long request) {
  static const unsigned requests[] = {
    0x4c00, 0x4c01, 0x4c02, 0x4c04, 0x4c06, 0x4c0a, 0x4c80, 0x4c81, 0x4c82,
    0x40049409, 0x4020940d, 0x40086602,
    0xc138fd03, 0xc138fd04, 0xc138fd05, 0xc138fd06, 0xc138fd09, 0xc138fd0a,
  };
  for (unsigned i = 0; i < sizeof requests / sizeof *requests; i++)
    if ((unsigned)request == requests[i]) return 1;
  return 0;
}

static int below(const char *prefixes, pid_t pid, unsigned long long fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/%d/fd/%llu", pid, fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  for (const char *at = prefixes; *at;) {
    size_t size = strcspn(at, ":");
    if (size > 0 && strncmp(path, at, size) == 0) return 1;
    at += size + (at[size] == ':');
  }
  return 0;
}

static int counts(int index, pid_t pid, const char *prefixes) {
  struct user_regs_struct regs;
  if (ptrace(PTRACE_GETREGS, pid, 0, &regs)) return 0;
  switch (calls[index].kind) {
    case IOCTL: return changes_devices(regs.rsi);
    case OPEN: return opens_for_change(regs.rsi);
    case OPEN_AT: return opens_for_change(regs.rdx);
    case OPEN_HOW: return opens_for_change((unsigned long long)ptrace(PTRACE_PEEKDATA, pid, regs.rdx, 0));
    case FD: return below(prefixes, pid, regs.rdi);
    case FD_THIRD: return below(prefixes, pid, regs.rdx);
    default: return 1;
  }
}

static void report(const char *path, long count, const char *killed) {
  FILE *file = fopen(path, "w");
  if (!file) die(path);
  fprintf(file, "%ld %s\n", count, killed);
  fclose(file);
}

static int trace(long stop, const char *prefixes, const char *report_path, char **program) {
  long count = 0;
  pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, 0, 0)) die("ptrace");
    raise(SIGSTOP);
    install_filter();
    execvp(program[0], program);
    die(program[0]);
  }
  int status, result = 125;
  if (waitpid(child, &status, 0) < 0) die("wait");
  long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                 PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
  if (ptrace(PTRACE_SETOPTIONS, child, 0, options)) die("options");
  ptrace(PTRACE_CONT, child, 0, 0);
  for (;;) {
    pid_t pid = waitpid(-1, &status, __WALL);
    if (pid < 0) break; /* ECHILD: all ended */
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (pid == child) result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      continue;
    }
    int event = status >> 16, signal = 0;
    if (event == PTRACE_EVENT_SECCOMP) {
      unsigned long index = 0;
      ptrace(PTRACE_GETEVENTMSG, pid, 0, &index);
      if (index < CALLS && counts((int)index, pid, prefixes) && ++count == stop) {
        report(report_path, count, calls[index].name);
        return 128 + SIGKILL; /* and now EXITKILL */
      }
    } else if (event == 0 && WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP) {
      signal = WSTOPSIG(status); /* a real signal: pass it on */
    }
    ptrace(PTRACE_CONT, pid, 0, signal);
  }
  report(report_path, count, "-");
  return result;
}

/* The tracer is a process of its own, so that when it is gone somebody waits until those it killed are gone too. */
int main(int argc, char **argv) {
  if (argc < 6 || strcmp(argv[4], "--")) {
    fprintf(stderr, "usage: stop-at N PREFIXES REPORT -- PROGRAM [ARG...]\n");
    return 125;
  }
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) die("subreaper");
  pid_t tracer = fork();
  if (tracer < 0) die("fork");
  if (tracer == 0) _exit(trace(atol(argv[1]), argv[2], argv[3], argv + 5));
  int status, result = 125;
  for (pid_t pid; (pid = waitpid(-1, &status, 0)) > 0 || errno == EINTR;)
    if (pid == tracer) result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}
