/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "program.h"

static void scenario(struct me *me);

static void plain(struct me *me)
{
    word args[20];
    struct plan p = new_plan(any_status(me));
    any_args(me, args);
    if (chance(me, 4) == 0)
        add(&p, OP_IRET, 0, 0, 0);
    if (chance(me, 4) == 0)
        add(&p, OP_BLOCK, chance(me, 4), 0, 0);
    call(me, any_service(me), args, &p, NULL, 0);
}

/* NtReadFile and NtWriteFile(file, event, apc, context, iosb, buffer, length, offset, key). */
static void transfer(struct me *me, bool write)
{
    word iosb = area(me), buffer = iosb + 0x40 + chance(me, 64),
         len = chance(me, 8) ? chance(me, 100) : chance(me, 4500);
    word moved = chance(me, 2) ? len : chance(me, (u32)len + 1), value = any_word(me);
    word args[20] = {4 * chance(me, 40), 0, 0, 0, iosb, buffer, len, 0, 0};
    u32 status = chance(me, 4) ? 0 : any_status(me);
    struct plan p = new_plan(status);
    bool fails = (int)status < 0 && status != 0x80000005;
    if (fails)
        moved = 0;
    for (word i = 0; write && i < len; i++)
        *(u8 *)(buffer + i) = FILL_BYTE(value, i);
    if (chance(me, 3) == 0)
        add(&p, OP_BLOCK, chance(me, 3), 0, 0);
    if (!write && !fails)
        add(&p, OP_FILL, (u32)moved, buffer, value);
    if (!fails) {
        add(&p, OP_STORE, sizeof(word), iosb, status);
        add(&p, OP_STORE, sizeof(word), iosb + sizeof(word), moved);
    }
    const struct seen seen[2] = {{5, write, buffer, write ? len : moved}, {4, false, iosb, 2 * sizeof(word)}};
    call(me, write ? NtWriteFile : NtReadFile, args, &p, seen, fails ? (u32)write : 2);
}

static void waits(struct me *me)
{
    word args[20] = {4 * chance(me, 40), 1, 0};
    struct plan p = new_plan(chance(me, 2) ? 0 : 0x102);
    add(&p, OP_BLOCK, 1 + chance(me, 5), 0, 0);
    call(me, NtWaitForSingleObject, args, &p, NULL, 0);
}

void some_more(struct me *me, u32 at_most)
{
    for (u32 n = chance(me, at_most + 1); n > 0 && me->depth < DEPTH_MAX; n--)
        scenario(me);
}

/* A thread that lives for a few calls; sometimes it is killed wherever it is. */
static void spawns(struct me *me)
{
    volatile word *handle = (word *)area(me);
    word args[20] = {(word)handle, 0x1fffff, 0, (word)-1, (word)thread_main, 1 + chance(me, 6), 0, 0, 0, 0, 0};
    const struct seen seen = {0, false, (word)handle, sizeof(word)};
    if (me->made >= 6)
        return;
    me->made++;
#ifdef __x86_64__
    call(me, NtCreateThreadEx, args, NULL, &seen, 1);
#else
    args[6] = args[5];
    args[5] = args[4];
    args[4] = 0;
    call(me, NtCreateThread, args, NULL, &seen, 1);
#endif
    if (chance(me, 2) == 0) {
        word made = *handle;
        some_more(me, 2);
        word kill[2] = {chance(me, 16) ? made : *handle, 0}; /* seldom whatever lies there by now: itself, or nothing */
        call(me, NtTerminateThread, kill, NULL, NULL, 0);
    }
}

/* A handle is made, used and closed. */
static void names(struct me *me)
{
    static const enum service users[] = {NtSetEvent, NtQueryObject, NtWaitForSingleObject, NtReadFile,
                                         NtDuplicateObject};
    volatile word *handle = (word *)area(me);
    word args[20];
    const struct seen seen = {0, false, (word)handle, sizeof(word)};
    struct plan opens = new_plan(0), closes = new_plan(0);
    any_args(me, args);
    args[0] = (word)handle;
    *handle = 0;
    add(&opens, OP_OPEN, OPEN_NAMED, (word)handle, any_word(me) & 0xffff);
    call(me, chance(me, 2) ? NtCreateFile : NtOpenKey, args, &opens, &seen, 1);
    any_args(me, args);
    args[0] = *handle;
    for (u32 n = chance(me, 3); n > 0; n--) {
        struct plan uses = new_plan(any_status(me));
        add(&uses, OP_BLOCK, chance(me, 2), 0, 0);
        call(me, users[chance(me, sizeof(users) / sizeof(users[0]))], args, &uses, NULL, 0);
    }
    add(&closes, OP_CLOSE, 0, 0, *handle);
    call(me, NtClose, args, &closes, NULL, 0);
}

/* A file is made anew, written to where its handle is at or somewhere before its end, and closed. */
static void stores(struct me *me)
{
    word base = area(me), iosb = base + 0x20, offset = base + 0x40, buffer = base + 0x80;
    u64 size = 0, at = 0;
    volatile word *handle = (word *)base;
    word args[20] = {base, 0x40000000, 0, iosb, 0, 0x80, 0, 5, 0, 0, 0};
    const struct seen made = {0, false, base, sizeof(word)};
    struct plan opens = new_plan(0), closes = new_plan(0);
    *handle = 0;
    add(&opens, OP_OPEN, OPEN_NAMED, base, chance(me, 2) ? OPEN_FILE : OPEN_OTHER_FILE);
    add(&opens, OP_STORE, sizeof(word), iosb, 0);
    add(&opens, OP_STORE, sizeof(word), iosb + sizeof(word), 2); /* FILE_CREATED */
    call(me, NtCreateFile, args, &opens, &made, 1);
    for (u32 n = 1 + chance(me, 5); n > 0; n--) {
        word len = 1 + chance(me, 300), value = any_word(me);
        struct plan writes = new_plan(0);
        bool here = chance(me, 2) == 0;
        word to[20] = {*handle, 0, 0, 0, iosb, buffer, len, here ? 0 : offset, 0};
        const struct seen seen[3] = {
            {5, true, buffer, len}, {4, false, iosb, 2 * sizeof(word)}, {7, true, offset, sizeof(u64)}};
        if (!here)
            at = chance(me, (u32)size + 1);
        *(volatile u64 *)offset = at;
        for (word i = 0; i < len; i++)
            *(u8 *)(buffer + i) = FILL_BYTE(value, i);
        add(&writes, OP_STORE, sizeof(word), iosb, 0);
        add(&writes, OP_STORE, sizeof(word), iosb + sizeof(word), len);
        call(me, NtWriteFile, to, &writes, seen, here ? 2 : 3);
        at += len;
        size = at > size ? at : size;
    }
    word last[20] = {*handle};
    add(&closes, OP_CLOSE, 0, 0, *handle);
    call(me, NtClose, last, &closes, NULL, 0);
}

static const struct {
    void (*run)(struct me *me);
    u32 needs;   /* enum start_options */
    bool nested; /* may be inside another */
} scenarios[] = {
    {plain, 0, true},
    {plain, 0, true},
    {plain, 0, true},
    {waits, 0, true},
    {names, WITH_NAMES, true},
    {calls_back, WITH_CALLBACK, true},
    {gets_apc, WITH_APC, true},
    {raises, WITH_EXCEPTION, true},
    {refused, WITH_CALLBACK, true},
    {faults, WITH_EXCEPTION, true},
    {pends, WITH_PENDING, true},
#ifdef __x86_64__
    {pends_several, WITH_PENDING, true},
#endif
    {talks, WITH_TALK, true},
    {spawns, WITH_DEATH, false},
    {creates, WITH_PROCESSES, false},
    {stores, WITH_FILES, false},
    {jumps, WITH_ABANDON, false},
};

static void scenario(struct me *me)
{
    u32 i = chance(me, sizeof(scenarios) / sizeof(scenarios[0]) + 2);
    if (i >= sizeof(scenarios) / sizeof(scenarios[0])) {
        transfer(me, i & 1);
        return;
    }
    bool may = (scenarios[i].needs & ~(u32)me->start.options) == 0 && (scenarios[i].nested || me->depth == 0);
    if (may && me->depth < DEPTH_MAX)
        scenarios[i].run(me);
    else
        plain(me);
}

void thread_main(word param)
{
    struct me *me = self();
    (void)param;
    while (me->calls < me->start.calls + 1)
        scenario(me);
    const word args[2] = {0, 0}, process[2] = {(word)-1, 1 + (me->start.pid & 0xff)};
    if (me->start.options & WITH_PROCESSES && me->start.first && me->start.pid % 8)
        call_last(me, NtTerminateProcess, process);
    call_last(me, NtTerminateThread, args);
}

static void begin(struct me *me)
{
    me->random = me->start.seed;
    me->log = (u8 *)me->start.log + sizeof(struct log_head);
    me->calls = me->depth = me->made = 0;
    me->lied = false;
    memcpy((void *)(me->start.arena + NOWHERE), (const void *)(word)direct_2e, 16);
}

void thread_hook(word context)
{
    struct me *me = self();
    begin(me);
    log_continue(me, context, 1);
}
