/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls whose operation goes on behind them, and the ways to learn of its end. */
#include "program.h"

/* An operation that goes on behind its call, in the area of that call. */
struct operation {
    enum service service;
    u32 id;     /* of the call */
    u32 out;    /* argument that is the buffer which it fills; 0: none */
    u32 waits;  /* for it: 0 on its event, 1 on several of which that is one, 2 on the file */
    bool told;  /* its completion is in the truth */
    bool stale; /* the status block held the same before */
    word iosb, buffer, file, event;
    struct later later;
};

static void log_completion(struct me *me, struct operation *o, enum later_how how)
{
    const struct later *l = &o->later;
    bool wrote = (int)l->status >= 0 || l->status == 0x80000005;
    const struct seen seen[2] = {{(u8)o->out, false, o->buffer, l->information},
                                 {o->service == NtFlushBuffersFile ? 1 : 4, false, o->iosb, 2 * sizeof(word)}};
    u32 first = !o->out;
    o->told = true;
    log_later(me, o->service, o->id, l, how, seen + first, wrote ? 2 - first : 0);
}

APC_ROUTINE(on_io_apc)
{
    struct me *me = self();
    log_completion(me, (struct operation *)value, LATER_APC);
    some_more(me, 1);
    log_continue(me, APC_CONTEXT, 1);
}

static void await_event(struct me *me, struct operation *o)
{
    volatile word *handles = (word *)(o->iosb + 0x20);
    u32 result = 0x102;
    word one[20] = {o->waits == 2 ? o->file : o->event, 0, 0}, many[20] = {2, (word)handles, 1, 0, 0};
    handles[0] = o->event + 0x10;
    handles[1] = o->event;
    while (result == 0x102) {
        struct plan p = new_plan(o->waits == 1);
        add(&p, OP_AWAIT, 3, (word)&o->later, 0);
        result = o->waits == 1 ? call(me, NtWaitForMultipleObjects, many, &p, NULL, 0)
                               : call(me, NtWaitForSingleObject, one, &p, NULL, 0);
    }
    log_completion(me, o, LATER_EVENT);
}

/* NtRemoveIoCompletion(port, key, context, status block, timeout) */
static void await_packet(struct me *me, struct operation *o)
{
    word at = o->iosb + 0x20;
    u32 result = 0x102;
    word args[20] = {0x44, at, at + sizeof(word), at + 2 * sizeof(word), 0};
    while (result == 0x102) {
        struct plan p = new_plan(0);
        add(&p, OP_AWAIT, 3, (word)&o->later, 0);
        add(&p, OP_STORE, sizeof(word), at, 7);
        add(&p, OP_STORE, sizeof(word), at + sizeof(word), o->later.context);
        add(&p, OP_STORE, sizeof(word), at + 2 * sizeof(word), o->later.status);
        add(&p, OP_STORE, sizeof(word), at + 3 * sizeof(word), o->later.information);
        result = call(me, NtRemoveIoCompletion, args, &p, NULL, 0);
    }
    log_completion(me, o, LATER_PORT);
}

static void await_apc(struct me *me, struct operation *o)
{
    word args[20] = {1, 0};
    for (u32 after = 0; !o->told && after < 8; after += ((volatile struct later *)&o->later)->done) {
        struct plan p = new_plan(0xc0);
        add(&p, OP_BLOCK, 2, 0, 0);
        call(me, NtDelayExecution, args, &p, NULL, 0);
    }
    if (!o->told && !o->stale) /* the thread had no room for one more APC */
        log_completion(me, o, LATER_SILENT);
}

/* Only looks at the status block; what comes after that is one more call. */
static void await_nothing(struct me *me, struct operation *o)
{
    struct plan p = new_plan(0);
    while (!((volatile struct later *)&o->later)->done)
        __asm__ volatile("pause");
    call(me, NtYieldExecution, NULL, &p, NULL, 0);
    log_completion(me, o, LATER_SILENT);
}

void pends(struct me *me)
{
    static const struct {
        enum service service;
        u32 buffer, out;
    } kinds[] = {{NtReadFile, 5, 5}, {NtWriteFile, 5, 0}, {NtDeviceIoControlFile, 8, 8}, {NtFsControlFile, 8, 8}};
    static const u32 statuses[] = {0, 0, 0, 0x80000005, 0xc0000120};
    struct operation *o = (struct operation *)(area(me) + 0x80);
    u32 kind = chance(me, 4), how = chance(me, 4), status = statuses[chance(me, 5)];
    word iosb = area(me), buffer = iosb + 0x180 + chance(me, 64), len = 1 + chance(me, chance(me, 4) ? 200 : 4600);
    word moved = (int)status < 0 && status != 0x80000005 ? 0 : chance(me, 3) ? len : chance(me, (u32)len);
    word file = 0x10000 + (((word)me->start.tid << 8) | (me->depth << 5)); /* nobody else's */
    struct plan p = new_plan(STATUS_PENDING);
    u32 waits = how == LATER_EVENT ? chance(me, 3) : 2, before = chance(me, 4);
    word args[20] = {file, waits == 2 ? 0 : file + 4, 0, 0, iosb, buffer, len, 0, 0, 0};
    *o = (struct operation){.service = kinds[kind].service,
                            .id = me->calls + 1,
                            .out = kinds[kind].out,
                            .waits = waits,
                            .stale = before == 1 && how != LATER_SILENT,
                            .iosb = iosb,
                            .buffer = buffer,
                            .file = file,
                            .event = file + 4};
    o->later = (struct later){.status = status, .information = moved, .iosb = iosb, .value = any_word(me), .how = how};
    if (o->out) {
        o->later.buffer = buffer;
        o->later.len = moved;
    }
    if (kinds[kind].buffer == 8) {
        args[5] = 0x99990000u + chance(me, 64);
        args[6] = args[7] = 0;
        args[8] = buffer;
        args[9] = len;
    }
    if (how == LATER_APC) {
        args[2] = (word)on_io_apc;
        args[3] = (word)o;
        o->later.apc = (word)on_io_apc;
        o->later.context = (word)o;
    } else if (how == LATER_PORT) {
        args[3] = o->later.context = (word)o;
    }
    /* Not everybody says beforehand that it is pending: anything may be there, also what the last time left. */
    *(volatile word *)iosb = o->stale ? status : before ? STATUS_PENDING : 0x11111111;
    *(volatile word *)(iosb + sizeof(word)) = o->stale ? moved : 0;
    add(&p, OP_LATER, 1 + chance(me, 3), (word)&o->later, 0);
    call(me, o->service, args, &p, NULL, 0);
    if (how == LATER_EVENT)
        await_event(me, o);
    else if (how == LATER_PORT)
        await_packet(me, o);
    else if (how == LATER_APC)
        await_apc(me, o);
    else
        await_nothing(me, o);
}

#ifdef __x86_64__
#define SEVERAL      4u
#define ROOM         0x480u /* of an area, for each: the operation, and what it reads */
#define PACKETS      0x1300u
#define PACKETS_LIST 0x1200u
#define REMOVED      0x1240u

static void begin_read(struct me *me, struct operation *o, word at, u32 i)
{
    word len = 1 + chance(me, 0x200), file = 0x10000 + (((word)me->start.tid << 8) | (me->depth << 5) | i << 3);
    word args[20] = {file, 0, 0, (word)o, at, at + 0x180, len, 0, 0};
    u32 status = chance(me, 4) ? 0 : 0xc0000120;
    struct plan p = new_plan(STATUS_PENDING);
    *o = (struct operation){
        .service = NtReadFile, .id = me->calls + 1, .out = 5, .iosb = at, .buffer = at + 0x180, .file = file};
    o->later = (struct later){.status = status,
                              .information = status ? 0 : len,
                              .iosb = at,
                              .buffer = at + 0x180,
                              .len = status ? 0 : len,
                              .value = any_word(me),
                              .how = LATER_PORT,
                              .context = (word)o};
    *(volatile word *)at = STATUS_PENDING;
    *(volatile word *)(at + sizeof(word)) = 0;
    add(&p, OP_LATER, 1 + chance(me, 4), (word)&o->later, 0);
    call(me, NtReadFile, args, &p, NULL, 0);
}

void pends_several(struct me *me)
{
    word base = area(me), *list = (word *)(base + PACKETS_LIST);
    u32 n = 2 + chance(me, SEVERAL - 1), first = chance(me, n), result = 0x102;
    struct operation *o[SEVERAL];
    /* NtRemoveIoCompletionEx(port, packets, count, removed, timeout, alertable) */
    word args[20] = {0x44, base + PACKETS, 16, base + REMOVED, 0, 0};
    const struct seen seen = {3, false, base + REMOVED, 4};
    for (u32 i = 0; i < n; i++) {
        o[i] = (struct operation *)(base + i * ROOM + 0x80);
        begin_read(me, o[i], base + i * ROOM, i);
    }
    for (u32 i = 0; i < n; i++) /* they come in another order */
        list[i] = (word)&o[(first + i) % n]->later;
    while (result == 0x102) {
        struct plan p = new_plan(0);
        for (u32 i = 0; i < n; i++)
            add(&p, OP_AWAIT, 3, list[i], 0);
        add(&p, OP_PACKETS, n, base + PACKETS, (word)list);
        add(&p, OP_STORE, 4, base + REMOVED, n);
        result = call(me, NtRemoveIoCompletionEx, args, &p, &seen, 1);
    }
    for (u32 i = 0; i < n; i++)
        log_completion(me, o[(first + i) % n], LATER_PORT);
}
#endif
