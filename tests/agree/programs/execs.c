/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A storm of execs: each image starts the next; from threads too. argv[1]: how many are left. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char left[16];

static void *next(void *program)
{
    execl(program, program, left, (char *)NULL);
    return NULL;
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 60;
    pthread_t thread;
    if (n <= 0)
        return 0;
    snprintf(left, sizeof(left), "%d", n - 1);
    if (argc < 2) {
        for (int i = 0; i < 3; i++) {
            if (fork() == 0)
                next(argv[0]);
        }
        while (wait(NULL) > 0)
            ;
        return 0;
    }
    if (n % 3 == 0) {
        pthread_create(&thread, NULL, next, argv[0]);
        pause();
    }
    next(argv[0]);
    return 1;
}
