/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Forms of their own, by family. What each shows is strace's form (6.1) of that struct or call. */
#ifndef QEBEK_SHOW_LINUX_FORMS_H
#define QEBEK_SHOW_LINUX_FORMS_H

#include <inttypes.h>
#include <string.h>

#include "show/print.h"

/* print_struct_fn: `have` bytes of the struct are at hand. */
#define FORM_STRUCT(name)  void form__##name(const struct where *w, const uint8_t *bytes, size_t have)
#define FORM_POINTER(name) void form__##name(const struct where *w)
#define FORM_ARGS(name)    void form__##name(const struct where *w, bool entry, bool exit)
#define FORM_RESULT(name)  void form__##name(const struct where *w)
#define UNUSED_HAVE        (void)have

#define OUT(...) g_string_append_printf(w->to, __VA_ARGS__)
#define TEXT(s)  g_string_append(w->to, (s))

static inline uint64_t form_u16(const uint8_t *at)
{
    return print__load(at, 2);
}
static inline uint32_t form_u32(const uint8_t *at)
{
    return (uint32_t)print__load(at, 4);
}
static inline uint64_t form_u64(const uint8_t *at)
{
    return print__load(at, 8);
}

/* ---- file.c ---- */
FORM_STRUCT(stat);
FORM_STRUCT(stat64);
FORM_STRUCT(old_stat);
FORM_STRUCT(statx);
FORM_STRUCT(statx_timestamp);
FORM_STRUCT(utimbuf);
FORM_STRUCT(statfs);
FORM_STRUCT(statfs64);
FORM_POINTER(dirent);
FORM_POINTER(dirent64);
FORM_POINTER(file_handle);
FORM_STRUCT(open_how);
/* The date of a time, as a comment in C's way; nothing for 0. */
FORM_ARGS(time);
FORM_RESULT(time_result);
void form__date(const struct where *w, int64_t sec, uint64_t nsec);
/* The two times of utimensat, utimes. */
FORM_POINTER(timespec_file);
FORM_POINTER(timespec64_file);
FORM_POINTER(timeval_file);

/* ---- signal.c ---- */
FORM_POINTER(sigset);
FORM_POINTER(old_sigset);
FORM_STRUCT(sigaction);
FORM_STRUCT(old_sigaction);
FORM_STRUCT(siginfo);
FORM_STRUCT(sigevent);
FORM_STRUCT(sigset_argpack);
FORM_RESULT(rt_sigtimedwait);
FORM_ARGS(restart_syscall);
FORM_ARGS(rt_sigreturn);
void form__mask(GString *to, const uint8_t *bytes, size_t len); /* "[INT CHLD]", "~[KILL STOP]" */

/* ---- ptrace.c ---- */
FORM_POINTER(syscall_info);
FORM_STRUCT(regset);
FORM_STRUCT(regset_in);
void form__user_offset(const struct where *w); /* a value */

/* ---- ioctl.c ---- */
FORM_POINTER(dedupe_range);
FORM_POINTER(fiemap);
FORM_STRUCT(fslabel);
FORM_POINTER(ifconf);

/* ---- desc.c ---- */
FORM_STRUCT(pollfd);
FORM_STRUCT(epoll_event);
FORM_STRUCT(termios);
FORM_STRUCT(termios2);
FORM_RESULT(poll);
FORM_RESULT(ppoll);
FORM_POINTER(fd_set);
FORM_RESULT(select);

/* ---- process.c ---- */
FORM_STRUCT(rlimit);
FORM_STRUCT(rlimit64);
FORM_POINTER(cap_data);
FORM_POINTER(sched_attr);
FORM_POINTER(cpumask);
FORM_STRUCT(sched_param);
FORM_RESULT(ioprio_get);
FORM_POINTER(page_vector);
FORM_POINTER(nodemask);
FORM_STRUCT(arguments); /* in process.c */
FORM_ARGS(clone);
FORM_ARGS(clone3);
FORM_STRUCT(user_desc);
FORM_ARGS(get_thread_area);
FORM_RESULT(set_thread_area);
FORM_STRUCT(landlock_ruleset_attr);
FORM_STRUCT(xfeatures);
FORM_POINTER(key_caps);

/* ---- net.c ---- */
FORM_POINTER(sockaddr);
FORM_STRUCT(msghdr);
FORM_POINTER(mmsghdr);
FORM_POINTER(mmsghdr_in);
FORM_RESULT(recvmmsg);
FORM_POINTER(ifreq);
FORM_POINTER(msghdr_failed);
void form__sockaddr_bytes(const struct where *w, const uint8_t *bytes, size_t len);

void form__interface(const struct where *w, uint32_t index);
void form__credentials(const struct where *w, const uint8_t *b);
/* The 32-bit value at addr before or after the call; false where it is not known. */
bool form__length_at(const struct where *w, uint64_t addr, bool after, int32_t *value);

/* ---- sockopt.c ---- */
FORM_POINTER(sockopt);

/* ---- netlink.c ---- */
void form__netlink(const struct where *w, uint64_t addr, uint64_t len);

/* ---- ipc.c ---- */
FORM_STRUCT(shmid_ds);
FORM_STRUCT(semid_ds);
FORM_STRUCT(msqid_ds);
FORM_POINTER(msgbuf);

/* ---- perf.c ---- */
FORM_POINTER(perf_event_attr);

/* ---- sys.c ---- */
FORM_STRUCT(sock_filter);
FORM_STRUCT(sock_fprog);
FORM_STRUCT(seccomp_data);
FORM_STRUCT(iocb);
FORM_STRUCT(iocb_pointer);
FORM_STRUCT(io_uring_params);

#endif
