/*
 * stop-at N PREFIX REPORT -- PROGRAM [ARG…]
 *
 * Runs a program and all its children, and kills them with SIGKILL before the N-th system call that changes
 * something; N = 0 lets it run to its end. REPORT gets the number of such calls seen and, when killed, the name of the call.
 * Counted: changes of names, modes, mounts and devices anywhere; writes and syncs of files whose path begins with PREFIX.
 *
 * seccomp(2) marks the calls with SECCOMP_RET_TRACE, so that only these stop the program (ptrace(2)).
 * PTRACE_O_EXITKILL: when this tracer ends, the kernel kills all it traces, whatever state they are in.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
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

enum kind { ALWAYS, OPEN, OPEN_AT, CREATES, FD, IOCTL };
static const struct { long number; enum kind kind; const char *name; } calls[] = {
  {SYS_rename, ALWAYS, "rename"}, {SYS_renameat, ALWAYS, "renameat"}, {SYS_renameat2, ALWAYS, "renameat2"},
  {SYS_unlink, ALWAYS, "unlink"}, {SYS_unlinkat, ALWAYS, "unlinkat"}, {SYS_rmdir, ALWAYS, "rmdir"},
  {SYS_mkdir, ALWAYS, "mkdir"}, {SYS_mkdirat, ALWAYS, "mkdirat"}, {SYS_mknod, ALWAYS, "mknod"},
  {SYS_mknodat, ALWAYS, "mknodat"}, {SYS_link, ALWAYS, "link"}, {SYS_linkat, ALWAYS, "linkat"},
  {SYS_symlink, ALWAYS, "symlink"}, {SYS_symlinkat, ALWAYS, "symlinkat"}, {SYS_chmod, ALWAYS, "chmod"},
  {SYS_fchmodat, ALWAYS, "fchmodat"}, {SYS_chown, ALWAYS, "chown"}, {SYS_lchown, ALWAYS, "lchown"},
  {SYS_fchownat, ALWAYS, "fchownat"}, {SYS_truncate, ALWAYS, "truncate"}, {SYS_creat, ALWAYS, "creat"},
  {SYS_mount, ALWAYS, "mount"}, {SYS_umount2, ALWAYS, "umount2"}, {SYS_move_mount, ALWAYS, "move_mount"},
  {SYS_mount_setattr, ALWAYS, "mount_setattr"}, {SYS_fsmount, ALWAYS, "fsmount"},
  {SYS_finit_module, ALWAYS, "finit_module"}, {SYS_ioctl, IOCTL, "ioctl"},
  {SYS_open, OPEN, "open"}, {SYS_openat, OPEN_AT, "openat"},
  {SYS_write, FD, "write"}, {SYS_pwrite64, FD, "pwrite64"}, {SYS_writev, FD, "writev"}, {SYS_pwritev, FD, "pwritev"},
  {SYS_ftruncate, FD, "ftruncate"}, {SYS_fallocate, FD, "fallocate"}, {SYS_fsync, FD, "fsync"},
  {SYS_fdatasync, FD, "fdatasync"}, {SYS_fchmod, FD, "fchmod"}, {SYS_fchown, FD, "fchown"},
  {SYS_copy_file_range, FD, "copy_file_range"}, {SYS_sendfile, FD, "sendfile"},
};
enum { CALLS = sizeof calls / sizeof *calls };

static void die(const char *what) { fprintf(stderr, "stop-at: %s: %s\n", what, strerror(errno)); _exit(125); }

static void install_filter(void) {
  struct sock_filter filter[1 + 2 * CALLS + 1];
  unsigned n = 0;
  filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (int i = 0; i < CALLS; i++) {
    filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i].number, 0, 1);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | (unsigned)i);
  }
  filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {(unsigned short)n, filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) die("seccomp");
}

static int opens_for_change(unsigned long long flags) {
  return (flags & O_ACCMODE) != O_RDONLY ? (flags & (O_CREAT | O_TRUNC)) != 0 : (flags & O_CREAT) != 0;
}

/* linux/loop.h: configure, clear, get a free one; linux/dm-ioctl.h: create, remove, suspend or resume, load. */
static int changes_devices(unsigned long long request) {
  static const unsigned requests[] = {0x4c0a, 0x4c01, 0x4c82, 0xc138fd03, 0xc138fd04, 0xc138fd06, 0xc138fd09};
  for (unsigned i = 0; i < sizeof requests / sizeof *requests; i++)
    if ((unsigned)request == requests[i]) return 1;
  return 0;
}

static int below(const char *prefix, pid_t pid, unsigned long long fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/%d/fd/%llu", pid, fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strncmp(path, prefix, strlen(prefix)) == 0;
}

static int counts(int index, pid_t pid, const char *prefix) {
  struct user_regs_struct regs;
  if (ptrace(PTRACE_GETREGS, pid, 0, &regs)) return 0;
  switch (calls[index].kind) {
    case IOCTL: return changes_devices(regs.rsi);
    case OPEN: return opens_for_change(regs.rsi);
    case OPEN_AT: return opens_for_change(regs.rdx);
    case FD: return below(prefix, pid, calls[index].number == SYS_copy_file_range ? regs.rdx : regs.rdi);
    default: return 1;
  }
}

static void report(const char *path, long count, const char *killed) {
  FILE *file = fopen(path, "w");
  if (!file) die(path);
  fprintf(file, "%ld %s\n", count, killed);
  fclose(file);
}

int main(int argc, char **argv) {
  if (argc < 6 || strcmp(argv[4], "--")) {
    fprintf(stderr, "usage: stop-at N PREFIX REPORT -- PROGRAM [ARG...]\n");
    return 125;
  }
  long stop = atol(argv[1]), count = 0;
  pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, 0, 0)) die("ptrace");
    raise(SIGSTOP);
    install_filter();
    execvp(argv[5], argv + 5);
    die(argv[5]);
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
      if (index < CALLS && counts((int)index, pid, argv[2]) && ++count == stop) {
        report(argv[3], count, calls[index].name);
        return 137; /* EXITKILL */
      }
    } else if (event == 0 && WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP) {
      signal = WSTOPSIG(status); /* a real signal: pass it on */
    }
    ptrace(PTRACE_CONT, pid, 0, signal);
  }
  report(argv[3], count, "-");
  return result;
}
