/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls that leave the kernel before their end, and what user mode does then. */
#include "program.h"

static const enum service with_callbacks[] = {NtUserGetMessage, NtUserPeekMessage, NtUserDispatchMessage,
                                              NtUserMessageCall};

void calls_back(struct me *me)
{
    word args[20];
    struct plan p = new_plan(any_status(me));
    u32 kinds = me->start.options & WITH_ABANDON ? 4 : 3;
    any_args(me, args);
    if (chance(me, 2))
        add(&p, OP_BLOCK, chance(me, 3), 0, 0);
    for (u32 i = chance(me, 2) + 1; i > 0; i--)
        add(&p, OP_CALLBACK, chance(me, kinds), 0, any_word(me));
    if (chance(me, 2))
        add(&p, OP_BLOCK, chance(me, 3), 0, 0);
    call(me, with_callbacks[chance(me, 4)], args, &p, NULL, 0);
}

APC_ROUTINE(on_apc)
{
    struct me *me = self();
    some_more(me, 2);
    log_continue(me, APC_CONTEXT, 1);
}

void gets_apc(struct me *me)
{
    word args[20];
    struct plan p = new_plan(chance(me, 2) ? 0xc0 : any_status(me));
    any_args(me, args);
    add(&p, OP_BLOCK, chance(me, 3), 0, 0);
    for (u32 n = 1 + (chance(me, 4) == 0); n > 0; n--)
        add(&p, OP_APC, 0, (word)on_apc, any_word(me));
    call(me, chance(me, 2) ? NtDelayExecution : NtWaitForMultipleObjects, args, &p, NULL, 0);
}

void raises(struct me *me)
{
    word args[20];
    struct plan p = new_plan(any_status(me));
    any_args(me, args);
    add(&p, chance(me, 2) ? OP_RAISE : OP_RAISE_RETURN, 0xc0000008, 0, 0);
    call(me, NtClose, args, &p, NULL, 0);
}

/* Calls that come back although they are made not to: with an error. */
void refused(struct me *me)
{
    word context[20] = {16 * (1 + chance(me, 8)), 1}, callback[20] = {0, 0, any_status(me)};
    call(me, NtContinue, context, NULL, NULL, 0);
    if (me->depth == 0) /* in a callback it would work */
        call(me, NtCallbackReturn, callback, NULL, NULL, 0);
}

void faults(struct me *me)
{
    (void)me;
    __asm__ volatile("ud2");
}

/* The call that an APC interrupts is given up: its routine jumps out. */
APC_ROUTINE(on_apc_jumps)
{
    struct me *me = self();
    some_more(me, 1);
    __builtin_longjmp(me->jump, 1);
}

void __attribute__((noinline)) jumps(struct me *me)
{
    word args[20];
    struct plan p = new_plan(0xc0);
    any_args(me, args);
    add(&p, OP_APC, 0, (word)on_apc_jumps, 0);
    if (__builtin_setjmp(me->jump) == 0) {
        me->abandoned = log_enter(me, NtDelayExecution, args);
        raw_call(me, NtDelayExecution, args, &p);
    }
    me = self();
    log_end(me, 'X', NtDelayExecution, me->abandoned);
    struct plan next = new_plan(0);
    call(me, NtYieldExecution, args, &next, NULL, 0); /* from up here, so that it is clear that the stack has ended */
}

void exception_hook(word record, word context)
{
    struct me *me = self();
    (void)record;
    some_more(me, 2);
    log_continue(me, context, 0);
}

/* The kernel is through with the call that brought us here: what we do now is not inside it. */
void raised_hook(word status)
{
    struct me *me = self();
    (void)status;
    me->depth--;
    some_more(me, 2);
    me->depth++;
}

static u32 callback_plain(word buffer, word len)
{
    struct me *me = self();
    (void)buffer;
    (void)len;
    some_more(me, 3);
#ifdef __x86_64__
    word args[3] = {0, 0, 7};
    log_end(me, 'N', NtCallbackReturn, log_way(me, NtCallbackReturn, args, WAY_STUB));
#endif
    return 7;
}

static u32 callback_by_call(word buffer, word len)
{
    struct me *me = self();
    word args[3] = {buffer, len, any_status(me)};
    some_more(me, 2);
    u32 id = log_enter(me, NtCallbackReturn, args);
    log_end(me, 'N', NtCallbackReturn, id);
    raw_call(me, NtCallbackReturn, args, NULL);
    return 0;
}

static u32 callback_by_2b(word buffer, word len)
{
    struct me *me = self();
    (void)buffer;
    (void)len;
    some_more(me, 2);
    callback_2b(any_status(me));
}

/* A callback that ends from within an APC: the call that the APC came with is given up. */
APC_ROUTINE(on_apc_leaves_callback)
{
    struct me *me = self();
    some_more(me, 1);
    word args[3] = {0, 0, 5};
    log_end(me, 'N', NtCallbackReturn, log_enter(me, NtCallbackReturn, args));
    log_end(me, 'X', NtDelayExecution, (u32)value);
    raw_call(me, NtCallbackReturn, args, NULL);
}

static u32 callback_abandons(word buffer, word len)
{
    struct me *me = self();
    word args[20];
    struct plan p = new_plan(0xc0);
    (void)buffer;
    (void)len;
    any_args(me, args);
    u32 id = log_enter(me, NtDelayExecution, args);
    add(&p, OP_APC, 0, (word)on_apc_leaves_callback, id);
    raw_call(me, NtDelayExecution, args, &p);
    return 0;
}

void *const callbacks[] = {(void *)callback_plain, (void *)callback_by_call, (void *)callback_by_2b,
                           (void *)callback_abandons};
