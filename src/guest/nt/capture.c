/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/nt/capture.h"

#include <stdlib.h>
#include <string.h>

#include "decode/nt/nt.h"
#include "guest/nt/objects.h"

#define HANDLES_MAX 16u /* of one call that are named */
#define NAME_ROOM   (sizeof(struct qbk_snippet) + GUEST_PATH_MAX + 40)

/* Handles of one call, each once. */
struct handles {
    unsigned n;
    uint64_t value[HANDLES_MAX];
    uint8_t arg[HANDLES_MAX];
};

static void add(struct handles *h, uint64_t value, unsigned arg)
{
    for (unsigned i = 0; i < h->n; i++) {
        if (h->value[i] == value)
            return;
    }
    if (h->n >= HANDLES_MAX || value == 0)
        return;
    h->value[h->n] = value;
    h->arg[h->n++] = (uint8_t)arg;
}

/* Handles in user memory. */
static void add_array(struct guest_cpu *cpu, struct handles *h, uint64_t at, uint64_t count, unsigned arg)
{
    unsigned word = nt_objects__word(cpu);
    for (uint64_t i = 0; i < count && i < HANDLES_MAX; i++) {
        uint64_t value = 0, where = at + i * word;
        if (at == 0 || nt_objects__is_kernel(cpu, where & ~(uint64_t)7) ||
            !vm__read_exact(cpu->vm, where, &value, word))
            return;
        add(h, value, arg);
    }
}

/* Is this argument a handle of another process? */
static bool is_foreign(const struct qebek_call *call, const struct decode_service *service, unsigned i)
{
    bool own;
    if (strcmp(service->name, "NtDuplicateObject") != 0 || (i != 1 && i != 3))
        return false;
    own = call->abi == QBK_ABI_NT_X86 ? (uint32_t)call->args[i - 1] == UINT32_MAX : call->args[i - 1] == UINT64_MAX;
    return !own;
}

static bool is_array(const struct decode_arg *arg)
{
    return arg->type == T_LONGP && arg->set == DECODE_HANDLE;
}

static void given(struct guest_cpu *cpu, const struct qebek_call *call, const struct decode_service *service,
                  unsigned i, struct handles *h)
{
    const struct decode_arg *arg = &service->arg[i];
    uint64_t value = call->args[i];
    if (arg->type == T_HANDLE)
        add(h, value, i);
    else if (is_array(arg) && (arg->dir & DIR_IN))
        add_array(cpu, h, value, arg->len_from == L_ARG ? call->args[arg->len] : arg->len, i);
    else if (arg->type == T_STRUCT && arg->set == DECODE_NT_STRUCT_OBJECT && value) /* its root directory */
        add_array(cpu, h, value + nt_objects__word(cpu), 1, i);
}

static void collect(struct guest_cpu *cpu, const struct qebek_call *call, const struct decode_service *service,
                    bool made, struct handles *h)
{
    for (unsigned i = 0; i < service->nargs; i++) {
        const struct decode_arg *arg = &service->arg[i];
        if (is_foreign(call, service, i))
            continue;
        if (!made)
            given(cpu, call, service, i, h);
        else if (is_array(arg) && (arg->dir & DIR_OUT))
            add_array(cpu, h, call->args[i], 1, i);
    }
}

static bool wanted(const struct guest_cpu *cpu, const struct decode_service *service)
{
    return service && cpu->guest->os == LINK_OS_NT && (cpu->guest->settings.flags & LINK_FD_NAMES);
}

static bool has_handles(const struct decode_service *service, bool at_return)
{
    for (unsigned i = 0; i < service->nargs; i++) {
        const struct decode_arg *arg = &service->arg[i];
        if (at_return ? is_array(arg) && (arg->dir & DIR_OUT)
                      : arg->type == T_HANDLE || is_array(arg) ||
                            (arg->type == T_STRUCT && arg->set == DECODE_NT_STRUCT_OBJECT))
            return true;
    }
    return false;
}

size_t nt_names__room(const struct guest_cpu *cpu, const struct decode_service *service, bool at_return)
{
    return wanted(cpu, service) && has_handles(service, at_return) ? HANDLES_MAX * NAME_ROOM : 0;
}

void nt_names__write(struct guest_cpu *cpu, const struct guest_thread *t, const struct qebek_call *call,
                     const struct decode_service *service, struct snippet_writer *w, bool at_return)
{
    struct handles h = {0};
    if (!wanted(cpu, service) || !has_handles(service, at_return) || cpu->guest->isolated)
        return;
    collect(cpu, call, service, at_return, &h);
    for (unsigned i = 0; i < h.n; i++) {
        size_t len = nt__handle_name(cpu, t, h.value[i], (char *)cpu->scratch, GUEST_PATH_MAX);
        if (len)
            capture__bytes(w, QBK_SNIP_HANDLE, h.value[i], h.arg[i], cpu->scratch, len);
    }
}

static void forget(struct guest_thread *t)
{
    for (unsigned i = 0; i < t->n_names; i++)
        free(t->name[i].path);
    t->n_names = 0;
}

void nt_names__keep(struct guest_cpu *cpu, struct guest_thread *t, const struct qebek_call *call)
{
    const struct decode_service *service = decode__service((enum qbk_abi)call->abi, call->nr);
    struct handles h = {0};
    if (!wanted(cpu, service))
        return;
    collect(cpu, call, service, false, &h);
    collect(cpu, call, service, true, &h);
    forget(t);
    for (unsigned i = 0; i < h.n && t->n_names < GUEST_NAMES_MAX; i++) {
        size_t len = nt__handle_name(cpu, t, h.value[i], (char *)cpu->scratch, GUEST_PATH_MAX);
        char *copy = len ? malloc(len) : NULL;
        if (!copy)
            continue;
        memcpy(copy, cpu->scratch, len);
        t->name[t->n_names++] = (struct guest_name){.fd = (uint32_t)h.value[i], .len = (uint32_t)len, .path = copy};
    }
}
