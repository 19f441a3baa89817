/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel with NT's binary interface, for tests of what watches one from outside: threads, processes, services,
 * callbacks, APCs, exceptions. Its services do what the caller's plan says. One lock; never preempted in itself.
 *
 *   entry_64.S, entry_32.S, interrupts.inc  ways in and out, switching stacks
 *   cpu.c       descriptor tables, timers, what differs between processors
 *   memory.c    pages, address spaces, PE files
 *   object.c    handles and files
 *   names.c     types and names of objects
 *   thread.c    threads, who runs
 *   process.c   processes: what they are, how they are made and ended
 *   user.c      leaving for the dispatchers of ntdll: APCs, exceptions, callbacks
 *   service.c   what a call does
 *   main.c      the machine's life
 *   xt.c        functions to be hooked
 *   getters.c   the exports that tell the layouts
 */
#ifndef MACHINE_NT_H
#define MACHINE_NT_H

#include <stdbool.h>
#include <stddef.h>

#include "boot.h"
#include "plan.h"
#include LAYOUT

#ifdef __x86_64__
#define BASE          BASE_64
#define KERNEL        KERNEL_64
#define KUSER         0xfffff78000000000u
#define APIC          0xfffffffffffe0000u
#define KPCR_THREAD   0x188
#define TEB_SELF      0x30
#define TEB_PEB       0x60
#define TEB_CID       0x40
#define TEB_TLS       0x1480
#define PEB_CALLBACKS 0x58
#define OBJECT_HEADER 0x30
#else
#define BASE          BASE_32
#define KERNEL        KERNEL_32
#define KUSER         0xffdf0000u
#define APIC          0xfffe0000u
#define KPCR_THREAD   0x124
#define TEB_SELF      0x18
#define TEB_PEB       0x30
#define TEB_CID       0x20
#define TEB_TLS       0xe10
#define PEB_CALLBACKS 0x2c
#define OBJECT_HEADER 0x18
#endif
#define PEB_HOOK 0x7f0 /* ours: the program's function that ntdll tells of a thread's start */

#define PAGE          4096u
#define KUSER_USER    0x7ffe0000u
#define USER_PEB      0x10000000u
#define USER_PARAMS   0x10008000u /* two pages */
#define USER_TEB(i)   (0x10010000u + (word)(i)*0x4000u)
#define USER_STACK(i) (0x20000000u + (word)(i)*0x50000u) /* options.stack_kib of it are there */
#define USER_ARENA(i) (0x30000000u + (word)(i)*0x20000u) /* 0x10000 of it is there */
#define USER_LOG(i)   (0x40000000u + (word)(i)*0x800000u)
#define LOG_FUNCTIONS 0x400000u             /* behind a thread's log */
#define FOREIGN       (KERNEL + 0x2000000u) /* code that is no image's */
#define KSTACK_BYTES  0x3000u
#define KSTACK_LARGE  0xf000u             /* from the first graphics call on */
#define SYSTEM_TIME   0x01d9000000000000u /* when the machine was switched on */
#define THREADS_MAX   120u                /* that a process may ever make */

#define AT(base, offset, type) (*(type *)((u8 *)(base) + (offset)))

#define STATUS_SUCCESS                0u
#define STATUS_PENDING                0x103u
#define STATUS_TIMEOUT                0x102u
#define STATUS_USER_APC               0xc0u
#define STATUS_OBJECT_NAME_NOT_FOUND  0xc0000034u
#define STATUS_INVALID_SYSTEM_SERVICE 0xc000001cu
#define STATUS_INVALID_HANDLE         0xc0000008u
#define STATUS_NO_CALLBACK_ACTIVE     0xc0000258u
#define STATUS_ILLEGAL_INSTRUCTION    0xc000001du
#define STATUS_BREAKPOINT             0x80000003u
#define STATUS_ACCESS_VIOLATION       0xc0000005u

#ifdef __x86_64__
struct frame {
    word r15, r14, r13, r12, r11, r10, r9, r8, bp, di, si, dx, cx, bx, ax;
    word vector, error;
    word ip, cs, flags, sp, ss;
};
#else
struct frame {
    word fs, di, si, bp, unused, bx, dx, cx, ax;
    word vector, error;
    word ip, cs, flags, sp, ss;
};
#endif

enum way { WAY_SYSCALL, WAY_SYSENTER, WAY_INT2E, WAY_INT2B, WAY_INTERRUPT };
enum state { RUNNABLE, RUNNING, BLOCKED, DEAD };
enum kind {
    KIND_FREE = 0,
    KIND_FILE,
    KIND_THREAD,
    KIND_EVENT,
    KIND_PROCESS,
    KIND_TYPE,
    KIND_DIRECTORY,
    KIND_LINK,
    KIND_DEVICE,
    KIND_KEY,
    KIND_MUTANT,
    KIND_SECTION,
    KIND_PORT,
    KIND_TOKEN,
    KIND_WINDOW_STATION,
    KINDS
};

struct apc {
    word routine, context, a, b;
};

/* A stay in user mode that a service made (KeUserModeCallback); on the kernel stack of the thread. */
struct callback {
    struct callback *outer;
    word sp;         /* where the kernel goes on */
    word stack_base; /* of the kernel stack until then */
    struct frame *frame;
    u32 status; /* what the user returned */
};

struct process {
    u8 *e; /* EPROCESS */
    struct process *next;
    word cr3;
    word user_cr3; /* the shadow: what user mode sees */
    u32 pid, threads, made, slots[(THREADS_MAX + 31) / 32];
    word program, stubs_nt, stubs_graphics;
    word handles; /* the table's page */
    u32 handle_count;
    u32 exit_status; /* with which it is being ended */
    bool ending, told;
    word more_handles; /* a second page of the table, which has a level more then; 0: none */
};

struct thread {
    u8 *e; /* ETHREAD */
    struct thread *next;
    struct process *process;
    enum state state;
    u64 wake;
    word sp;         /* while it does not run */
    word stack_base; /* kernel stack, where the next entry begins */
    word stack;      /* its pages */
    word stack_left; /* those that it was on until it became a large one; given back at the next chance */
    bool large;
    enum way way; /* of the service that it is in */
    struct frame *frame;
    struct callback *callback;
    word teb;
    u32 tid, slot;
    bool killed, slow, idle;
    u32 status; /* with which it ends */
    struct apc apc[4];
    u32 apcs;
    u32 raise; /* an exception waits to be told: its code */
    bool raise_return;
    word start;
    struct xt_log *functions; /* what functions of xt.h write down; NULL: nothing */
    word second_stack;
};

/*
 * Per processor. Begins with the KPCR; of this structure only what `shadow` holds can be seen from user mode with the
 * shadow on.
 */
struct cpu {
    u8 pcr[0x7000];
    struct {
        word kernel_cr3, stack_base, user_sp, user_cr3, saved, saved2;
        u8 pad[0x100 - 6 * sizeof(word)];
        u64 gdt[16];
        u8 pad2[0x80];
        u8 tss[0x80];
        u8 stack[0x1000 - 0x280]; /* where interrupts begin with the shadow on */
    } shadow;
    u32 index;
    struct thread *idle, *running;
} __attribute__((aligned(4096)));

/* options.hook: entries of the service tables lead away: from the start, or for some time later. */
enum { HOOK_NEVER, HOOK_FIRST, HOOK_LATER };

struct options {
    u32 procs, threads, calls, seed, cpus, shadow, int2e, sep, what, log_kib, sabotage, quiet, hook, param, stack_kib,
        tick, bare, xt;
};

extern struct options options;
extern struct boot *boot;
extern volatile u64 ticks;
extern struct cpu cpus[CPUS_MAX];
extern volatile u32 cpus_up;
extern struct process *processes, *system_process;
extern struct thread *threads;
extern u32 live_threads;

/* memory.c */
void *memset(void *to, int value, size_t len);
void *memcpy(void *to, const void *from, size_t len);
extern word kuser_page;
void memory_init(void);
word page_new(void); /* physical; zeroed */
void page_free(word page);
void *pool_new(size_t bytes); /* never given back */
word address_space_new(word *user);
void map_system(word va, word physical); /* before the first process */
void map(const struct process *process, word va, word physical, bool writable);
/* The kernel's own view of a user address of any process, or NULL. */
void *user_at(const struct process *process, word va);
void user_write(const struct process *process, word va, const void *from, size_t len);
void user_read(const struct process *process, word va, void *to, size_t len);
word image_map(const struct process *process, u32 module, bool shared);
word image_export(const struct process *process, word base, const char *name);
void load_cr3(word cr3);

/* cpu.c */
void cpu_init(u32 index);
bool cpu_has_sep(void);
void cpu_runs(struct thread *t); /* stack, TEB and address space are those of t */
struct cpu *this_cpu(void);
struct thread *current(void);
void lock(void);
void unlock(void);
void timer_start(void);
void timer_done(void);
void serial(const char *text);
void serial_number(u64 n);
void machine_off(u32 status) __attribute__((noreturn));

/* entry_*.S */
void switch_stacks(word *save, word to);
void thread_begins(void);
word callback_leave(struct callback *c, struct frame *f);
void callback_return(word sp) __attribute__((noreturn));
typedef u32 service_function(word, word, word, word);
service_function *ki_look_up(u32 nr, u32 graphic); /* on x86 it is in service.c */
void idle_wait(void);

/* xt.c */
struct xt_log;
void XtRun(word seed, word depth);
void XtTick(void);
void KiSwapContext(word *save, word to, struct xt_log *log);

/* object.c */
void *object_new(enum kind kind, size_t bytes);
void object_free(void *body, size_t bytes);
u32 handle_new(struct process *p, void *body);
void *handle_object(struct process *p, word handle, enum kind kind);
void handle_close(struct process *p, word handle);
/* The table has more than one level from here on. */
void handles_grow(struct process *p);
void *file_new(u32 seed);

/* names.c */
void names_init(void);
void names_header(u8 *header, enum kind kind);
/* A handle for one of a set of objects of all kinds; what it stands for goes out on the serial port. */
u32 names_open(struct process *p, u32 which);
void names_thread(const struct process *p, u32 handle, const struct thread *t);

/* process.c */
struct process *process_start(const char *name, u32 parent);
/* What can be read of it: token, image, parameters. */
void process_describe(struct process *p, u32 image, const u16 *command);
/* A thread of it is about to be in user mode: who it is goes out on the serial port, the first time. */
void process_runs(struct process *p);
void process_ended(struct process *p, u32 status);
word image_section(struct process *p, u32 image);
u32 create_user_process(struct thread *t, const struct frame *f, enum way way);
u32 create_process_ex(struct thread *t, const struct frame *f, enum way way);
u32 write_memory(struct thread *t, const struct frame *f, enum way way);
u32 terminate_process(struct thread *t, word handle, u32 status);
struct process *process_of_handle(struct process *p, word handle);

/* thread.c */
struct process *process_new(const char *name, u32 parent);
struct thread *thread_new(struct process *p, word start, word param, u32 calls);
struct thread *thread_of(void *e);
struct thread *thread_idle(u32 cpu);
void thread_exit(void) __attribute__((noreturn));
void thread_kill(struct thread *t);
/* The first graphics call goes on on a larger stack: the frame's new place. */
struct frame *thread_stack_grows(struct thread *t, const struct frame *f);
void thread_stack_left(struct thread *t);
void block(u32 n);
void schedule(void);

/* user.c */
void user_begin(struct thread *t, struct frame *f);
/* May the fast way out be taken? APCs wait for the end of a service, so that what the program writes down is in order.
 */
bool user_leave(struct thread *t, struct frame *f, bool of_service);
u32 user_callback(struct thread *t, u32 index, word value);
u32 user_callback_done(struct thread *t, u32 status);
void user_continue(struct thread *t, struct frame *f, word context);
void user_exception(struct thread *t, struct frame *f, u32 code);

/* service.c */
word argument(struct thread *t, const struct frame *f, enum way way, u32 i);
void tables_init(void);
void table_hook(bool graphics, bool undo);
void service(struct thread *t, struct frame *f, enum way way);
void service_tick(void);

#endif
