/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nt.h"

struct options options = {.procs = 1,
                          .threads = 1,
                          .calls = 100,
                          .seed = 1,
                          .cpus = 1,
                          .sep = 1,
                          .log_kib = 64,
                          .quiet = 200,
                          .stack_kib = 64,
                          .tick = 1};
struct boot *boot;
static volatile u32 ready;

static const struct {
    const char *name;
    u32 *value;
} words[] = {{"procs=", &options.procs}, {"threads=", &options.threads},   {"calls=", &options.calls},
             {"seed=", &options.seed},   {"cpus=", &options.cpus},         {"shadow=", &options.shadow},
             {"int2e=", &options.int2e}, {"sep=", &options.sep},           {"what=", &options.what},
             {"log=", &options.log_kib}, {"sabotage=", &options.sabotage}, {"quiet=", &options.quiet},
             {"hook=", &options.hook},   {"param=", &options.param},       {"stack=", &options.stack_kib},
             {"tick=", &options.tick},   {"bare=", &options.bare},         {"xt=", &options.xt}};

static u32 number(const char *p)
{
    u32 n = 0;
    while (*p >= '0' && *p <= '9')
        n = 10 * n + (u32)(*p++ - '0');
    return n;
}

static const char *starts(const char *p, const char *word)
{
    while (*word) {
        if (*p++ != *word++)
            return NULL;
    }
    return p;
}

static void read_options(const char *line)
{
    for (const char *p = line; *p; p++) {
        for (u32 i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            const char *value = p == line || p[-1] == ' ' ? starts(p, words[i].name) : NULL;
            if (value)
                *words[i].value = number(value);
        }
    }
    if (options.cpus > CPUS_MAX)
        options.cpus = CPUS_MAX;
}

static void shared_data(void)
{
    static const char root[] = "C:\\WINDOWS";
    u8 *k = (u8 *)KUSER;
    for (u32 i = 0; root[i]; i++)
        AT(k, 0x30 + 2 * i, u16) = (u8)root[i];
#if NT_BUILD >= 10000
    AT(k, 0x260, u32) = NT_BUILD;
#endif
    AT(k, 0x14, u64) = SYSTEM_TIME;
    AT(k, 0x264, u32) = 1;
    AT(k, 0x26c, u32) = NT_MAJOR;
    AT(k, 0x270, u32) = NT_MINOR;
    AT(k, 0x308, u32) = options.int2e;
}

static void start_process(u32 i)
{
    static const char *const names[] = {"csrss.exe", "winlogon.exe", "explorer.exe", "cmd.exe"};
    struct process *p = process_start(names[i & 3], i ? processes->pid : 4);
    if (options.what & WITH_PROCESSES)
        process_describe(p, i & 3, NULL);
    for (u32 n = 0; n < options.threads; n++)
        thread_new(p, image_export(p, p->program, "thread_main"), options.param, options.calls);
}

/* As a real kernel does for long before its first process: only its own code runs, and is interrupted. */
static void quiet_start(void)
{
    for (u64 until = ticks + options.quiet; ticks < until;) {
        unlock();
        idle_wait();
        lock();
    }
}

static void idle(struct thread *t)
{
    this_cpu()->idle = t;
    cpu_runs(t);
    timer_start();
    quiet_start();
    for (;;) {
        schedule();
        unlock();
        idle_wait();
        lock();
    }
}

void ki_start(struct boot *b, u32 index);
void ki_start(struct boot *b, u32 index)
{
    if (index == 0) {
        boot = b;
        read_options(b->line);
        if (!cpu_has_sep())
            options.sep = 0;
        memory_init();
        cpu_init(0);
        system_process = process_new("System", 0);
        AT(system_process->e, EPROCESS_PID, word) = system_process->pid = 4;
        shared_data();
        tables_init();
        map_system(FOREIGN, page_new());
        if (options.bare) /* the kernel's header is not there to be read */
            memset((void *)KERNEL, 0, PAGE);
        if (options.hook == HOOK_FIRST)
            table_hook(false, false);
        for (u32 i = 0; i < options.procs; i++)
            start_process(i);
        if (options.what & WITH_PROCESSES)
            names_init();
        __atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
    } else {
        while (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
            __asm__ volatile("pause");
        if (index >= options.cpus)
            for (;;)
                __asm__ volatile("cli; hlt");
        load_cr3(PHYS_TABLES);
        cpu_init(index);
    }
    lock();
    idle(thread_idle(index));
}

/* Before anything else is on the stack: which frame to go on with. */
struct frame *ki_move_stack(struct frame *f);
struct frame *ki_move_stack(struct frame *f)
{
    struct thread *t;
    if ((f->cs & 3) != 3 || (f->vector != 0x2e && f->vector != 0x100) || (f->ax >> 12 & 3) != 1 || current()->large)
        return f;
    lock();
    t = current();
    f = thread_stack_grows(t, f);
    unlock();
    return f;
}

u32 ki_system_call(struct frame *f);
u32 ki_system_call(struct frame *f)
{
    lock();
    struct thread *t = current();
    service(t, f, sizeof(word) == 8 ? WAY_SYSCALL : WAY_SYSENTER);
    bool fast = user_leave(t, f, true);
    unlock();
    return fast;
}

void ki_thread_begins(struct frame *f);
void ki_thread_begins(struct frame *f)
{
    user_leave(current(), f, false); /* it may have been killed before it began */
    process_runs(current()->process);
    unlock();
}

static void fault(struct thread *t, struct frame *f)
{
    if (f->vector == 6)
        f->ip += 2; /* ud2: goes on behind it */
    user_exception(t, f,
                   f->vector == 3   ? STATUS_BREAKPOINT
                   : f->vector == 6 ? STATUS_ILLEGAL_INSTRUCTION
                                    : STATUS_ACCESS_VIOLATION);
}

static void panic(const struct frame *f)
{
    serial("fault ");
    serial_number(f->vector);
    serial(" at ");
    serial_number(f->ip);
    serial(" error ");
    serial_number(f->error);
    serial(" sp ");
    serial_number(f->sp);
    serial("\n");
    machine_off(8);
}

static void timer(void)
{
    XtTick();
    if (this_cpu()->index == 0) {
        ticks++;
        AT(KUSER, 0x14, u64) = SYSTEM_TIME + ticks * 10000u;
        service_tick();
    }
    timer_done();
}

/* Returns 1 where the fast way out may be taken, which only a service of x86 knows. */
u32 ki_interrupt(struct frame *f);
u32 ki_interrupt(struct frame *f)
{
    bool user = (f->cs & 3) == 3, fast;
    if (!user && f->vector != 0xd1 && f->vector != 0xff)
        panic(f);
    lock();
    struct thread *t = current();
    if (f->vector == 0xd1)
        timer();
    if (!user) {
        unlock();
        return 0;
    }
    if (f->vector == 0xd1)
        schedule();
    else if (f->vector == 0x2e)
        service(t, f, WAY_INT2E);
    else if (f->vector == 0x2b)
        service(t, f, WAY_INT2B);
    else if (f->vector == 13 || f->vector == 14 || f->vector == 8)
        panic(f);
    else
        fault(t, f);
    fast = user_leave(t, f, f->vector != 0xd1);
    unlock();
    return fast && f->vector == 0x2e && options.sep;
}
