/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/values.h"

#include <string.h>

#include "guest/linux/linux.h"
#include "guest/linux/snippet.h"
#include "trace/functions.h"
#include "trace/prototype.h"

#define HEAD         (sizeof(struct qbk_snippet) + 8) /* of a snippet, with the padding behind its bytes */
#define STRUCT_LIMIT 4096u                            /* bytes told of a struct */
#define RECORD_LIMIT (512u * 1024u)

static bool leads(const struct qbk_value *v)
{
    return v->kind >= QBK_VALUE_STRING && v->kind != QBK_VALUE_CHARS;
}

/* As a member: its bytes are what is told. */
static bool in_place(const struct qbk_value *v)
{
    return v->kind == QBK_VALUE_STRUCT || v->kind == QBK_VALUE_CHARS;
}

static bool is_object(const struct qbk_value *v)
{
    return v->kind == QBK_VALUE_FILE || v->kind == QBK_VALUE_PATH || v->kind == QBK_VALUE_DENTRY;
}

/* ---- what follows from a prototype ---- */

static void keep(struct values_plan *plan, unsigned arg)
{
    if (arg >= plan->prototype->n_args || plan->n_kept == VALUES_KEPT)
        return;
    for (unsigned i = 0; i < plan->n_kept; i++) {
        if (plan->kept[i] == arg)
            return;
    }
    plan->kept[plan->n_kept++] = (uint8_t)arg;
}

/* Those that are looked at at the return come first, then those that may have to be looked at again. */
void values__plan(struct values_plan *plan, const struct qbk_prototype *p, unsigned convention, unsigned n_args)
{
    memset(plan, 0, sizeof(*plan));
    plan->prototype = p;
    plan->convention = p ? p->convention : (uint8_t)convention;
    plan->n_args = p ? p->n_args : (uint8_t)n_args;
    if (!p)
        return;
    const struct qbk_value *v = prototype__values(p), *result = prototype__result(p);
    for (unsigned i = 0; i < p->n_args; i++) {
        if (leads(&v[i]) && (v[i].flags & QBK_VALUE_AT_RETURN)) {
            keep(plan, i);
            keep(plan, v[i].length_of);
            keep(plan, v[i].most_of);
        }
    }
    keep(plan, result->length_of);
    keep(plan, result->most_of);
    plan->at_return = plan->n_kept > 0 || (leads(result) && (result->flags & QBK_VALUE_AT_RETURN));
    for (unsigned i = 0; i + 1u < p->n_values; i++) {
        plan->at_entry |= i >= p->n_args || (leads(&v[i]) && (v[i].flags & QBK_VALUE_AT_ENTRY));
        if (i < p->n_args && leads(&v[i]) && (v[i].flags & QBK_VALUE_AT_ENTRY)) {
            keep(plan, i);
            keep(plan, v[i].length_of);
            keep(plan, v[i].most_of);
        }
    }
}

/* ---- places ---- */

static enum vm_reg register_of(unsigned place)
{
    static const enum vm_reg rows[QBK_PLACE_STACK] = {
        [QBK_PLACE_RAX] = VM_RAX, [QBK_PLACE_RCX] = VM_RCX, [QBK_PLACE_RDX] = VM_RDX, [QBK_PLACE_RSI] = VM_RSI,
        [QBK_PLACE_RDI] = VM_RDI, [QBK_PLACE_R8] = VM_R8,   [QBK_PLACE_R9] = VM_R9,
    };
    return rows[place < QBK_PLACE_STACK ? place : QBK_PLACE_RAX];
}

static uint64_t truncated(uint64_t value, unsigned size)
{
    return size == 0 || size >= 8 ? value : value & ((UINT64_C(1) << (8 * size)) - 1);
}

/* Where nothing is known of a function: one word for each argument. */
static struct qbk_value unknown_value(unsigned convention, unsigned i)
{
    static const uint8_t sysv[] = {QBK_PLACE_RDI, QBK_PLACE_RSI, QBK_PLACE_RDX,
                                   QBK_PLACE_RCX, QBK_PLACE_R8,  QBK_PLACE_R9};
    static const uint8_t microsoft[] = {QBK_PLACE_RCX, QBK_PLACE_RDX, QBK_PLACE_R8, QBK_PLACE_R9};
    static const struct {
        const uint8_t *registers;
        uint8_t n, home; /* home: bytes that the caller leaves free on the stack for copies of the registers */
    } rows[QBK_CALL_CONVENTIONS] = {
        [QBK_CALL_SYSV] = {sysv, sizeof(sysv), 0},
        [QBK_CALL_MICROSOFT] = {microsoft, sizeof(microsoft), 32},
        [QBK_CALL_FASTCALL] = {microsoft, 2, 0},
    };
    unsigned word = prototype__word(convention), n = rows[convention].n;
    if (i < n)
        return (struct qbk_value){.place = rows[convention].registers[i], .words = 1};
    return (struct qbk_value){
        .place = QBK_PLACE_STACK, .words = 1, .offset = (uint16_t)(word + rows[convention].home + (i - n) * word)};
}

/* All arguments on the stack lie one behind another: one read, in most cases. */
static void from_stack(struct values_call *call, const struct qbk_value *v, uint64_t sp)
{
    unsigned word = prototype__word(call->plan->convention), low = UINT32_MAX, high = 0;
    uint8_t bytes[QBK_FUNCTION_ARGS_MAX * 16 + 64];
    for (unsigned i = 0; i < call->n; i++) {
        unsigned end = v[i].offset + word * (v[i].words > 1 ? 2u : 1u);
        if (v[i].place != QBK_PLACE_STACK)
            continue;
        low = v[i].offset < low ? v[i].offset : low;
        high = end > high ? end : high;
    }
    if (high <= low)
        return;
    size_t want = high - low < sizeof(bytes) ? high - low : sizeof(bytes);
    size_t have = vm__read(call->cpu->vm, sp + low, bytes, want);
    for (unsigned i = 0; i < call->n; i++) {
        size_t at = v[i].offset - low, len = word == 8 || v[i].words < 2 ? word : 8;
        if (v[i].place != QBK_PLACE_STACK)
            continue;
        if (at + len > have)
            call->unread |= 1u << i;
        else
            memcpy(&call->args[i], bytes + at, len);
    }
}

void values__arguments(struct values_call *call, uint64_t sp)
{
    const struct values_plan *plan = call->plan;
    struct qbk_value unknown[FUNCTIONS_ARGS_MAX];
    const struct qbk_value *v = plan->prototype ? prototype__values(plan->prototype) : unknown;
    uint64_t mask = prototype__word(plan->convention) == 8 ? UINT64_MAX : UINT32_MAX;
    call->n = plan->n_args;
    call->unread = 0;
    for (unsigned i = 0; !plan->prototype && i < call->n; i++)
        unknown[i] = unknown_value(plan->convention, i);
    for (unsigned i = 0; i < call->n; i++) {
        bool on_stack = v[i].place == QBK_PLACE_STACK;
        call->args[i] = on_stack ? 0 : vm__reg(call->cpu->vm, register_of(v[i].place)) & mask;
    }
    from_stack(call, v, sp);
    for (unsigned i = 0; i < plan->n_kept; i++)
        call->kept->arg[i] = call->args[plan->kept[i]];
    call->kept->again = 0;
}

void values__result(struct values_call *call)
{
    const struct qbk_prototype *p = call->plan->prototype;
    const struct qbk_value *result = p ? prototype__result(p) : NULL;
    call->result = vm__reg(call->cpu->vm, VM_RAX);
    if (result && result->words > 1 && prototype__word(p->convention) == 4)
        call->result = (uint32_t)call->result | vm__reg(call->cpu->vm, VM_RDX) << 32;
    for (unsigned i = 0; i < call->plan->n_kept; i++)
        call->args[call->plan->kept[i]] = call->kept->arg[i];
    call->n = p ? p->n_args : 0;
}

/* ---- what values lead to ---- */

/* A number that says how long something is; 0 where it is negative. */
static uint64_t number(const struct values_call *call, uint8_t of)
{
    const struct qbk_prototype *p = call->plan->prototype;
    const struct qbk_value *v = of == QBK_RESULT_AS_VALUE ? prototype__result(p) : prototype__values(p) + of;
    uint64_t raw = truncated(of == QBK_RESULT_AS_VALUE ? call->result : call->args[of], v->size);
    unsigned top = v->size == 0 || v->size >= 8 ? 63 : 8u * v->size - 1;
    return v->kind == QBK_VALUE_INT && raw >> top & 1 ? 0 : raw;
}

static uint64_t length_of(const struct values_call *call, const struct qbk_value *v)
{
    uint64_t n = v->length ? v->length : UINT64_MAX;
    const uint8_t of[2] = {v->length_of, v->most_of};
    for (unsigned i = 0; i < 2; i++) {
        uint64_t each = of[i] == QBK_NO_VALUE ? n : number(call, of[i]);
        n = each < n ? each : n;
    }
    return n == UINT64_MAX ? 0 : n;
}

static size_t bound_of(const struct values_call *call, const struct qbk_value *v, bool at_return)
{
    const struct link_settings *s = &call->cpu->guest->settings;
    switch (v->kind) {
    case QBK_VALUE_STRING:
        return HEAD + s->string_limit;
    case QBK_VALUE_WIDE:
        return HEAD + 2 * (size_t)s->string_limit;
    case QBK_VALUE_BYTES:
        if (!at_return && (v->length_of == QBK_RESULT_AS_VALUE || v->most_of == QBK_RESULT_AS_VALUE))
            return 0;
        uint64_t n = length_of(call, v);
        return HEAD + (size_t)(n < s->buffer_limit ? n : s->buffer_limit);
    case QBK_VALUE_FILE:
    case QBK_VALUE_PATH:
    case QBK_VALUE_DENTRY:
        return HEAD + GUEST_PATH_MAX;
    case QBK_VALUE_TO_INT:
    case QBK_VALUE_TO_UINT:
        return HEAD + 8;
    default:
        return 0;
    }
}

static bool due_at_return(const struct values_call *call, unsigned slot)
{
    const struct qbk_value *v = prototype__values(call->plan->prototype) + call->plan->kept[slot];
    return leads(v) && ((v->flags & QBK_VALUE_AT_RETURN) || (call->kept->again >> slot & 1));
}

size_t values__bound(const struct values_call *call, bool at_return)
{
    const struct qbk_prototype *p = call->plan->prototype;
    const struct qbk_value *v = p ? prototype__values(p) : NULL;
    size_t total = 0;
    for (unsigned i = 0; at_return && i < call->plan->n_kept; i++) {
        if (due_at_return(call, i))
            total += bound_of(call, &v[call->plan->kept[i]], true);
    }
    if (at_return && call->plan->at_return && (prototype__result(p)->flags & QBK_VALUE_AT_RETURN))
        total += bound_of(call, prototype__result(p), true);
    for (unsigned i = 0; !at_return && call->plan->at_entry && i + 1u < p->n_values; i++) {
        if (v[i].flags & QBK_VALUE_AT_ENTRY)
            total += bound_of(call, &v[i], false);
        if (i >= p->n_args && !(v[i].flags & QBK_VALUE_FIELD))
            total += HEAD + (!in_place(&v[i]) ? v[i].size : v[i].length < STRUCT_LIMIT ? v[i].length : STRUCT_LIMIT);
    }
    return total < RECORD_LIMIT ? total : RECORD_LIMIT;
}

/* False: it has none, or not yet. */
static bool write_path(struct values_call *call, struct snippet_writer *w, const struct qbk_value *v, uint64_t object,
                       struct qbk_snippet head)
{
    struct guest_cpu *cpu = call->cpu;
    char *path = (char *)cpu->scratch;
    size_t room = GUEST_PATH_MAX, len = 0;
    uint8_t *to = snippet__open(w, &room);
    if (!to)
        return true;
    if (cpu->guest->os == LINK_OS_LINUX)
        len = linux__object_path(cpu, v->kind, object, path, GUEST_PATH_MAX);
    head.kind = QBK_SNIP_PATH;
    head.full = len;
    head.have = (uint32_t)(len < room ? len : room);
    head.flags = len == 0 ? QBK_SNIP_FAULT : head.have < len ? QBK_SNIP_TRUNCATED : 0;
    memcpy(to, path, head.have);
    snippet__close(w, &head);
    return len > 0;
}

/* What the value `pointer` leads to. False: not all of it could be read. */
static bool follow(struct values_call *call, struct snippet_writer *w, unsigned index, uint64_t pointer)
{
    const struct qbk_value *v = prototype__values(call->plan->prototype) + index;
    const struct link_settings *s = &call->cpu->guest->settings;
    struct qbk_snippet head = {.addr = truncated(pointer, v->size), .kind = QBK_SNIP_MEM, .arg = (uint8_t)index};
    bool whole = true;
    if (head.addr == 0 || (v->flags & QBK_VALUE_MAY_FAIL && head.addr > UINT64_MAX - 4095))
        return true;
    if (is_object(v)) {
        whole = write_path(call, w, v, head.addr, head);
    } else if (v->kind == QBK_VALUE_STRING || v->kind == QBK_VALUE_WIDE) {
        snippet__text(call->cpu->vm, w, head, s->string_limit, v->kind == QBK_VALUE_WIDE ? 2 : 1, &whole);
    } else if (v->kind == QBK_VALUE_BYTES) {
        head.full = length_of(call, v);
        snippet__copy(call->cpu->vm, w, head, s->buffer_limit, &whole);
    } else {
        head.full = v->length <= 8 ? v->length : 8;
        snippet__copy(call->cpu->vm, w, head, 8, &whole);
    }
    return whole;
}

/* ---- members ---- */

/* Where it lies; false: a pointer on the way there could not be read, or is NULL. */
static bool locate(const struct values_call *call, const struct qbk_value *v, uint64_t *address)
{
    const uint32_t *step = prototype__steps(call->plan->prototype) + v->step;
    uint64_t at = call->args[v->from];
    for (unsigned i = 0; i < v->steps; i++) {
        if (i > 0 && !vm__read_exact(call->cpu->vm, at, &at, sizeof(at)))
            return false;
        if (at == 0)
            return false;
        at += step[i];
    }
    *address = at;
    return true;
}

static void member(struct values_call *call, struct snippet_writer *w, unsigned index)
{
    const struct qbk_value *v = prototype__values(call->plan->prototype) + index;
    struct qbk_snippet head = {.kind = QBK_SNIP_VALUE, .arg = (uint8_t)index};
    bool whole = true;
    uint64_t value = 0;
    if (!locate(call, v, &head.addr))
        return;
    if (is_object(v) && !(v->flags & QBK_VALUE_POINTS)) {
        follow(call, w, index, head.addr);
        return;
    }
    head.full = in_place(v) ? v->length : v->size;
    const uint8_t *bytes = w->at + sizeof(head);
    size_t have = snippet__copy(call->cpu->vm, w, head, STRUCT_LIMIT, &whole);
    if (!leads(v) || have < sizeof(value) || !(v->flags & QBK_VALUE_AT_ENTRY))
        return;
    memcpy(&value, bytes, sizeof(value));
    follow(call, w, index, value);
}

/* ---- both ends of a call ---- */

static void note_again(struct values_call *call, unsigned arg)
{
    for (unsigned i = 0; i < call->plan->n_kept; i++) {
        if (call->plan->kept[i] == arg)
            call->kept->again |= 1u << i;
    }
}

void values__enter(struct values_call *call, struct snippet_writer *w)
{
    const struct qbk_prototype *p = call->plan->prototype;
    const struct qbk_value *v = p ? prototype__values(p) : NULL;
    for (unsigned i = 0; call->plan->at_entry && i + 1u < p->n_values; i++) {
        if (i >= p->n_args) {
            if (!(v[i].flags & QBK_VALUE_FIELD))
                member(call, w, i);
        } else if ((v[i].flags & QBK_VALUE_AT_ENTRY) && leads(&v[i]) && !follow(call, w, i, call->args[i])) {
            note_again(call, i);
        }
    }
}

void values__return(struct values_call *call, struct snippet_writer *w)
{
    const struct qbk_prototype *p = call->plan->prototype;
    for (unsigned i = 0; i < call->plan->n_kept; i++) {
        if (due_at_return(call, i))
            follow(call, w, call->plan->kept[i], call->args[call->plan->kept[i]]);
    }
    if (p && leads(prototype__result(p)) && (prototype__result(p)->flags & QBK_VALUE_AT_RETURN))
        follow(call, w, p->n_values - 1u, call->result);
}
