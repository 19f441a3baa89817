/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The built-in hook: what it is told by pre and post becomes ENTER and RETURN records. A client of calls like any
 * other. */
#include <string.h>

#include "decode/decode.h"
#include "guest/linux/capture.h"
#include "guest/linux/linux.h"
#include "guest/linux/subcall.h"
#include "guest/nt/capture.h"
#include "guest/nt/io.h"
#include "guest/nt/message.h"
#include "plugin/plugin.h"

#define UNKNOWN_ARGS 6u

/* Kept from pre to post. */
struct traced {
    uint64_t enter; /* seq of the ENTER; 0: it was lost */
    uint32_t again; /* arguments to read once more at the return */
    struct nt_io_before before;
};

/* Told before the call, whose reader then knows what its descriptors are, and where it changes that also after it. */
static void tell_objects(struct guest_cpu *cpu, const struct decode_service *service, const uint64_t *args)
{
    for (unsigned i = 0; service && i < service->nargs; i++) {
        if (descriptors__is(&service->arg[i]) && (int32_t)args[i] >= 0)
            linux__object_used(cpu, guest__of(cpu->thread), (uint32_t)args[i]);
    }
}

#define ORIGIN_ROOM (sizeof(struct qbk_snippet) + sizeof(struct qbk_origin) + sizeof(((struct nt_place *)0)->name))

static void write_origin(const struct guest_cpu *cpu, struct snippet_writer *w)
{
    uint8_t bytes[sizeof(struct qbk_origin) + sizeof(cpu->origin->name)];
    const struct qbk_origin origin = {cpu->origin_address};
    memcpy(bytes, &origin, sizeof(origin));
    memcpy(bytes + sizeof(origin), cpu->origin->name, cpu->origin->len);
    capture__bytes(w, QBK_SNIP_ORIGIN, 0, 0xff, bytes, sizeof(origin) + cpu->origin->len);
}

static void count_drop(struct guest_cpu *cpu, const struct snippet_writer *w)
{
    cpu->count[QBK_COUNT_PARTIAL_READS] += w->partial;
}

static bool watched(const struct link_settings *s, unsigned abi, uint32_t nr)
{
    if (nr >= LINK_NR_MAX)
        return (s->flags & LINK_WATCH_UNKNOWN) != 0;
    return (s->watch[abi][nr / 64] >> (nr % 64)) & 1;
}

/* NT's own stubs may tell how many arguments there are, so what was read is recorded. */
static unsigned unknown_args(const struct qebek_call *call)
{
    if (call->abi != QBK_ABI_NT_X64 && call->abi != QBK_ABI_NT_X86)
        return UNKNOWN_ARGS;
    return call->have_args ? 32u - (unsigned)__builtin_clz(call->have_args) : 0;
}

static enum qebek_verdict pre(struct qebek_call *call, void *context, void *user)
{
    struct guest *guest = user;
    struct guest_cpu *cpu = call->machine;
    const struct guest_thread *t = guest__of(call->thread);
    struct traced *traced = context;
    if (t->skip || !watched(&guest->settings, call->abi, call->nr))
        return QEBEK_SKIP;
    const struct decode_service *service = decode__service_for((enum qbk_abi)call->abi, call->nr, call->args);
    /* All of them are recorded, also those that do not count in this variant. */
    unsigned nargs = service ? decode__service((enum qbk_abi)call->abi, call->nr)->nargs : unknown_args(call);
    bool memory = service && !t->joining; /* what lies there now may be the call's own doing */
    struct linux_subcall sub;
    sub.service = NULL; /* the rest is not looked at then */
    if (memory && call->abi == QBK_ABI_LINUX_I386)
        linux__subcall(cpu->vm, (enum qbk_abi)call->abi, call->nr, call->args, &sub);
    const struct decode_service *meant = sub.service ? sub.service : service;
    const uint64_t *args = sub.service ? sub.args : call->args;
    size_t names = t->joining ? 0 : descriptors__room(guest, (enum qbk_abi)call->abi, meant);
    struct capture c = {.cpu = cpu->vm,
                        .service = service,
                        .abi = (enum qbk_abi)call->abi,
                        .args = call->args,
                        .limits = &guest->settings,
                        .word = decode__word((enum qbk_abi)call->abi)};
    bool direct = calls__is_nt(call) && cpu->origin;
    size_t fixed = sizeof(struct qbk_enter) + nargs * sizeof(uint64_t);
    struct capture inner;
    if (sub.service) {
        inner = c;
        inner.service = sub.service;
        inner.args = sub.args;
    }
    size_t mask = memory ? capture__mask_bound(service, (enum qbk_abi)call->abi) : 0;
    size_t message = memory && calls__is_nt(call) ? nt_message__bound(&c, call->nr) : 0;
    size_t bound = fixed + (memory ? capture__bound(&c) : 0) + (sub.service ? capture__bound(&inner) : 0) + message +
                   mask + names + (memory ? nt_names__room(cpu, service, false) : 0) + (direct ? ORIGIN_ROOM : 0);

    if ((guest->settings.flags & LINK_OBJECTS) && !t->joining)
        tell_objects(cpu, meant, args);
    if (memory && calls__is_nt(call))
        nt_io__before(cpu, service, call->args, &traced->before);
    cpu->count[QBK_COUNT_ENTRIES]++;
    cpu->count[QBK_COUNT_JOINED] += t->joining;
    struct qbk_enter *rec = ring__reserve(guest->ring, cpu->vm->index, bound, QBK_ENTER);
    if (!rec)
        return QEBEK_WATCH; /* the ring counted it; the RETURN will say that its ENTER is missing */
    rec->h.type = QBK_ENTER;
    rec->h.thread = t->number;
    rec->ip = rec->sp = 0;
    rec->nr = calls__number(call);
    rec->abi = call->abi;
    rec->nargs = (uint8_t)nargs;
    rec->flags = t->joining ? QBK_ENTER_JOINED : 0;
    rec->depth = call->depth;
    memcpy(rec->args, call->args, nargs * sizeof(uint64_t));
    if ((guest->settings.flags & LINK_IP) && !t->joining) {
        rec->ip = call->cookie;
        rec->sp = cpu->sp;
        rec->flags |= QBK_ENTER_HAS_IP;
    }
    struct snippet_writer w = {.at = (uint8_t *)rec + fixed, .end = (uint8_t *)rec + bound};
    if (memory)
        capture__fill(&c, &w);
    if (sub.service)
        capture__fill(&inner, &w);
    if (message)
        nt_message__capture(&c, call->nr, &w);
    if (mask)
        capture__mask(&c, &w, cpu->sp);
    if (direct) {
        rec->flags |= QBK_ENTER_DIRECT;
        write_origin(cpu, &w);
    }
    if (names)
        descriptors__write(cpu, (enum qbk_abi)call->abi, meant, args, (uint8_t *)rec + fixed, &w);
    if (memory)
        nt_names__write(cpu, t, call, service, &w, false);
    count_drop(cpu, &w);
    traced->again = c.again;
    traced->enter = ring__commit(guest->ring, cpu->vm->index, (size_t)(w.at - (uint8_t *)rec), cpu->now);
    return QEBEK_WATCH;
}

/* Names of descriptors that the kernel installed during the call: they are what the result, or the array, refers to. */
static size_t names_room(const struct guest_thread *t)
{
    size_t room = 0;
    for (unsigned i = 0; i < t->n_names; i++)
        room += sizeof(struct qbk_snippet) + t->name[i].len + 8;
    return room;
}

static void write_installed(const struct guest *guest, const struct guest_thread *t, struct snippet_writer *w)
{
    enum qbk_snippet_kind kind = guest->os == LINK_OS_NT ? QBK_SNIP_HANDLE : QBK_SNIP_FD;
    for (unsigned i = 0; i < t->n_names; i++)
        capture__bytes(w, kind, t->name[i].fd, 0xff, t->name[i].path, t->name[i].len);
}

static void write_ran(const struct qbk_ran *ran, struct snippet_writer *w)
{
    if (ran)
        capture__bytes(w, QBK_SNIP_RAN, 0, 0xff, ran, sizeof(*ran));
}

/* Is the memory of the calling program there to be read, and what the call left in it of interest? */
static bool has_memory(const struct qebek_call *call, const struct decode_service *service)
{
    if (!service || !(call->flags & QBK_RETURN_HAS_RESULT))
        return false;
    return !((service->flags & DECODE_EXEC) && call->result == 0); /* another program's memory now */
}

static void post(struct qebek_call *call, void *context, void *user)
{
    struct guest *guest = user;
    struct guest_cpu *cpu = call->machine;
    const struct guest_thread *t = guest__of(call->thread);
    struct traced *traced = context;
    const struct decode_service *service = decode__service_for((enum qbk_abi)call->abi, call->nr, call->args);
    uint32_t code;
    struct capture c = {.cpu = cpu->vm,
                        .service = service,
                        .abi = (enum qbk_abi)call->abi,
                        .args = call->args,
                        .limits = &guest->settings,
                        .word = decode__word((enum qbk_abi)call->abi),
                        .at_return = true,
                        .failed = decode__wrote_nothing((enum qbk_abi)call->abi, call->result),
                        .result = call->result,
                        .again = traced->again};
    c.interrupted =
        c.failed && decode__is_error((enum qbk_abi)call->abi, call->result, &code) && decode__is_interrupted(code);
    if (call->end == QBK_END_PENDING)
        c.failed = true; /* nothing is there yet */
    const struct qbk_ran *ran = linux__altered_ran(t, call);
    bool memory = has_memory(call, service);
    struct linux_subcall sub;
    sub.service = NULL; /* the rest is not looked at then */
    if (memory && call->abi == QBK_ABI_LINUX_I386)
        linux__subcall(cpu->vm, (enum qbk_abi)call->abi, call->nr, call->args, &sub);
    const struct decode_service *meant = sub.service ? sub.service : service;
    struct capture inner;
    if (sub.service) {
        inner = c;
        inner.service = sub.service;
        inner.args = sub.args;
        inner.again = 0;
    }
    size_t message = memory && calls__is_nt(call) ? nt_message__bound(&c, call->nr) : 0;
    size_t bound = sizeof(struct qbk_return) + (memory ? capture__bound(&c) : 0) +
                   (sub.service ? capture__bound(&inner) : 0) + message + names_room(t) +
                   (memory ? nt_names__room(cpu, service, true) : 0) +
                   (ran ? sizeof(struct qbk_snippet) + sizeof(*ran) : 0);

    if ((guest->settings.flags & LINK_OBJECTS) && memory && (meant->flags & DECODE_REMAKES))
        tell_objects(cpu, meant, sub.service ? sub.args : call->args);
    cpu->count[QBK_COUNT_END_FIRST + call->end]++;
    struct qbk_return *rec = ring__reserve(guest->ring, cpu->vm->index, bound, QBK_RETURN);
    if (!rec)
        return;
    rec->h.type = QBK_RETURN;
    rec->h.thread = t->number;
    rec->call = traced->enter;
    rec->result = call->flags & QBK_RETURN_HAS_RESULT ? call->result : 0;
    rec->nr = calls__number(call);
    rec->abi = call->abi;
    rec->end = call->end;
    rec->flags = call->flags;
    rec->depth = call->depth;
    struct snippet_writer w = {.at = (uint8_t *)(rec + 1), .end = (uint8_t *)rec + bound};
    if (memory)
        capture__fill(&c, &w);
    if (sub.service)
        capture__fill(&inner, &w);
    if (message)
        nt_message__capture(&c, call->nr, &w);
    if (memory)
        nt_names__write(cpu, t, call, service, &w, true);
    write_installed(guest, t, &w);
    write_ran(ran, &w);
    count_drop(cpu, &w);
    ring__commit(guest->ring, cpu->vm->index, (size_t)(w.at - (uint8_t *)rec), cpu->now);
    if (call->end == QBK_END_PENDING && calls__is_nt(call))
        nt_io__add(cpu, call, traced->enter, &traced->before);
}

/* Every number asked for, so that one look at the array answers for all others. */
static int hook_numbers(struct guest *guest, unsigned abi, const struct qebek_hook *hook)
{
    for (uint32_t nr = 0; nr < LINK_NR_MAX; nr++) {
        int err = watched(&guest->settings, abi, nr) ? calls__hook(guest->calls, (enum qbk_abi)abi, nr, hook) : 0;
        if (err)
            return err;
    }
    return 0;
}

int tracer__hook(struct guest *guest)
{
    struct qebek_hook hook = {
        .size = sizeof(hook), .pre = pre, .post = post, .user = guest, .context_size = sizeof(struct traced)};
    calls__unhook(guest->calls, &hook);
    if (guest->settings.flags & LINK_WATCH_UNKNOWN)
        return calls__hook_all(guest->calls, &hook);
    for (unsigned abi = 0; abi < QBK_ABIS; abi++) {
        int err = hook_numbers(guest, abi, &hook);
        if (err)
            return err;
    }
    return 0;
}
