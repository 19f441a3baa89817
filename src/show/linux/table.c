/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which structs and calls have a form of their own. */
#include <string.h>

#include "show/linux/forms.h"
#include "show/nt/nt.h"

static const print_struct_fn structs[DECODE_STRUCTS] = {
    [DECODE_STRUCT_stat] = form__stat,
    [DECODE_STRUCT_stat64] = form__stat64,
    [DECODE_STRUCT_old_stat] = form__old_stat,
    [DECODE_STRUCT_statx] = form__statx,
    [DECODE_STRUCT_statx_timestamp] = form__statx_timestamp,
    [DECODE_STRUCT_utimbuf] = form__utimbuf,
    [DECODE_STRUCT_statfs] = form__statfs,
    [DECODE_STRUCT_statfs64] = form__statfs64,
    [DECODE_STRUCT_open_how] = form__open_how,
    [DECODE_STRUCT_sigaction] = form__sigaction,
    [DECODE_STRUCT_old_sigaction] = form__old_sigaction,
    [DECODE_STRUCT_siginfo] = form__siginfo,
    [DECODE_STRUCT_sigevent] = form__sigevent,
    [DECODE_STRUCT_sigset_argpack] = form__sigset_argpack,
    [DECODE_STRUCT_pollfd] = form__pollfd,
    [DECODE_STRUCT_epoll_event] = form__epoll_event,
    [DECODE_STRUCT_termios] = form__termios,
    [DECODE_STRUCT_termios2] = form__termios2,
    [DECODE_STRUCT_rlimit] = form__rlimit,
    [DECODE_STRUCT_mmap_arg] = form__arguments,
    [DECODE_STRUCT_sel_arg] = form__arguments,
    [DECODE_STRUCT_io_uring_params] = form__io_uring_params,
    [DECODE_STRUCT_iocb_pointer] = form__iocb_pointer,
    [DECODE_STRUCT_iocb] = form__iocb,
    [DECODE_STRUCT_seccomp_data] = form__seccomp_data,
    [DECODE_STRUCT_sock_fprog] = form__sock_fprog,
    [DECODE_STRUCT_sock_filter] = form__sock_filter,
    [DECODE_STRUCT_msqid_ds] = form__msqid_ds,
    [DECODE_STRUCT_semid_ds] = form__semid_ds,
    [DECODE_STRUCT_shmid_ds] = form__shmid_ds,
    [DECODE_STRUCT_sched_param] = form__sched_param,
    [DECODE_STRUCT_rlimit64] = form__rlimit64,
    [DECODE_STRUCT_user_desc] = form__user_desc,
    [DECODE_STRUCT_landlock_ruleset_attr] = form__landlock_ruleset_attr,
    [DECODE_STRUCT_xfeatures] = form__xfeatures,
    [DECODE_STRUCT_regset] = form__regset,
    [DECODE_STRUCT_regset_in] = form__regset_in,
    [DECODE_STRUCT_fslabel] = form__fslabel,
    [DECODE_STRUCT_msghdr] = form__msghdr,
    [DECODE_STRUCT_msghdr_in] = form__msghdr,
};

static const print_pointer_fn pointers[DECODE_STRUCTS] = {
    [DECODE_STRUCT_dirent] = form__dirent,
    [DECODE_STRUCT_dirent64] = form__dirent64,
    [DECODE_STRUCT_file_handle] = form__file_handle,
    [DECODE_STRUCT_timespec_file] = form__timespec_file,
    [DECODE_STRUCT_timespec64_file] = form__timespec64_file,
    [DECODE_STRUCT_timeval_file] = form__timeval_file,
    [DECODE_STRUCT_sigset] = form__sigset,
    [DECODE_STRUCT_old_sigset] = form__old_sigset,
    [DECODE_STRUCT_fd_set] = form__fd_set,
    [DECODE_STRUCT_cap_data] = form__cap_data,
    [DECODE_STRUCT_sched_attr] = form__sched_attr,
    [DECODE_STRUCT_cpumask] = form__cpumask,
    [DECODE_STRUCT_syscall_info] = form__syscall_info,
    [DECODE_STRUCT_key_caps] = form__key_caps,
    [DECODE_STRUCT_dedupe_range] = form__dedupe_range,
    [DECODE_STRUCT_fiemap] = form__fiemap,
    [DECODE_STRUCT_ifconf] = form__ifconf,
    [DECODE_STRUCT_nodemask] = form__nodemask,
    [DECODE_STRUCT_perf_event_attr] = form__perf_event_attr,
    [DECODE_STRUCT_ifreq] = form__ifreq,
    [DECODE_STRUCT_msgbuf] = form__msgbuf,
    [DECODE_STRUCT_page_vector] = form__page_vector,
    [DECODE_STRUCT_sockaddr] = form__sockaddr,
    [DECODE_STRUCT_sockopt] = form__sockopt,
    [DECODE_STRUCT_mmsghdr] = form__mmsghdr,
    [DECODE_STRUCT_mmsghdr_in] = form__mmsghdr_in,
};

print_struct_fn print__struct_fn(uint16_t index)
{
    return index < DECODE_STRUCTS ? structs[index] : nt__struct_fn(index);
}

print_pointer_fn print__pointer_fn(uint16_t index)
{
    return index < DECODE_STRUCTS ? pointers[index] : NULL;
}

static const struct print_call calls[] = {
    {"clone", form__clone, NULL},
    {"rt_sigreturn", form__rt_sigreturn, NULL},
    {"time", form__time, form__time_result},
    {"ioprio_get", NULL, form__ioprio_get},
    {"clone3", form__clone3, NULL},
    {"poll", NULL, form__poll},
    {"ppoll", NULL, form__ppoll},
    {"ppoll_time64", NULL, form__ppoll},
    {"select", NULL, form__select},
    {"_newselect", NULL, form__select},
    {"pselect6", NULL, form__select},
    {"pselect6_time64", NULL, form__select},
    {"recvmmsg", NULL, form__recvmmsg},
    {"recvmmsg_time64", NULL, form__recvmmsg},
    {"rt_sigtimedwait", NULL, form__rt_sigtimedwait},
    {"rt_sigtimedwait_time64", NULL, form__rt_sigtimedwait},
    {"get_thread_area", form__get_thread_area, NULL},
    {"set_thread_area", NULL, form__set_thread_area},
    {"restart_syscall", form__restart_syscall, NULL},
};

const struct print_call *print__call(const struct model_call *call)
{
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
        const char *name = call->service->name;
        if (calls[i].name[0] == name[0] && strcmp(calls[i].name, name) == 0)
            return &calls[i];
    }
    return NULL;
}
