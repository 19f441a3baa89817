/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process that its own parent traces, so that nobody else can, while it makes calls: 100 of umask, for argv[1]
 * seconds. Writes its number to selftraced.pid and how many calls it made to selftraced.calls. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void note(const char *path, int number)
{
    FILE *f = fopen(path, "w");
    if (f) {
        fprintf(f, "%d\n", number);
        fclose(f);
    }
}

int main(int argc, char **argv)
{
    unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
    int status = 0, calls = 0;
    pid_t pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        note("selftraced.pid", getpid());
        for (unsigned i = 0; i < 100; i++) {
            umask(0700u + i % 8);
            calls++;
            if (i % 10 == 0)
                usleep(seconds * 100000);
        }
        note("selftraced.calls", calls);
        _exit(0);
    }
    while (waitpid(pid, &status, 0) == pid && !WIFEXITED(status))
        ptrace(PTRACE_CONT, pid, NULL, NULL);
    return WEXITSTATUS(status);
}
