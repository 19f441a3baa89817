/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plugin as a whole: wires vm, calls, guest and trace together inside QEMU. One instance a process.
 *
 *   main.c     QEMU's entry point, arguments, start and end
 *   link.c     the socket to the qebek process: settings, questions, control
 *   session.c  tracing starts, stops, is renewed; resets of the machine
 *   lookout.c  what kernel is this? asks until it is known
 *   identity.c who makes it
 *   entry.c    a call begins (vm -> guest -> calls)
 *   leave.c    a call may end
 *   tracer.c   the built-in hook: writes ENTER and RETURN
 *   modules.c  hook modules and what they are given
 *   code.c     blocks of code as watched threads execute them
 *   functions.c, functions_threads.c, functions_calls.c  calls of hooked functions of the kernel
 */
#ifndef QEBEK_PLUGIN_PLUGIN_H
#define QEBEK_PLUGIN_PLUGIN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest/guest.h"
#include "guest/linux/capture.h"
#include "qebek/module.h"
#include "trace/functions.h"

/* Things to be done while all vCPUs are halted, in this order. */
enum plugin_want {
    WANT_NOTHING = 0,
    WANT_BEGIN = 1u << 0,    /* a session for the reader that has come */
    WANT_SETTINGS = 1u << 1, /* its filters change */
    WANT_STOP = 1u << 2,
    WANT_START = 1u << 3,
    WANT_END = 1u << 4
};

#define PLUGIN_BLIND                                                                                                   \
    "all vCPUs run on one thread, where QEMU does not tell them apart: use -accel tcg,thread=multi, or one vCPU"

#define PLUGIN_PAGES 64u

struct plugin {
    struct guest guest;
    unsigned n_cpus;

    /* link */
    int sock;     /* the reader, or -1 */
    int listener; /* socket=PATH: where readers come, or -1 */
    char *path;   /* … and its absolute name, removed at the end */
    bool thread_started;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows, and sends on sock */
    pthread_cond_t answered;
    uint32_t find_epoch; /* of the question that waits */
    bool has_answer;
    struct link_found found;
    struct linux_layout layout;
    struct nt_layout nt;
    struct functions_table functions; /* that came with the answer */
    struct link_settings incoming;    /* settings of the session that is to start */
    unsigned want;                    /* atomic: enum plugin_want, to be done on a vCPU's thread */

    bool blind;      /* QEMU does not tell vCPUs apart: no session any more */
    bool in_session; /* atomic: between session__begin and the end of session__end */
    struct ring_set *old_ring;

    /* lookout */
    bool power_on;                        /* the machine was seen to start: nothing ran before */
    bool looking_here;                    /* atomic: a vCPU is at it */
    uint64_t kernel_irets, looking_calls; /* atomic */
    uint64_t pages_seen[PLUGIN_PAGES];    /* atomic; NT: where those calls came from; 0: free */
    uint64_t module_calls;                /* atomic; NT: calls while the stubs are not all known */
    uint32_t looks;                       /* at where kernel code was seen … */
    uint32_t attempts;                    /* … and those at which there was something to ask about */
    char half_found[LINK_FOUND_TEXT_MAX]; /* what was told of a kernel of which too little is known to tell threads */
    uint32_t half_found_len;
};

extern struct plugin plugin;

/* ---- link.c ---- */
/* HELLO and SETTINGS on a connected socket; fills plugin.incoming. Returns 0 or -errno. */
int link_plugin__handshake(int sock);
/* Starts the thread that serves the link; once QEMU runs vCPUs (it may have daemonized before). */
void link_plugin__serve(void);
/* Ask what kernel is in `image` (a memory file as link.h describes). False: no answer in time. */
bool link_plugin__find(const struct link_find *question, int image);
void link_plugin__done(void);
/* Tell the reader in one line why its session cannot be; it then goes. False: it cannot be told. */
bool link_plugin__refuse(const char *why);
/* Create plugin.listener. Returns 0 or -errno. */
int link_plugin__listen(const char *path);
/* No reader can come any more. */
void link_plugin__unlisten(void);

/* ---- session.c ---- */
/*
 * Begin with plugin.incoming; all vCPUs halted, or none there yet. 0, or -1 with one line of why: nothing is traced
 * then, and the session ends as any other.
 */
int session__begin(char *why, size_t room);
/* All vCPUs halted. Says good-bye to the reader. `for_good`: QEMU ends. */
void session__end(enum qbk_end end, bool for_good);
void session__on_attention(struct vm_cpu *vm);
/* The kernel that ran is no more (reset, or it starts another in its place): everything in flight ends, and the search
 * begins anew. */
void session__on_reset(struct vm_cpu *vm);
void session__on_restore(void);
void session__on_renewed(struct vm_plan *plan);

/* ---- lookout.c ---- */
void lookout__on_kernel(struct vm_cpu *vm, uint64_t address);
/* A system call while no kernel is known. True: the guest is now traced raw, and this call with it. */
bool lookout__on_call(struct guest_cpu *cpu);
/* Asks the qebek process about guest memory: pages from base on, and one page at `extra` (0: none). True: answered, see
 * plugin.found. */
bool lookout__ask(struct guest_cpu *cpu, enum link_find_kind kind, uint64_t base, uint64_t pages, uint64_t entry,
                  uint64_t extra);
/* ---- lookout_nt.c ---- */
/* Is this address in an NT kernel? */
void lookout_nt__ask(struct guest_cpu *cpu, uint64_t address);
/* A call of an NT guest whose ntdll is not known yet: is it where this call comes from? */
void lookout_nt__on_call(struct guest_cpu *cpu, enum insn_kind kind, unsigned page_offset);
/* The kernel is known, but not enough of it to trace by thread: from here on it is traced raw. */
void lookout__give_up(struct guest_cpu *cpu, const char *why);

/* ---- identity.c ---- */
/* Counts a call, and says whether it is time to compare the two ways to know the current thread. */
bool identity__due(struct guest_cpu *cpu);
/* Makes sure, with kernel memory at hand, that cpu->thread is who runs here. False: it cannot be told. */
bool identity__establish(struct guest_cpu *cpu, bool user_gs, bool check);

/*
 * Finds out who runs here, where no switch of threads told so far; in kernel mode with the stack pointer `sp`.
 * `settled`: past the assembly that enters the kernel, whose first instructions still have the program's gs. False: it
 * is still not known.
 */
bool identity__learn(struct guest_cpu *cpu, uint64_t sp, bool settled);

/* ---- entry.c, leave.c ---- */
void entry__on_entry(struct vm_cpu *vm, enum insn_kind kind, unsigned flags, unsigned page_offset, uint32_t eax);
/* The entry path reached a point where kernel memory can be read. */
void entry__resume(struct guest_cpu *cpu);
void leave__on_leave(struct vm_cpu *vm, enum insn_kind kind);

/* ---- descriptors.c: names of the descriptors that a call is given, its working directory; kernel page tables ---- */
/* Is this argument one, or AT_FDCWD? Is there one among a call's? */
bool descriptors__is(const struct decode_arg *arg);
bool descriptors__taken(const struct decode_service *service);
/* How many bytes they may take in an ENTER; 0: there are none, or nobody asked for names. */
size_t descriptors__room(const struct guest *guest, enum qbk_abi abi, const struct decode_service *service);
/*
 * Appends them. `captured`: where the snippets of the arguments begin, which are looked through for arrays and sets,
 * and for paths that begin at the working directory.
 */
void descriptors__write(struct guest_cpu *cpu, enum qbk_abi abi, const struct decode_service *service,
                        const uint64_t *args, const uint8_t *captured, struct snippet_writer *w);

/* ---- tracer.c, modules.c ---- */
/* Sets the tracer's hooks for the settings at hand. */
int tracer__hook(struct guest *guest);
/* Loads the modules that the settings name; -1 if one failed, with a line of why in `why`; none is loaded then. */
int modules__load(struct guest *guest, char *why, size_t room);
/* Ends the modules. All vCPUs halted, nothing in flight. `unmap`: takes their code out of this process, too. */
void modules__unload(struct guest *guest, bool unmap);

/* ---- code.c: cpu->watched has LINK_WATCH_INSNS, unless it says otherwise ---- */
/* As vm_events.block. */
void code__on_block(struct guest_cpu *cpu, struct vm_block *block, unsigned page_offset, unsigned n);
/* The thread makes a system call. */
void code__on_call(struct guest_cpu *cpu);
/* The kernel looks for signals for it; `regs`: address of its struct pt_regs. */
void code__on_signal(struct guest_cpu *cpu, uint64_t regs);
/* Another thread is about to run here; cpu->thread runs here from now on. */
void code__leaves(struct guest_cpu *cpu);
void code__comes(struct guest_cpu *cpu);
/* The thread ends, or is not watched any longer. */
void code__over(struct guest_cpu *cpu);
/* All vCPUs halted; whoever is watched: no block of the epoch that ends waits any more. */
void code__end_all(void);
/* Tells once that there is none, if any is wanted. */
void code__refuse(const char *why);
/* Adds the blocks that are wanted of anybody, after code__end_all. */
void code__plan(struct vm_plan *plan);

/* ---- functions.c, functions_threads.c, functions_calls.c ---- */
/* Takes over a table, which it leaves empty; no sites may be in force. False: no memory, nothing is hooked then. */
bool functions__install(struct functions_table *table);
/* Forgets the table. No sites may be in force. */
void functions__drop(void);
/* Adds the sites of the table in force. */
void functions__plan(struct vm_plan *plan);
void functions__on_entry(struct vm_cpu *vm, uint32_t index);
void functions__on_return(struct vm_cpu *vm, uint64_t pc);
/* A call instruction is about to run that returns where hooked functions in flight do, or to a like address. */
void functions__on_call(struct vm_cpu *vm);
/* … of user code, at this offset of its page. */
void functions__on_user_function(struct vm_cpu *vm, unsigned page_offset);
void functions__on_user_return(struct vm_cpu *vm, unsigned page_offset);
/* ---- functions_user.c: called by functions.c, or with a kernel that is known ---- */
bool functions_user__install(void);
void functions_user__drop(void);
void functions_user__plan(struct vm_plan *plan);
/* Are there any in the table in force? */
bool functions_user__wanted(void);
/* Looks at each file that is mapped from now on. */
void functions_user__follow(struct linux_mappings *mappings);
/* Something that was not in memory yet may be now. Kernel page tables. */
void functions_user__look_again(struct guest_cpu *cpu);
/* Whose module nobody mapped. */
void functions_user__tell_unseen(struct guest_cpu *cpu);
/* Another thread runs on this vCPU now: cpu->object. */
void functions__switched(struct guest_cpu *cpu);
/* The kernel frees a thread's object. */
void functions__on_gone(struct guest_cpu *cpu, uint64_t object);
/* NT: the same. */
void functions_nt__on_entry(struct guest_cpu *cpu, uint32_t index);
void functions_nt__on_return(struct guest_cpu *cpu, uint64_t pc);
void functions_nt__on_call(struct guest_cpu *cpu, uint64_t ret);
void functions_nt__on_gone(struct guest_cpu *cpu, uint64_t object);
/* A vCPU came to be. */
void functions_shared__on_cpu(void);
/* All vCPUs halted: every call in flight ends. */
void functions__end_all(enum qbk_function_end end);

#endif
