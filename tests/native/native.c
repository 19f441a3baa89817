/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a program on this machine under ptrace, and feeds what it does through the plugin's capture and qebek's
 * printers: native OUTPUT PROGRAM ARGUMENTS… writes an output in strace's format. Beside strace itself on the same
 * program (see compare.py) this tells in a second what a printer does differently, without a virtual machine.
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/linux/capture.h"
#include "show/show.h"

#define RECORD_MAX (1u << 20)
#define TRACEES    256

struct tracee {
    struct vm_cpu cpu; /* first, so that capture's pointer to it is one to the tracee */
    pid_t pid;
    uint64_t number, enter;
    uint64_t args[6];
    uint32_t nr, again;
    enum qbk_abi abi;
    bool inside, started;
};

static struct tracee tracees[TRACEES];
static struct show *show;
static struct link_settings limits;
static uint64_t seq, numbers;
static uint64_t record[RECORD_MAX / 8];

size_t vm__read(struct vm_cpu *cpu, uint64_t addr, void *buf, size_t len)
{
    size_t have = 0;
    while (have < len) {
        size_t bite = 4096 - ((addr + have) & 4095);
        if (bite > len - have)
            bite = len - have;
        struct iovec to = {(char *)buf + have, bite}, from = {(void *)(addr + have), bite};
        ssize_t n = process_vm_readv(((const struct tracee *)(const void *)cpu)->pid, &to, 1, &from, 1, 0);
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    return have;
}

bool vm__read_exact(struct vm_cpu *cpu, uint64_t addr, void *buf, size_t len)
{
    return vm__read(cpu, addr, buf, len) == len;
}

static void commit(struct qbk_record *rec, const struct tracee *t, enum qbk_type type, size_t size)
{
    rec->size = (uint32_t)size;
    rec->type = (uint16_t)type;
    rec->seq = ++seq;
    rec->time_ns = seq * 1000;
    rec->thread = t->number;
    show__record(show, rec);
}

static struct tracee *find(pid_t pid)
{
    struct tracee *freed = NULL;
    for (unsigned i = 0; i < TRACEES; i++) {
        if (tracees[i].pid == pid)
            return &tracees[i];
        if (!tracees[i].pid && !freed)
            freed = &tracees[i];
    }
    if (!freed)
        exit(3);
    *freed = (struct tracee){.pid = pid, .number = ++numbers};
    struct qbk_thread *rec = memset(record, 0, sizeof(*rec));
    rec->pid = rec->tid = pid;
    commit(&rec->h, freed, QBK_THREAD, sizeof(*rec));
    return freed;
}

static struct capture capture_of(struct tracee *t, const struct decode_service *service)
{
    return (struct capture){.cpu = &t->cpu,
                            .service = service,
                            .abi = t->abi,
                            .args = t->args,
                            .limits = &limits,
                            .word = decode__word(t->abi)};
}

static void entered(struct tracee *t, const struct __ptrace_syscall_info *info)
{
    t->abi = info->arch == 0x40000003u ? QBK_ABI_LINUX_I386 : QBK_ABI_LINUX_X86_64;
    t->nr = (uint32_t)info->entry.nr;
    for (unsigned i = 0; i < 6; i++)
        t->args[i] = info->entry.args[i];
    const struct decode_service *row = decode__service(t->abi, t->nr);
    const struct decode_service *service = row ? decode__service_for(t->abi, t->nr, t->args) : NULL;
    struct qbk_enter *rec = memset(record, 0, sizeof(*rec));
    rec->nr = t->nr;
    rec->abi = (uint8_t)t->abi;
    rec->nargs = row ? row->nargs : 6;
    memcpy(rec->args, t->args, rec->nargs * sizeof(uint64_t));
    struct capture c = capture_of(t, service);
    uint8_t *first = (uint8_t *)(rec->args + rec->nargs);
    struct snippet_writer w = {.at = first, .end = first + (service ? capture__bound(&c) + 64 : 0)};
    if (service)
        capture__fill(&c, &w);
    if (service && capture__mask_bound(service, t->abi))
        capture__mask(&c, &w, info->stack_pointer);
    t->again = c.again;
    t->inside = true;
    t->enter = seq + 1;
    commit(&rec->h, t, QBK_ENTER, (size_t)(w.at - (uint8_t *)rec));
}

static void left(struct tracee *t, bool has_result, int64_t result)
{
    const struct decode_service *row = decode__service(t->abi, t->nr);
    const struct decode_service *service = row ? decode__service_for(t->abi, t->nr, t->args) : NULL;
    struct qbk_return *rec = memset(record, 0, sizeof(*rec));
    uint32_t code;
    rec->call = t->enter;
    rec->result = (uint64_t)result;
    rec->nr = t->nr;
    rec->abi = (uint8_t)t->abi;
    rec->end = has_result ? QBK_END_RETURNED : QBK_END_NORETURN;
    rec->flags = has_result ? QBK_RETURN_HAS_RESULT : 0;
    struct capture c = capture_of(t, service);
    c.at_return = true;
    c.failed = decode__is_error(t->abi, rec->result, &code);
    c.interrupted = c.failed && decode__is_interrupted(code);
    c.result = rec->result;
    c.again = t->again;
    struct snippet_writer w = {.at = (uint8_t *)(rec + 1), .end = (uint8_t *)(rec + 1)};
    if (service && has_result && !((service->flags & DECODE_EXEC) && result == 0)) {
        w.end += capture__bound(&c);
        capture__fill(&c, &w);
    }
    t->inside = false;
    commit(&rec->h, t, QBK_RETURN, (size_t)(w.at - (uint8_t *)rec));
}

static void signalled(const struct tracee *t)
{
    struct qbk_signal *rec = memset(record, 0, sizeof(*rec));
    siginfo_t info;
    if (ptrace(PTRACE_GETSIGINFO, t->pid, 0, &info) != 0)
        return;
    memcpy(rec->info, &info, sizeof(rec->info));
    rec->info_len = sizeof(rec->info);
    rec->signo = info.si_signo;
    rec->code = info.si_code;
    rec->err = info.si_errno;
    commit(&rec->h, t, QBK_SIGNAL, sizeof(*rec));
}

static void gone(struct tracee *t, int status)
{
    if (t->inside)
        left(t, false, 0);
    struct qbk_thread_exit *rec = memset(record, 0, sizeof(*rec));
    rec->status = status;
    commit(&rec->h, t, QBK_THREAD_EXIT, sizeof(*rec));
    t->pid = 0;
}

static int stopped(struct tracee *t, int status)
{
    struct __ptrace_syscall_info info;
    int signo = WSTOPSIG(status);
    if (signo == (SIGTRAP | 0x80)) {
        if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof(info), &info) <= 0)
            return 0;
        if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
            entered(t, &info);
        else if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->inside)
            left(t, true, info.exit.rval);
        return 0;
    }
    if (status >> 16)
        return 0; /* an event of ptrace */
    if (signo == SIGSTOP && !t->started) {
        t->started = true;
        return 0;
    }
    signalled(t);
    return signo;
}

static void follow(pid_t root)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, __WALL)) > 0) {
        struct tracee *t = find(pid);
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            gone(t, status);
            continue;
        }
        if (pid == root && !t->started)
            ptrace(PTRACE_SETOPTIONS, pid, 0,
                   PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                       PTRACE_O_TRACEEXEC);
        int deliver = stopped(t, status);
        ptrace(PTRACE_SYSCALL, pid, 0, deliver);
    }
}

int main(int argc, char **argv)
{
    struct show_options o;
    GError *error = NULL;
    int opt;
    show_options__init(&o);
    while ((opt = getopt(argc, argv, "+vs:x")) != -1) {
        if (opt == 'v')
            o.verbose = 1;
        else if (opt == 's')
            o.string_limit = (unsigned)atoi(optarg);
        else if (opt == 'x')
            o.hex++;
        else
            return 2;
    }
    if (argc - optind < 2)
        return 2;
    show = show__new(&o, &error);
    if (!show || show__add_output(show, argv[optind], 2, &error) != 0) {
        fprintf(stderr, "%s\n", error->message);
        return 2;
    }
    show__want(show, &limits);
    pid_t root = fork();
    if (root == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        execvp(argv[optind + 1], argv + optind + 1);
        _exit(127);
    }
    follow(root);
    return show__finish(show) ? 1 : 0;
}
