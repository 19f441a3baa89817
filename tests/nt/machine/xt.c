/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Built twice: into the kernel, and (as XT_USER) into ntdll, which has no data of its own. */
#ifdef XT_USER
#include "lib.h"
#else
#include "nt.h"
#endif
#include "xt.h"

#define NOT_INLINE __attribute__((noinline, noclone))
#define MANY       6u
#define ROUNDS     5u

/* ---- what is written down ---- */

#ifdef XT_USER
#define IN_KERNEL 0
static struct xt_log *log_here(void)
{
    const struct start *s = self();
    return (struct xt_log *)s->functions;
}
#else
#define IN_KERNEL 1
static struct xt_log *log_here(void)
{
    return current()->functions;
}
#endif

/* Room for one entry; the kernel may interrupt a program that writes one. Where there is none, the tests see that. */
static struct xt_entry *entry(struct xt_log *log, u8 kind, u32 function, u32 call)
{
    u32 at = __atomic_fetch_add(&log->used, sizeof(struct xt_entry), __ATOMIC_SEQ_CST);
    struct xt_entry *e = (struct xt_entry *)((u8 *)(log + 1) + at);
    if (at + sizeof(*log) + 2 * sizeof(*e) > log->size) {
        log->used = log->size - sizeof(*log) - sizeof(*e);
        log->full = 1;
        e = (struct xt_entry *)((u8 *)(log + 1) + log->used);
    }
    e->kernel = IN_KERNEL;
    e->function = (u16)function;
    e->call = call;
    for (u32 i = 0; i < 7; i++)
        e->value[i] = 0;
    e->kind = kind;
    return e;
}

static NOT_INLINE u32 enters(u32 function, u32 n, const word *args)
{
    struct xt_log *log = log_here();
    u32 call = __atomic_add_fetch(&log->calls, 1, __ATOMIC_SEQ_CST);
    struct xt_entry *e = entry(log, 'E', function, call);
    for (u32 i = 0; i < n; i++)
        e->value[i] = args[i];
    return call;
}
#define ENTERS(function, ...) enters(function, sizeof((word[]){__VA_ARGS__}) / sizeof(word), (word[]){__VA_ARGS__})

static NOT_INLINE word returns(u32 function, u32 call, word result)
{
    entry(log_here(), 'R', function, call)->value[0] = result;
    return result;
}

static NOT_INLINE void note(u8 kind, u32 call)
{
    entry(log_here(), kind, 0, call);
}

/* ---- the functions ---- */

#ifdef __x86_64__
#define NAMED(name) name
#else
#define NAMED(name) __asm__("_" #name)
#endif
#ifdef __x86_64__
#define FUNCTION(convention, name, ...)                                                                                \
    word convention name(__VA_ARGS__);                                                                                 \
    NOT_INLINE word convention name(__VA_ARGS__)
#else /* without the decoration of their convention */
#define FUNCTION(convention, name, ...)                                                                                \
    word convention name(__VA_ARGS__) NAMED(name);                                                                     \
    NOT_INLINE word convention name(__VA_ARGS__)
#endif
word XT_CALL XtTail(word a, word b)
#ifndef __x86_64__
    NAMED(XtTail)
#endif
        ;
word XT_CALL XtTailToo(word a, word b)
#ifndef __x86_64__
    NAMED(XtTailToo)
#endif
        ;

FUNCTION(XT_CALL, XtLeaf, word a, word b)
{
    return returns(XT_LEAF, ENTERS(XT_LEAF, a, b), (a ^ b * 5) + 1);
}

FUNCTION(XT_CALL, XtRecurse, word n, word a)
{
    u32 call = ENTERS(XT_RECURSE, n, a);
    word sum = XtLeaf(n, a);
    if (n > 0)
        sum += XtRecurse(n - 1, a * 3 + 1);
    if (n % 3 == 1)
        sum += XtLeaf(a, n);
    return returns(XT_RECURSE, call, sum);
}

typedef word XT_CALL two_words(word, word);
two_words XtEven
#ifndef __x86_64__
    NAMED(XtEven)
#endif
        ;
two_words XtOdd
#ifndef __x86_64__
    NAMED(XtOdd)
#endif
        ;

/* The one place from which both are called. */
static NOT_INLINE word calls_one(u32 odd, word n, word a)
{
    two_words *volatile functions[2] = {XtEven, XtOdd};
    return n ? functions[odd](n - 1, a + 7) : a;
}
NOT_INLINE word XT_CALL XtEven(word n, word a)
{
    u32 call = ENTERS(XT_EVEN, n, a);
    return returns(XT_EVEN, call, calls_one(1, n, a) * 2);
}
NOT_INLINE word XT_CALL XtOdd(word n, word a)
{
    u32 call = ENTERS(XT_ODD, n, a);
    return returns(XT_ODD, call, calls_one(n & 1, n, a) + 1);
}

void xt_tail(word a, word b);
void xt_tail(word a, word b)
{
    note('T', ENTERS(XT_TAIL, a, b));
}
void xt_tail_too(word a, word b);
void xt_tail_too(word a, word b)
{
    note('T', ENTERS(XT_TAIL_TOO, a, b));
}

FUNCTION(XT_CALL, XtMany, word a, word b, word c, word d, word e, word f)
{
    u32 call = ENTERS(XT_MANY, a, b, c, d, e, f);
    return returns(XT_MANY, call, XtLeaf(a + c, e) + XtTail(b, d + f));
}

FUNCTION(XT_FASTCALL, XtFast, word a, word b, word c)
{
    u32 call = ENTERS(XT_FAST, a, b, c);
    return returns(XT_FAST, call, XtLeaf(a, b) ^ c);
}

FUNCTION(, XtCdecl, word a, word b, word c)
{
    u32 call = ENTERS(XT_CDECL, a, b, c);
    return returns(XT_CDECL, call, XtLeaf(c, b) ^ a);
}

/* As an exception goes: over frames that do not return, to one that does. */
struct catcher {
    void *jump[5];
    u32 call;
};

FUNCTION(XT_CALL, XtThrow, word n, word catcher)
{
    struct catcher *c = (struct catcher *)catcher;
    (void)ENTERS(XT_THROW, n, catcher);
    note('U', c->call);
    __builtin_longjmp(c->jump, 1);
}

FUNCTION(XT_CALL, XtNest, word n, word catcher)
{
    two_words *volatile throws = XtThrow; /* that it does not return, is nothing that a compiler should know */
    u32 call = ENTERS(XT_NEST, n, catcher);
    word sum = XtLeaf(n, 3);
    sum += n ? XtNest(n - 1, catcher) : throws(n, catcher);
    return returns(XT_NEST, call, sum);
}

FUNCTION(XT_CALL, XtCatch, word n, word a)
{
    struct catcher c;
    volatile word sum = a; /* lives on behind the jump */
    c.call = ENTERS(XT_CATCH, n, a);
    if (__builtin_setjmp(c.jump) == 0)
        sum += XtNest(n, (word)&c);
    sum += XtLeaf(n, sum);
    return returns(XT_CATCH, c.call, sum);
}

/* ---- two stacks of one thread ---- */

struct two_stacks {
    word here, there;       /* stack pointers of the one that does not run */
    word base[2], limit[2]; /* as the kernel knows them of the thread */
    word n, a;
    bool done, tells; /* tells: a fiber of ntdll's; else a program's own trick */
};

#ifdef XT_USER
#define STACK_AT(which) ((which) ? 2 * sizeof(word) : sizeof(word)) /* of the TEB: limit, base */
static word *bound(u32 which)
{
    word teb;
#ifdef __x86_64__
    __asm__ volatile("movq %%gs:0x30, %0" : "=r"(teb));
#else
    __asm__ volatile("movl %%fs:0x18, %0" : "=r"(teb));
#endif
    return (word *)(teb + STACK_AT(which));
}
static word second_stack(word *limit)
{
    const struct start *s = self();
    *limit = s->arena + s->arena_size / 2;
    return s->arena + s->arena_size;
}
#else
static word *bound(u32 which)
{
    return (word *)(current()->e + (which ? KTHREAD_STACK_LIMIT : KTHREAD_STACK_BASE));
}
static word second_stack(word *limit)
{
    struct thread *t = current();
    if (!t->second_stack)
        t->second_stack = (word)pool_new(KSTACK_BYTES);
    *limit = t->second_stack;
    return t->second_stack + KSTACK_BYTES;
}
#endif

static void bounds_are(const struct two_stacks *s, u32 which)
{
    if (s->tells) {
        *bound(0) = s->base[which];
        *bound(1) = s->limit[which];
    }
}

static NOT_INLINE void go(struct two_stacks *s, bool there)
{
    bounds_are(s, there);
    if (there)
        xt_switch(&s->here, s->there);
    else
        xt_switch(&s->there, s->here);
}

struct ping {
    struct two_stacks *s;
    bool there;
};

static word ping(struct two_stacks *s, bool there, word n, word a);
FUNCTION(XT_CALL, XtPing, word n, word s)
{
    u32 call = ENTERS(XT_PING, n, s);
    return returns(XT_PING, call, ping((struct two_stacks *)(s & ~(word)1), s & 1, n, 1));
}

static word ping(struct two_stacks *s, bool there, word n, word a)
{
    for (word i = 0; i < n; i++) {
        a += XtLeaf(a, i);
        if (there || !s->done)
            go(s, !there);
    }
    return a;
}

/* What runs on the second stack. Its structure is found through the first word below the stack's top. */
void xt_other(void);
void xt_other(void)
{
    word limit, top = second_stack(&limit);
    struct two_stacks *s = *(struct two_stacks **)(top - sizeof(word));
    (void)XtPing(s->n, (word)s | 1);
    s->done = true;
    go(s, false);
}

static void pings(word n, word m, bool tells)
{
    struct two_stacks s = {.n = m, .tells = tells || IN_KERNEL, .done = false};
    word *sp = (word *)second_stack(&s.limit[1]);
    if (log_here()->away)
        return;
    log_here()->away = 1;
    s.base[1] = (word)sp;
    s.base[0] = *bound(0);
    s.limit[0] = *bound(1);
    *--sp = (word)&s;
    sp -= 7;
    *sp = (word)xt_begins;
    for (u32 i = 0; i < (sizeof(word) == 8 ? 8 : 4); i++)
        *--sp = 0;
    s.there = (word)sp;
    (void)XtPing(n, (word)&s);
    while (!s.done)
        go(&s, true);
    log_here()->away = 0;
}

/* ---- what takes time, or other code ---- */

#ifdef XT_USER
static word system_call(u32 op, u32 a, word value)
{
    struct plan p = {.magic = PLAN_MAGIC, .status = 0};
    p.step[0] = (struct plan_step){op, a, 0, value};
    return xt_call((void *)find_export(((const struct start *)self())->stubs_nt, "NtDelayExecution"), &p);
}
#define WAITS(n)           (void)system_call(OP_BLOCK, (u32)(n), 0)
#define REENTERS(a, depth) (void)system_call(OP_CALLBACK, 0, (a) << 8 | (depth))
#define DEEPER(a, depth)   (void)system_call(OP_FUNCTIONS, (u32)(depth), a)
#define DIES()             (void)system_call(OP_DIE, 0, 0)
#else
#define WAITS(n)           block((u32)(n))
#define REENTERS(a, depth) (void)user_callback(current(), 0, (a) << 8 | (depth))
#define DEEPER(a, depth)   XtRun(a, depth)
#define DIES()             thread_exit()
#endif

FUNCTION(XT_CALL, XtWait, word n, word a)
{
    u32 call = ENTERS(XT_WAIT, n, a);
    WAITS(n);
    return returns(XT_WAIT, call, n + a);
}

FUNCTION(XT_CALL, XtReenter, word n, word a)
{
    u32 call = ENTERS(XT_REENTER, n, a);
    REENTERS(a, n);
    return returns(XT_REENTER, call, a ^ n);
}

FUNCTION(XT_CALL, XtDeeper, word n, word a)
{
    u32 call = ENTERS(XT_DEEPER, n, a);
    DEEPER(a, n);
    return returns(XT_DEEPER, call, a - n);
}

FUNCTION(XT_CALL, XtDie, word n, word a)
{
    u32 call = ENTERS(XT_DIE, n, a);
    note('D', call);
    DIES();
    return n;
}

/* ---- which of them ---- */

static u32 pick(word *seed, u32 n)
{
    *seed = *seed * 1103515245u + 12345u;
    return (u32)(*seed >> 16 & 0x7fff) % n;
}

static void one(word *seed, word depth)
{
    word a = pick(seed, 4096), b = pick(seed, 4096);
    switch (pick(seed, depth > 0 ? 16 : 11)) {
    case 0:
        (void)XtRecurse(b % 9, a);
        break;
    case 1:
        (void)XtEven(b % 8, a);
        break;
    case 2:
        (void)XtTail(a, b);
        break;
    case 3:
    case 4:
        (void)XtTailToo(a, b);
        break;
    case 5:
    case 6:
        (void)XtCatch(b % 6, a);
        break;
    case 7:
        (void)XtMany(a, b, a + 1, b + 1, a + 2, b + 2);
        break;
    case 8:
        (void)XtFast(a, b, 9);
        break;
    case 9:
        (void)XtCdecl(a, b, 10);
        break;
    case 10:
        pings(a % 4 + 1, b % 5, a & 16);
        break;
    case 11:
        (void)XtWait(b % 3, a);
        break;
    case 12:
    case 13:
        (void)XtReenter(depth - 1, a);
        break;
    default:
        (void)XtDeeper(depth - 1, a);
        break;
    }
}

void XtRun(word seed, word depth)
{
    seed = seed * 2654435761u + depth;
    for (u32 i = pick(&seed, ROUNDS) + 1; i > 0; i--)
        one(&seed, depth);
}

#ifndef XT_USER
/* In place of switch_stacks: entered as one thread, left as it again, when that is its turn. By then the KPCR names
 * another one already. */
void KiSwapContext(word *save, word to, struct xt_log *log);
NOT_INLINE void KiSwapContext(word *save, word to, struct xt_log *log)
{
    u32 call = 0;
    if (log) {
        struct xt_entry *e;
        call = __atomic_add_fetch(&log->calls, 1, __ATOMIC_SEQ_CST);
        e = entry(log, 'E', XT_SWITCH, call);
        e->value[0] = (word)save;
        e->value[1] = to;
    }
    switch_stacks(save, to);
    if (log)
        entry(log, 'R', XT_SWITCH, call);
}

/* Called by the interrupts of the clock, in the midst of whatever it is. */
void XtTick(void);
NOT_INLINE void XtTick(void)
{
    __asm__ volatile("" ::: "memory");
}

__asm__(".section .drectve, \"yn\"\n"
        ".ascii \" -export:XtLeaf -export:XtRecurse -export:XtEven -export:XtOdd -export:XtTail -export:XtTailToo\"\n"
        ".ascii \" -export:XtCatch -export:XtNest -export:XtThrow -export:XtPing -export:XtWait -export:XtReenter\"\n"
        ".ascii \" -export:XtDeeper -export:XtMany -export:XtFast -export:XtCdecl -export:XtDie -export:XtTick\"\n"
        ".ascii \" -export:KiSwapContext\"\n"
        ".text\n");
#endif
