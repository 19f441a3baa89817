/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many threads at once: all wait, then all go. argv[1]: how many. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int here, go;

static void *body(void *arg)
{
    pthread_mutex_lock(&lock);
    here++;
    while (!go)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    getppid();
    return arg;
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 300;
    pthread_t *thread = calloc((size_t)n, sizeof(*thread));
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 16384);
    if (!thread)
        return 1;
    for (int i = 0; i < n; i++) {
        if (pthread_create(&thread[i], &attr, body, NULL) != 0)
            return 2;
    }
    pthread_mutex_lock(&lock);
    go = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < n; i++)
        pthread_join(thread[i], NULL);
    return here == n ? 0 : 3;
}
