// The first program of the initrd, and the only one that is not TypeScript: Bun cannot start without /proc, and
// PID 1 must outlive a crash of mosctl. It mounts the kernel's file systems, runs /bin/mosctl with an empty
// environment (whatever stands on the kernel command line becomes init's), and hands /sysroot to its own init.
// There is no way to a prompt: what fails is said on the console, and the machine reboots.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS_TO_READ_THE_MESSAGE = 3 };

// Mounted in this order, and moved to /sysroot in this order.
static const struct { const char *type, *at, *options; unsigned long flags; } kernel_mounts[] = {
    {"proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
    {"sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
    {"devtmpfs", "/dev", "mode=0755", MS_NOSUID},
    {"tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV},
};
enum { KERNEL_MOUNTS = sizeof kernel_mounts / sizeof *kernel_mounts };

static void fail(const char *what, const char *why) {
    dprintf(1, "\r\nmos: cannot boot: %s%s%s; the machine reboots\r\n", what, why ? ": " : "", why ? why : "");
    sleep(SECONDS_TO_READ_THE_MESSAGE);
    sync();
    reboot(RB_AUTOBOOT);
    for (;;) pause(); // PID 1 must not return: the kernel would panic, and the message be lost
}

static void mount_kernel_file_systems(void) {
    for (int i = 0; i < KERNEL_MOUNTS; i++) {
        mkdir(kernel_mounts[i].at, 0755);
        if (mount(kernel_mounts[i].type, kernel_mounts[i].at, kernel_mounts[i].type, kernel_mounts[i].flags, kernel_mounts[i].options))
            fail(kernel_mounts[i].at, strerror(errno));
    }
    int console = open("/dev/console", O_RDWR);
    for (int fd = 0; console >= 0 && fd < 3; fd++) dup2(console, fd);
}

static void run_mosctl(void) {
    pid_t child = fork();
    if (child < 0) fail("fork", strerror(errno));
    if (child == 0) {
        char *argv[] = {"mos-initrd", NULL}, *empty[] = {NULL};
        execve("/bin/mosctl", argv, empty);
        _exit(127);
    }
    int status = 0;
    for (pid_t ended; (ended = wait(&status)) != child;)
        if (ended < 0 && errno != EINTR) fail("wait", strerror(errno));
    if (WIFSIGNALED(status)) fail("mosctl was killed", strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status) == 127) fail("/bin/mosctl does not start", NULL);
    if (status != 0) fail("see the message of mosctl above", NULL);
}

static int remove_entry(const char *path, const struct stat *s, int type, struct FTW *f) {
    (void)s, (void)f;
    return (type == FTW_DP ? rmdir(path) : unlink(path)), 0; // what stays only costs memory
}

static void switch_root(void) {
    struct stat here, there;
    if (stat("/", &here) || stat("/sysroot", &there)) fail("/sysroot", strerror(errno));
    if (here.st_dev == there.st_dev) fail("/sysroot", "nothing is mounted there");
    for (int i = 0; i < KERNEL_MOUNTS; i++) {
        char at[32];
        snprintf(at, sizeof at, "/sysroot%s", kernel_mounts[i].at);
        if (mount(kernel_mounts[i].at, at, NULL, MS_MOVE, NULL)) fail(at, strerror(errno));
    }
    nftw("/", remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT); // frees the initrd's memory; FTW_MOUNT stays off /sysroot
    if (chdir("/sysroot") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/")) fail("switch to /sysroot", strerror(errno));
    char *argv[] = {"/sbin/init", NULL}, *envp[] = {"TERM=linux", NULL};
    execve(argv[0], argv, envp);
    fail("/sbin/init", strerror(errno));
}

int main(void) {
    if (getpid() != 1) return dprintf(2, "preinit: runs as the first program of an initrd only\n"), 1;
    mount_kernel_file_systems();
    run_mosctl();
    switch_root();
}
