/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linux x86-64 inside the plugin: which thread runs, who it is, what its probes tell. All offsets come from
 * guest.layout; where one is missing the fact is left out, never guessed.
 *
 * Everything runs on the vCPU's own thread. "Kernel page tables" means: called where kernel memory can be read.
 */
#ifndef QEBEK_GUEST_LINUX_LINUX_H
#define QEBEK_GUEST_LINUX_LINUX_H

#include "guest/guest.h"

/* The plan of instrumentation for this kernel: probes that were found, entries and returns. */
void linux__plan(const struct guest *guest, struct vm_plan *plan);
/* Does the layout carry enough to trace by thread? If not, the guest is traced raw. */
bool linux__usable(const struct linux_layout *layout);

/* ---- identity (thread.c) ---- */
/*
 * The current thread's object, read from guest memory: through k_gs_base when in user mode or about to return there
 * (user_gs), else through gs_base. 0 if it cannot be read here.
 */
uint64_t linux__read_current(struct guest_cpu *cpu, bool user_gs);
/* Where the kernel stack of a thread begins; 0: not known. Kernel page tables. */
uint64_t linux__stack(struct guest_cpu *cpu, uint64_t object);
/*
 * The state of the thread `object`, which runs here, claimed for this vCPU; made and announced if it is new (then
 * kernel memory must be readable). NULL: not readable, no memory, or another vCPU says that it runs there.
 */
struct calls_thread *linux__thread_seen(struct guest_cpu *cpu, uint64_t object);
/* A user thread is about to run for the first time, on whichever vCPU. Kernel page tables. */
void linux__thread_born(struct guest_cpu *cpu, uint64_t object);
/* Read who it is anew; true if anything changed. Kernel page tables. */
bool linux__refresh(struct guest_cpu *cpu, struct guest_thread *thread);
/*
 * A thread that is not known is about to run on this vCPU, and may be inside a call that began before tracing did: that
 * call is entered now. Kernel page tables, those of the thread. NULL: it runs no program.
 */
struct calls_thread *linux__join(struct guest_cpu *cpu, uint64_t object);
/* A thread now runs on this vCPU, instead of the one before: sets object, thread and the pending switch. */
void linux__now_runs(struct guest_cpu *cpu, uint64_t object);
/*
 * Without a probe at the context switch nothing tells when a thread leaves this vCPU, so it is held for one event only:
 * begins (reads who runs here; user_gs as above) and ends such an event. Nothing to do where switches are followed.
 */
void linux__event_begins(struct guest_cpu *cpu, bool user_gs);
void linux__event_ends(struct guest_cpu *cpu);
/* The running thread, if any, is no longer held. */
void linux__let_go(struct guest_cpu *cpu);
/* Returns are looked at while the running thread has a call in flight. */
void linux__set_pending(struct guest_cpu *cpu);
/* A claimed thread is gone: its calls end, its state is freed. */
void linux__thread_gone(struct guest_cpu *cpu, struct calls_thread *thread, int32_t status, bool told);

/* ---- containers (container.c); kernel page tables ---- */
/* Fills ns_pid and ns_tid; 0 in the initial pid namespace. */
void linux__read_ns_ids(struct guest_cpu *cpu, struct guest_thread *thread);
/* Tells the cgroup of the thread's process, if that is not as it was when last told (or when it was born). */
void linux__tell_cgroup(struct guest_cpu *cpu, struct guest_thread *thread);
/* Tells that it is now in the cgroup at this address. */
void linux__tell_moved(struct guest_cpu *cpu, const struct guest_thread *thread, uint64_t cgroup);

/* ---- probes (probes.c) ---- */
/* A probe other than those of the entry path (DO_SYSCALL_64 …) was reached. */
void linux__probe(struct guest_cpu *cpu, enum linux_probe probe);

/* ---- calls that are changed on their way (altered.c); kernel page tables ---- */
/* Somebody looks at the call in flight before it is run. */
void linux__altered_looked_at(struct guest_cpu *cpu, struct calls_thread *thread);
/* The kernel runs a call, of the 64-bit or the 32-bit interface: after that, or where another thread took its turn. */
void linux__altered_run(struct guest_cpu *cpu, struct calls_thread *thread, bool wide);
/* Makes the probes at that place work, or not, for the thread that runs here now. */
void linux__altered_follow(struct guest_cpu *cpu);
/* What the kernel ran instead of the call in flight, at its end; NULL: nothing else. */
const struct qbk_ran *linux__altered_ran(const struct guest_thread *thread, const struct qebek_call *call);

/* ---- signals (signals.c), called by the probes ---- */
void linux__signal_work(struct guest_cpu *cpu, struct calls_thread *thread);
void linux__signal_done(struct guest_cpu *cpu, struct calls_thread *thread);
void linux__signal_fatal(struct guest_cpu *cpu, struct calls_thread *thread, int32_t signo, uint64_t info);
/* The queue is about to be looked at; what is found goes to kernel address `info`. */
void linux__signal_dequeue(struct guest_cpu *cpu, struct calls_thread *thread, uint64_t info);
/* The thread is about to go: ends the call in flight if it had its result already. */
void linux__signal_gone(struct guest_cpu *cpu, struct calls_thread *thread);
void linux__signal_stop(struct guest_cpu *cpu, struct calls_thread *thread);
void linux__signal_died(struct guest_cpu *cpu, struct guest_thread *thread, int32_t status);
/* How the call at the top ends at a return to user mode: end, flags and result. */
enum qbk_end linux__how_returned(const struct guest_thread *thread, uint64_t rax, uint8_t *flags, uint64_t *result);

/* ---- names (names.c); kernel page tables ---- */
/* The path of a struct file, as /proc/PID/fd shows it. Returns its length, 0 if it cannot be told. */
size_t linux__file_path(struct guest_cpu *cpu, uint64_t file, char *buf, size_t size);
/*
 * … of what a value of this kind points at (FILE, PATH, DENTRY). A dentry does not tell where its file system is
 * mounted: its path begins at that one's root.
 */
size_t linux__object_path(struct guest_cpu *cpu, enum qbk_value_kind kind, uint64_t object, char *buf, size_t size);
/* The path of descriptor fd of the thread. */
size_t linux__fd_path(struct guest_cpu *cpu, const struct guest_thread *thread, uint32_t fd, char *buf, size_t size);
/* The thread's working directory. */
size_t linux__cwd_path(struct guest_cpu *cpu, const struct guest_thread *thread, char *buf, size_t size);
/* The struct file behind descriptor fd of the thread; 0: none, or not readable. */
uint64_t linux__fd_file(struct guest_cpu *cpu, const struct guest_thread *thread, uint32_t fd);
/* fd_install(fd, file): remember the name for the call in flight. */
void linux__fd_installed(struct guest_cpu *cpu, struct guest_thread *thread);
/* ---- objects (objects.c); kernel page tables; only with LINK_OBJECTS ---- */
/* A call is about to use descriptor fd of the running thread: tells its object, if that is not as it was last told. */
void linux__object_used(struct guest_cpu *cpu, struct guest_thread *thread, uint32_t fd);
/* fd_install(fd, file) by the running thread. */
void linux__object_installed(struct guest_cpu *cpu, struct guest_thread *thread);

/* ---- files (pages.c); kernel page tables; only with LINK_FILES. `t` may be NULL ---- */
/* A struct file that may write gets a descriptor. */
void linux__look_opened(struct guest_cpu *cpu, const struct guest_thread *t, uint64_t file);
/* A struct file is about to go: its bytes, if it could be written through, or was opened by an exec. */
void linux__look_over(struct guest_cpu *cpu, const struct guest_thread *t, uint64_t file);
/* The running thread starts a new image. */
void linux__look_started(struct guest_cpu *cpu, const struct guest_thread *t);

/* The image that the thread's process runs. */
size_t linux__exe_path(struct guest_cpu *cpu, const struct guest_thread *thread, char *buf, size_t size);

#endif
