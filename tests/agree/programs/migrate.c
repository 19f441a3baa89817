/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A thread that enters a call on one vCPU and comes back on another. */
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

static int go[2], done[2];
static volatile pid_t reader;

static void *reads(void *arg)
{
    char c;
    reader = (pid_t)syscall(SYS_gettid);
    write(done[1], "r", 1);
    while (read(go[0], &c, 1) == 1) {
        unsigned cpu;
        syscall(SYS_getcpu, &cpu, NULL, NULL);
        write(done[1], &c, 1);
    }
    return arg;
}

int main(void)
{
    pthread_t thread;
    char c;
    if (pipe(go) != 0 || pipe(done) != 0)
        return 1;
    pthread_create(&thread, NULL, reads, NULL);
    read(done[0], &c, 1);
    int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
    for (int i = 0; i < 60; i++) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((unsigned)(i % cpus), &set);
        sched_setaffinity(reader, sizeof(set), &set);
        write(go[1], "x", 1);
        read(done[0], &c, 1);
        sched_yield();
    }
    close(go[1]);
    pthread_join(thread, NULL);
    return 0;
}
