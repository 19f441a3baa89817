/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls cut short by signals: every kind of restart, with and without handlers, and restart_syscall after a stop. */
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t hits;

static void on_signal(int sig)
{
    (void)sig;
    hits++;
}

static void handle(int sig, int flags)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = flags};
    sigaction(sig, &sa, NULL);
}

/* Run f in a child, send it these signals 30 ms apart. */
static void child(void (*f)(void), const int *signals, size_t n)
{
    pid_t pid = fork();
    if (pid == 0) {
        f();
        _exit(0);
    }
    for (size_t i = 0; i < n; i++) {
        usleep(60000);
        kill(pid, signals[i]);
    }
    usleep(60000);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static int empty_pipe(void)
{
    int fd[2];
    return pipe(fd) == 0 ? fd[0] : -1;
}

static void read_restarted(void)
{
    char c;
    handle(SIGUSR1, SA_RESTART);
    handle(SIGUSR2, 0);
    read(empty_pipe(), &c, 1);
}

static void wait_forever(void)
{
    handle(SIGUSR1, SA_RESTART);
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pause();
        _exit(0);
    }
    waitpid(-1, NULL, 0);
}

static void no_handler_restart(void)
{
    handle(SIGUSR1, SA_RESTART);
    pause();
}

static void selects(void)
{
    fd_set set;
    handle(SIGUSR1, SA_RESTART);
    FD_ZERO(&set);
    FD_SET(0, &set);
    int fd = empty_pipe();
    FD_SET(fd, &set);
    FD_CLR(0, &set);
    struct timeval tv = {2, 0};
    select(fd + 1, &set, NULL, NULL, &tv);
    struct timespec ts = {2, 0};
    ppoll(NULL, 0, &ts, NULL);
}

static void sleeps(void)
{
    struct timespec ts = {5, 0};
    handle(SIGUSR1, SA_RESTART);
    nanosleep(&ts, &ts);
    clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

static void polls(void)
{
    struct pollfd fd = {empty_pipe(), POLLIN, 0};
    handle(SIGUSR1, SA_RESTART);
    poll(&fd, 1, 3000);
    poll(&fd, 1, 3000);
}

static void futexes(void)
{
    static int word;
    struct timespec ts = {5, 0};
    handle(SIGUSR1, SA_RESTART);
    syscall(SYS_futex, &word, FUTEX_WAIT, 0, &ts, NULL, 0);
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void epolls(void)
{
    struct epoll_event event;
    handle(SIGUSR1, SA_RESTART);
    epoll_wait(epoll_create1(0), &event, 1, 5000);
    epoll_wait(epoll_create1(0), &event, 1, 5000);
}

static void timed_signals(void)
{
    sigset_t set;
    struct timespec ts = {5, 0};
    handle(SIGUSR1, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigtimedwait(&set, NULL, &ts);
    sigtimedwait(&set, NULL, &ts);
}

/* fork gives up and begins anew when a signal is pending (ERESTARTNOINTR). */
static void forks_under_fire(void)
{
    struct itimerval it = {{0, 300}, {0, 300}};
    handle(SIGALRM, SA_RESTART);
    setitimer(ITIMER_REAL, &it, NULL);
    for (int i = 0; i < 15; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    it = (struct itimerval){{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &it, NULL);
}

int main(void)
{
    static void (*const all[])(void) = {read_restarted, wait_forever, no_handler_restart, selects, sleeps, polls,
                                        futexes,        epolls,       timed_signals};
    static const int handlers[] = {SIGUSR1, SIGUSR1}, stops[] = {SIGSTOP, SIGCONT}, ignored[] = {SIGWINCH, SIGURG},
                     mixed[] = {SIGTSTP, SIGUSR1, SIGCONT, SIGUSR1};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        child(all[i], handlers, 2);
        child(all[i], stops, 2);
        child(all[i], ignored, 2);
        child(all[i], mixed, 4);
    }
    forks_under_fire();
    return 0;
}
