/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/linux/integrity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode/decode.h"

#define HEAD        16u /* bytes of a handler that are watched: whoever wants all its calls must change the first */
#define A_LOOK      16u /* handlers looked at in one go: some microseconds */
#define REPORTS_MAX 256u
#define CALL_SIZE   5u
#define CALL_REL32  0xe8u
#define JUMP_REL32  0xe9u
#define BREAKPOINT  0xccu

struct integrity {
    pthread_mutex_t lock;
    struct linux_integrity at;
    uint64_t image_start, image_end;
    bool based;
    unsigned next, reports;
    uint8_t head[LINUX_HANDLERS_MAX][HEAD];
    bool table_told[LINUX_HANDLERS_MAX], head_told[LINUX_HANDLERS_MAX];
    uint8_t *body[LINUX_BODIES];
    uint8_t *scratch; /* twice as large as the largest body */
    uint32_t largest;
    bool body_told[LINUX_BODIES];
    uint8_t tracer[LINUX_TRACERS][HEAD]; /* how ftrace's and kprobes' own trampolines begin */
    uint8_t tracer_len[LINUX_TRACERS];
};

struct integrity *integrity__new(const struct linux_layout *layout)
{
    if (layout->integrity.table == 0 || layout->integrity.count == 0)
        return NULL;
    struct integrity *in = calloc(1, sizeof(*in));
    if (!in)
        return NULL;
    pthread_mutex_init(&in->lock, NULL);
    in->at = layout->integrity;
    in->largest = HEAD;
    in->image_start = layout->image_start;
    in->image_end = layout->image_end;
    for (unsigned i = 0; i < LINUX_BODIES; i++) {
        uint32_t size = in->at.body_size[i];
        in->body[i] = size ? malloc(size) : NULL;
        in->largest = size > in->largest ? size : in->largest;
    }
    in->scratch = malloc(2 * (size_t)in->largest);
    if (in->scratch)
        return in;
    integrity__free(in);
    return NULL;
}

void integrity__free(struct integrity *in)
{
    if (!in)
        return;
    for (unsigned i = 0; i < LINUX_BODIES; i++)
        free(in->body[i]);
    free(in->scratch);
    pthread_mutex_destroy(&in->lock);
    free(in);
}

/* ---- telling ---- */

static void report(struct integrity *in, struct guest_cpu *cpu, const char *text)
{
    char pairs[384];
    int n;
    if (in->reports++ >= REPORTS_MAX)
        return;
    const char *said = in->reports == REPORTS_MAX ? "there is more, which is not told" : text;
    n = snprintf(pairs, sizeof(pairs), "os%clinux%chooked%c%s", 0, 0, 0, said);
    if (n > 0 && (size_t)n < sizeof(pairs))
        guest__emit_text(cpu->guest, cpu, QBK_GUEST, 0, pairs, (size_t)n + 1);
}

static const char *name_of(unsigned nr, char *buf, size_t size)
{
    const struct decode_service *service = decode__service(QBK_ABI_LINUX_X86_64, nr);
    if (service)
        return service->name;
    snprintf(buf, size, "syscall_%#x", nr);
    return buf;
}

static const char *where(const struct integrity *in, uint64_t address)
{
    return address >= in->image_start && address < in->image_end ? "in the kernel's image"
                                                                 : "outside the kernel's image";
}

/* ---- code: what ftrace and kprobes do is theirs to do ---- */

static uint64_t target_of(uint64_t place, const uint8_t *code)
{
    int32_t distance;
    memcpy(&distance, code + 1, sizeof(distance));
    return place + CALL_SIZE + (uint64_t)(int64_t)distance;
}

/* Trampolines are made anew for each user of ftrace, as copies of the kernel's own. */
static bool is_tracer(struct integrity *in, struct guest_cpu *cpu, uint64_t address)
{
    uint8_t code[HEAD];
    for (unsigned i = 0; i < LINUX_TRACERS; i++) {
        if (in->at.tracer[i] == 0 || in->tracer_len[i] == 0)
            continue;
        if (address == in->at.tracer[i])
            return true;
        if (vm__read_exact(cpu->vm, address, code, in->tracer_len[i]) &&
            memcmp(code, in->tracer[i], in->tracer_len[i]) == 0)
            return true;
    }
    return false;
}

/*
 * ftrace turns five bytes of nothing into a call and back, a kprobe puts a breakpoint or a jump to its own code. While
 * the kernel changes five bytes, a breakpoint stands on the first of them, whatever the others are to be already. How
 * many bytes such an instruction at `place` has; 0: there is none.
 */
static size_t legitimate(struct integrity *in, struct guest_cpu *cpu, uint64_t place, const uint8_t *now, size_t left)
{
    static const uint8_t nothing[CALL_SIZE] = {0x0f, 0x1f, 0x44, 0x00, 0x00};
    bool breakpoint = now[0] == BREAKPOINT;
    if (left < CALL_SIZE)
        return breakpoint;
    if ((breakpoint || now[0] == nothing[0]) && memcmp(now + 1, nothing + 1, CALL_SIZE - 1) == 0)
        return CALL_SIZE;
    bool leads = breakpoint || now[0] == CALL_REL32 || now[0] == JUMP_REL32;
    return leads && is_tracer(in, cpu, target_of(place, now)) ? CALL_SIZE : breakpoint;
}

/*
 * Where the code at `place` is not what it was, for no legitimate reason: the offset, or `size`. The instruction that a
 * byte belongs to may begin up to four bytes before it: one tracer after another leaves the first byte as it is.
 */
static size_t first_change(struct integrity *in, struct guest_cpu *cpu, uint64_t place, const uint8_t *was,
                           const uint8_t *now, size_t size)
{
    size_t i = 0;
    while (i < size) {
        size_t end = i;
        for (size_t back = 0; was[i] != now[i] && back < CALL_SIZE && back <= i && end <= i; back++)
            end = i - back + legitimate(in, cpu, place + i - back, now + i - back, size - (i - back));
        if (was[i] != now[i] && end <= i)
            return i;
        i = end > i ? end : i + 1;
    }
    return size;
}

static bool leads_away(const uint8_t *code, size_t left)
{
    return left >= CALL_SIZE && (code[0] == JUMP_REL32 || code[0] == CALL_REL32);
}

/* `at`: the first byte that differs, perhaps that of a distance behind a call or jump that was there before. */
static void tell_code(struct integrity *in, struct guest_cpu *cpu, const char *what, uint64_t place, size_t at,
                      const uint8_t *now, size_t size)
{
    char text[256];
    size_t start = at;
    while (!leads_away(now + start, size - start) && start > 0 && at - start < CALL_SIZE - 1)
        start--;
    if (leads_away(now + start, size - start)) {
        uint64_t target = target_of(place + start, now + start);
        snprintf(text, sizeof(text), "%s: its code at +%zu now leads to %#llx, %s", what, start,
                 (unsigned long long)target, where(in, target));
    } else {
        snprintf(text, sizeof(text), "%s: its code at +%zu is not what it was", what, at);
    }
    report(in, cpu, text);
}

/* Something that was told is as it was before. */
static void tell_undone(struct integrity *in, struct guest_cpu *cpu, const char *what)
{
    char text[128];
    snprintf(text, sizeof(text), "%s: is as it was again", what);
    report(in, cpu, text);
}

/* ---- looking ---- */

static void look_at_table(struct integrity *in, struct guest_cpu *cpu, unsigned nr, const char *name)
{
    uint64_t now = 0;
    char text[256];
    if (!vm__read_exact(cpu->vm, in->at.table + 8ull * nr, &now, sizeof(now)))
        return;
    bool changed = now != in->at.handler[nr];
    if (changed && !in->table_told[nr]) {
        snprintf(text, sizeof(text), "%s: the table of system calls leads to %#llx, %s", name, (unsigned long long)now,
                 where(in, now));
        report(in, cpu, text);
    } else if (!changed && in->table_told[nr]) {
        tell_undone(in, cpu, name);
    }
    in->table_told[nr] = changed;
}

/* Another vCPU may be writing there right now: what differs is read twice, and counts if it stays the same. */
static void look_at_code(struct integrity *in, struct guest_cpu *cpu, const char *name, uint64_t place,
                         const uint8_t *was, size_t size, bool *told)
{
    uint8_t *now = in->scratch, *again = in->scratch + in->largest;
    if (!vm__read_exact(cpu->vm, place, now, size))
        return;
    size_t at = first_change(in, cpu, place, was, now, size);
    if (at < size && (!vm__read_exact(cpu->vm, place, again, size) || memcmp(now, again, size) != 0))
        return; /* the next look tells */
    if (at < size && !*told)
        tell_code(in, cpu, name, place, at, now, size);
    else if (at == size && *told)
        tell_undone(in, cpu, name);
    *told = at < size;
}

static void look_at_handler(struct integrity *in, struct guest_cpu *cpu, unsigned nr)
{
    char buf[32];
    const char *name = name_of(nr, buf, sizeof(buf));
    look_at_table(in, cpu, nr, name);
    if (in->at.handler[nr] != 0)
        look_at_code(in, cpu, name, in->at.handler[nr], in->head[nr], HEAD, &in->head_told[nr]);
}

static void look_at_bodies(struct integrity *in, struct guest_cpu *cpu)
{
    static const char *const names[LINUX_BODIES] = {"x64_sys_call", "ia32_sys_call", "do_syscall_64",
                                                    "entry_SYSCALL_64"};
    for (unsigned i = 0; i < LINUX_BODIES; i++) {
        if (in->body[i])
            look_at_code(in, cpu, names[i], in->at.body[i], in->body[i], in->at.body_size[i], &in->body_told[i]);
    }
}

/* How all is now. What cannot be read is not watched. */
static void take_base(struct integrity *in, struct guest_cpu *cpu)
{
    for (unsigned i = 0; i < in->at.count; i++) {
        if (in->at.handler[i] && !vm__read_exact(cpu->vm, in->at.handler[i], in->head[i], HEAD))
            in->at.handler[i] = 0;
    }
    for (unsigned i = 0; i < LINUX_BODIES; i++) {
        if (in->body[i] && !vm__read_exact(cpu->vm, in->at.body[i], in->body[i], in->at.body_size[i])) {
            free(in->body[i]);
            in->body[i] = NULL;
        }
    }
    for (unsigned i = 0; i < LINUX_TRACERS; i++) {
        size_t len = in->at.tracer_len[i] < HEAD ? in->at.tracer_len[i] : HEAD;
        if (in->at.tracer[i] && vm__read_exact(cpu->vm, in->at.tracer[i], in->tracer[i], len))
            in->tracer_len[i] = (uint8_t)len;
    }
    in->based = true;
}

void integrity__look(struct integrity *in, struct guest_cpu *cpu)
{
    if (pthread_mutex_trylock(&in->lock) != 0)
        return;
    if (!in->based)
        take_base(in, cpu);
    for (unsigned i = 0; i < A_LOOK && in->next < in->at.count; i++)
        look_at_handler(in, cpu, in->next++);
    if (in->next >= in->at.count) {
        look_at_bodies(in, cpu);
        in->next = 0;
    }
    pthread_mutex_unlock(&in->lock);
}
