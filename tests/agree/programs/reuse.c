/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The same number for one process after the other. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    char text[16];
    int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY);
    int n = snprintf(text, sizeof(text), "%d", 20000);
    for (int i = 0; i < 60; i++) {
        if (pwrite(fd, text, (size_t)n, 0) != n)
            return 1;
        pid_t pid = fork();
        if (pid == 0) {
            for (int k = 0; k < i % 7; k++)
                getppid();
            if (i % 5 == 4)
                execl("/bin/true", "true", (char *)NULL);
            _exit(i);
        }
        waitpid(pid, NULL, 0);
    }
    return 0;
}
