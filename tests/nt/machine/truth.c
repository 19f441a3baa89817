/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "program.h"

/* Is it time for this lie? Once a thread, when it has made some calls. */
static bool lies(struct me *me, enum sabotage what)
{
    if (me->start.sabotage != what || me->lied || me->calls < 10)
        return false;
    return me->lied = true;
}

static struct log_entry *entry(struct me *me, u8 kind, u32 nr, u32 call, size_t room)
{
    struct log_entry *e = (struct log_entry *)me->log;
    size_t size = (sizeof(*e) + room + 7) & ~(size_t)7;
    if (me->log + size + sizeof(*e) > (u8 *)me->start.log_end)
        __asm__ volatile("mov $0xdead, %eax; hlt"); /* a fault that the machine reports */
    memset(e, 0, size + sizeof(*e));
    e->kind = kind;
    e->nr = nr;
    e->call = call;
    me->log += size;
    return e;
}

/* The thread may be killed at any moment: an entry counts from here on, whole. */
static void commit(const struct me *me, struct log_entry *e)
{
    __atomic_store_n(&e->size, (u32)(me->log - (u8 *)e), __ATOMIC_RELEASE);
}

/* How will the program make the next call? */
static enum way any_way(struct me *me)
{
    u32 way = me->start.options & WITH_DIRECT ? chance(me, 24) : 24;
    if (way == WAY_FAST && me->start.options & WITHOUT_FAST)
        way = WAY_2E;
    return way <= WAY_NOWHERE ? (enum way)way : WAY_STUB;
}

u32 log_way(struct me *me, enum service s, const word *args, enum way way)
{
    u32 n = services[s].nargs, call = ++me->calls;
    struct log_entry *e = entry(me, 'E', services[s].nr, call, n * sizeof(u64));
    u64 *to = (u64 *)(e + 1);
    e->nargs = (u8)n;
    e->origin = way == WAY_STUB ? 0 : way == WAY_NOWHERE ? 2 : 1;
    if (lies(me, SABOTAGE_ORIGIN))
        e->origin ^= 1;
    e->depth = (u8)me->depth++;
    for (u32 i = 0; i < n; i++)
        to[i] = args[i];
    if (n && lies(me, SABOTAGE_HANDLE))
        to[0] += 4;
    if (lies(me, SABOTAGE_DEPTH))
        e->depth++;
    commit(me, e);
    ((struct log_head *)me->start.log)->calls = me->calls;
    return call;
}

u32 log_enter(struct me *me, enum service s, const word *args)
{
    me->way = (u8)any_way(me);
    return log_way(me, s, args, (enum way)me->way);
}

void log_end(struct me *me, u8 kind, enum service s, u32 call)
{
    commit(me, entry(me, kind, services[s].nr, call, 0));
    me->depth--;
}

static void log_data(u8 *to, struct me *me, const struct seen *seen, u32 n)
{
    for (u32 i = 0; i < n; i++) {
        u32 head[2] = {seen[i].arg | (seen[i].in ? 0x100u : 0), (u32)seen[i].len};
        if (head[1] && lies(me, SABOTAGE_LENGTH))
            head[1]--;
        memcpy(to, head, 8);
        memcpy(to + 8, (void *)seen[i].at, seen[i].len);
        to += 8 + (seen[i].len + 7) / 8 * 8;
    }
}

void log_return(struct me *me, enum service s, u32 call, u32 result, const struct seen *seen, u32 n)
{
    size_t room = 0;
    if (lies(me, SABOTAGE_RETURN)) {
        me->depth--;
        return;
    }
    for (u32 i = 0; i < n; i++)
        room += 8 + (seen[i].len + 7) / 8 * 8;
    struct log_entry *e = entry(me, 'R', services[s].nr, call, room);
    e->result = lies(me, SABOTAGE_RESULT) ? result ^ 1 : result;
    e->nargs = (u8)n;
    e->depth = (u8)--me->depth;
    log_data((u8 *)(e + 1), me, seen, n);
    commit(me, e);
}

void log_later(struct me *me, enum service s, u32 call, const struct later *l, enum later_how how,
               const struct seen *seen, u32 n)
{
    u64 information = l->information;
    size_t room = sizeof(information);
    if (lies(me, SABOTAGE_UNTOLD))
        return;
    for (u32 i = 0; i < n; i++)
        room += 8 + (seen[i].len + 7) / 8 * 8;
    struct log_entry *e = entry(me, 'C', services[s].nr, call, room);
    e->result = l->status;
    e->nargs = (u8)n;
    e->depth = (u8)how;
    if (lies(me, SABOTAGE_COMPLETION))
        information++;
    memcpy(e + 1, &information, sizeof(information));
    log_data((u8 *)(e + 1) + sizeof(information), me, seen, n);
    commit(me, e);
}

void log_continue(struct me *me, word context, word alert)
{
    word args[2] = {context, alert};
    log_end(me, 'N', NtContinue, log_way(me, NtContinue, args, WAY_STUB));
}
