// preinit, but it stands still where it would start init: a machine that hangs, its watchdog running.
#define _GNU_SOURCE
#include <stdio.h>
#include <unistd.h>

__attribute__((noreturn)) static int stand_still(const char *path) {
    dprintf(1, "the test stands still before %s\r\n", path);
    for (;;) pause();
}

#define chroot stand_still
#include "../../initrd/preinit.c"
