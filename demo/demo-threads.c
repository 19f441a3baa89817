/* SPDX-License-Identifier: GPL-2.0-or-later */
/* demo-threads N: N threads each write a line into a pipe; the first one reads them all. Runs in the demo's guest. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS_MAX 16

struct worker {
    pthread_t thread;
    int number, to;
};

static void *work(void *arg)
{
    const struct worker *w = arg;
    char line[64];
    int len = snprintf(line, sizeof(line), "thread %d says hello\n", w->number);

    return write(w->to, line, (size_t)len) == len ? NULL : arg;
}

int main(int argc, char **argv)
{
    int pipes[2], n = argc > 1 ? atoi(argv[1]) : 0;
    struct worker worker[THREADS_MAX];
    char text[THREADS_MAX * 64];
    ssize_t got;

    if (n < 1 || n > THREADS_MAX || pipe(pipes) != 0) {
        return 1;
    }
    for (int i = 0; i < n; i++) {
        worker[i] = (struct worker){.number = i + 1, .to = pipes[1]};
        if (pthread_create(&worker[i].thread, NULL, work, &worker[i]) != 0) {
            return 1;
        }
    }
    for (int i = 0; i < n; i++) {
        void *failed;

        if (pthread_join(worker[i].thread, &failed) != 0 || failed) {
            return 1;
        }
    }
    close(pipes[1]);
    while ((got = read(pipes[0], text, sizeof(text))) > 0) {
        if (write(STDOUT_FILENO, text, (size_t)got) != got) {
            return 1;
        }
    }
    return got < 0;
}
