/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How QEMU was told to run its vCPUs: the plugin interface does not say. */
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "vm/vm.h"

#define COMMAND_LINE_MAX (256u << 10) /* more is not looked at; vm.c notices all the same, later */

static char command_line[COMMAND_LINE_MAX];

static size_t read_command_line(void)
{
    size_t len = 0;
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    for (;;) {
        ssize_t n = read(fd, command_line + len, sizeof(command_line) - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    close(fd);
    command_line[len] = 0;
    return len;
}

static bool is_option(const char *word, const char *name)
{
    if (word[0] != '-')
        return false;
    return strcmp(word + (word[1] == '-' ? 2 : 1), name) == 0;
}

const char *vm__blind_why(unsigned max_cpus)
{
    size_t len = max_cpus > 1 ? read_command_line() : 0;
    const char *before = "";
    for (size_t at = 0; at < len; at += strlen(command_line + at) + 1) {
        const char *word = command_line + at;
        if (is_option(before, "icount"))
            return "-icount runs all vCPUs on one thread, where QEMU does not tell them apart: use one vCPU with it";
        if (is_option(before, "accel") && strstr(word, "thread=single"))
            return "thread=single runs all vCPUs on one thread, where QEMU does not tell them apart: use thread=multi, "
                   "or "
                   "one vCPU";
        before = word;
    }
    return NULL;
}
