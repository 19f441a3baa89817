/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Filters that kill, trap, return errors, log, ask a supervisor, and have no tracer to ask. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WATCHED SYS_getppid

static int filter(unsigned action, unsigned flags)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WATCHED, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static void on_sys(int sig, siginfo_t *info, void *context)
{
    (void)sig, (void)info, (void)context;
    getuid();
}

static void *makes_the_call(void *arg)
{
    getppid();
    getuid();
    return arg;
}

static void action(unsigned what)
{
    struct sigaction sa = {.sa_sigaction = on_sys, .sa_flags = SA_SIGINFO};
    if (fork() == 0) {
        sigaction(SIGSYS, &sa, NULL);
        filter(what, 0);
        getppid();
        getppid();
        _exit(4);
    }
    wait(NULL);
}

static void thread_only(void)
{
    if (fork() == 0) {
        pthread_t thread;
        filter(SECCOMP_RET_KILL_THREAD, SECCOMP_FILTER_FLAG_TSYNC);
        pthread_create(&thread, NULL, makes_the_call, NULL);
        usleep(100000);
        _exit(5);
    }
    wait(NULL);
}

static void strict(void)
{
    if (fork() == 0) {
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
        write(1, "", 0);
        getppid();
        syscall(SYS_exit, 6);
    }
    wait(NULL);
}

/* The child hands its listener over; the parent answers. */
static void supervised(void)
{
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    pid_t pid = fork();
    if (pid == 0) {
        int listener = filter(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
        struct msghdr msg = {0};
        char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
        struct iovec iov = {&byte, 1};
        msg.msg_iov = &iov;
        msg.msg_iovlen = 1;
        msg.msg_control = control;
        msg.msg_controllen = sizeof(control);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &listener, sizeof(int));
        sendmsg(pair[0], &msg, 0);
        getppid(); /* answered with a value */
        getppid(); /* with an error */
        getppid(); /* let through */
        _exit(7);
    }
    char control[CMSG_SPACE(sizeof(int))], byte;
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    int listener = -1;
    if (recvmsg(pair[1], &msg, 0) == 1)
        memcpy(&listener, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
    for (int i = 0; i < 3; i++) {
        struct seccomp_notif request = {0};
        struct seccomp_notif_resp answer = {0};
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0)
            break;
        answer.id = request.id;
        answer.val = i == 0 ? 4242 : 0;
        answer.error = i == 1 ? -EXDEV : 0;
        answer.flags = i == 2 ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0;
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
    waitpid(pid, NULL, 0);
}

int main(void)
{
    action(SECCOMP_RET_ERRNO | EDOM);
    action(SECCOMP_RET_ERRNO | 0);
    action(SECCOMP_RET_TRAP | 9);
    action(SECCOMP_RET_LOG);
    action(SECCOMP_RET_TRACE | 3);
    action(SECCOMP_RET_KILL_THREAD);
    action(SECCOMP_RET_KILL_PROCESS);
    thread_only();
    strict();
    supervised();
    return 0;
}
