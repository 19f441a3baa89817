/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/nt/process.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/nt/objects.h"
#include "guest/nt/process_find.h"

#define KUSER_64           0xfffff78000000000u
#define KUSER_32           0xffdf0000u
#define KUSER_TIME         0x14u /* KSYSTEM_TIME */
#define STATUS_PENDING     0x103u
#define USER_END_64        0x800000000000u
#define USER_END_32        0xc0000000u
#define LOOKS_MAX          12u   /* at ever longer distances */
#define TOLD               8192u /* processes of which it is known that they were told; a power of two */
#define PROBES             16u
#define KPROCESS_TABLES_64 0x28u /* DirectoryTableBase, in every release */
#define KPROCESS_TABLES_32 0x18u
#define NORMALIZED         1u /* pointers in the parameters are addresses, not distances */

/* RTL_USER_PROCESS_PARAMETERS, and where the PEB leads to it: the same in all releases of a width. */
static const struct parameters {
    unsigned peb, flags, standard, image, command, size;
} parameters_of[2] = {{0x10, 0x8, 0x18, 0x38, 0x40, 0x48}, {0x20, 0x8, 0x20, 0x60, 0x70, 0x80}};

struct told {
    uint64_t created;
    int32_t pid;
    uint32_t age; /* 0: free */
};

struct nt_processes {
    pthread_mutex_t lock;
    uint64_t since; /* the guest's clock when tracing began; atomic; 0: not read yet */
    struct nt_process_find find;
    uint32_t age;
    struct told told[TOLD];
};

struct nt_processes *nt_processes__new(void)
{
    struct nt_processes *p = calloc(1, sizeof(*p));
    if (p)
        pthread_mutex_init(&p->lock, NULL);
    return p;
}

void nt_processes__free(struct nt_processes *p)
{
    if (!p)
        return;
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static bool field(struct guest_cpu *cpu, uint64_t base, enum nt_offset which, void *out, size_t size)
{
    uint32_t off = cpu->guest->nt.offset[which];
    return off != NT_NONE && base != 0 && vm__read_exact(cpu->vm, base + off, out, size);
}

/* ---- who it is ---- */

void nt_process__since(struct guest_cpu *cpu)
{
    struct nt_processes *p = cpu->guest->nt_processes;
    uint64_t now = 0;
    if (!p || __atomic_load_n(&p->since, __ATOMIC_RELAXED) != 0 ||
        !vm__read_exact(cpu->vm, (cpu->guest->nt.is_64 ? KUSER_64 : KUSER_32) + KUSER_TIME, &now, sizeof(now)))
        return;
    __atomic_store_n(&p->since, now, __ATOMIC_RELAXED);
}

bool nt_process__identify(struct guest_cpu *cpu, struct guest_thread *t)
{
    struct nt_processes *p = cpu->guest->nt_processes;
    uint32_t at = cpu->guest->nt.offset[NT_THREAD_PROCESS];
    uint64_t since = p ? __atomic_load_n(&p->since, __ATOMIC_RELAXED) : 0;
    struct nt_sid sid;
    t->nt.process = 0;
    if (!p || at == NT_NONE || !nt_objects__read_word(cpu, t->object + at, &t->nt.process) ||
        !nt_objects__is_kernel(cpu, t->nt.process)) {
        t->nt.process = 0;
        return false;
    }
    pthread_mutex_lock(&p->lock);
    if (nt_process_find__user(cpu, &p->find, t->nt.process, &sid))
        t->uid = sid.part[sid.parts - 1];
    pthread_mutex_unlock(&p->lock);
    return since != 0 && t->start_time > since;
}

/* ---- what it runs ---- */

static uint64_t mix(const struct guest_thread *t)
{
    uint64_t h = (t->start_time ^ (uint64_t)(uint32_t)t->pid << 32) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

static bool is_of(const struct told *one, const struct guest_thread *t)
{
    return one->age != 0 && one->pid == t->pid && one->created == t->start_time;
}

/* Takes it upon this thread to tell, if `take`. True: it was told already. Of too many the oldest is forgotten. */
static bool was_told(struct nt_processes *p, const struct guest_thread *t, bool take)
{
    struct told *oldest = NULL;
    uint64_t at = mix(t);
    for (unsigned i = 0; i < PROBES; i++) {
        struct told *one = &p->told[(at + i) % TOLD];
        if (is_of(one, t))
            return true;
        if (!oldest || one->age < oldest->age)
            oldest = one;
    }
    if (take)
        *oldest = (struct told){t->start_time, t->pid, ++p->age};
    return false;
}

static size_t put_point(char *to, uint32_t c)
{
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6)
        to[i] = (char)(0x80 | (c & 0x3f));
    to[0] = (char)(lead[n] | c);
    return n;
}

/* UTF-16 as UTF-8; half a surrogate pair as three bytes. `to` has room for three bytes a unit. */
static size_t to_utf8(char *to, const uint16_t *text, size_t units)
{
    size_t len = 0;
    for (size_t i = 0; i < units; i++) {
        uint32_t c = text[i];
        if (c >= 0xd800 && c <= 0xdbff && i + 1 < units && text[i + 1] >= 0xdc00 && text[i + 1] <= 0xdfff)
            c = 0x10000 + ((c - 0xd800) << 10) + (text[++i] - 0xdc00u);
        len += put_point(to + len, c);
    }
    return len;
}

/* The process's parameters, and where they lie. Of one that has none (yet), or whose memory is not there: false. */
static bool read_parameters(struct guest_cpu *cpu, uint64_t peb, const struct parameters *p, uint8_t *bytes,
                            uint64_t *at)
{
    uint64_t end = cpu->guest->nt.is_64 ? USER_END_64 : USER_END_32;
    return peb < end && nt_objects__read_word(cpu, peb + p->peb, at) && *at != 0 && *at < end - p->size &&
           vm__read_exact(cpu->vm, *at, bytes, p->size);
}

/* A UNICODE_STRING of the parameters, in UTF-8, to be freed. NULL: not there. */
static char *parameter(struct guest_cpu *cpu, const uint8_t *bytes, const struct parameters *p, unsigned which,
                       uint64_t at, size_t *len)
{
    uint64_t end = cpu->guest->nt.is_64 ? USER_END_64 : USER_END_32, buffer = 0;
    uint16_t size;
    memcpy(&size, bytes + which, sizeof(size));
    memcpy(&buffer, bytes + which + nt_objects__word(cpu), nt_objects__word(cpu));
    if (!(bytes[p->flags] & NORMALIZED) && buffer < at)
        buffer += at;
    if (size == 0 || size % 2 || buffer == 0 || buffer >= end - size)
        return NULL;
    uint16_t *wide = malloc(size);
    char *text = wide && vm__read_exact(cpu->vm, buffer, wide, size) ? malloc((size_t)size / 2 * 3) : NULL;
    *len = text ? to_utf8(text, wide, size / 2) : 0;
    free(wide);
    return text;
}

/* What is told of a process. Texts are owned; NULL: not known. */
struct facts {
    bool whole; /* later there will not be more */
    char *image, *command;
    size_t image_len, command_len;
    struct nt_sid user;   /* parts 0: not known */
    uint64_t standard[3]; /* handles: input, output, error; 0: none */
};

static void collect(struct guest_cpu *cpu, const struct guest_thread *t, struct facts *f)
{
    struct nt_processes *p = cpu->guest->nt_processes;
    const struct parameters *layout = &parameters_of[cpu->guest->nt.is_64 != 0];
    uint8_t bytes[0x80];
    uint64_t peb = 0, at = 0;
    char *path = (char *)cpu->scratch;
    bool has_peb = field(cpu, t->nt.process, NT_PROCESS_PEB, &peb, nt_objects__word(cpu));
    *f = (struct facts){.whole = has_peb && peb == 0}; /* the kernel's own */
    pthread_mutex_lock(&p->lock);
    if (!nt_process_find__user(cpu, &p->find, t->nt.process, &f->user))
        f->user.parts = 0;
    f->image_len = nt_process_find__image(cpu, &p->find, t->nt.process, t->comm, path);
    pthread_mutex_unlock(&p->lock);
    f->image = f->image_len ? malloc(f->image_len) : NULL;
    if (f->image)
        memcpy(f->image, path, f->image_len);
    if (!peb || !read_parameters(cpu, peb, layout, bytes, &at))
        return;
    for (unsigned i = 0; i < 3; i++)
        memcpy(&f->standard[i], bytes + layout->standard + i * nt_objects__word(cpu), nt_objects__word(cpu));
    f->command = parameter(cpu, bytes, layout, layout->command, at, &f->command_len);
    if (!f->image)
        f->image = parameter(cpu, bytes, layout, layout->image, at, &f->image_len);
    f->whole = f->command && f->image;
}

static void tell(struct guest_cpu *cpu, struct guest_thread *t, const struct facts *f)
{
    char sid[NT_SID_TEXT];
    if (f->user.parts)
        guest__emit_name(cpu, t, QBK_NAME_USER, sid, nt_sid__text(&f->user, sid));
    if (f->image)
        guest__emit_name(cpu, t, QBK_NAME_EXE, f->image, f->image_len);
    if (f->command)
        guest__emit_name(cpu, t, QBK_NAME_COMMAND, f->command, f->command_len);
    if (f->standard[0] | f->standard[1] | f->standard[2]) {
        char text[64];
        int len = snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 " %" PRIu64, f->standard[0], f->standard[1],
                           f->standard[2]);
        guest__emit_name(cpu, t, QBK_NAME_STANDARD, text, (size_t)len);
    }
    if (f->image || f->command)
        guest__emit_thread(cpu->guest, cpu, t, QBK_THREAD_EXEC, 1);
}

/* Are the process's page tables in force? While the kernel goes from one to another the thread is told first. */
static bool in_its_memory(struct guest_cpu *cpu, const struct guest_thread *t)
{
    bool wide = cpu->guest->nt.is_64;
    uint64_t tables, mask = wide ? 0xffffffffff000u : 0xffffffe0u;
    return nt_objects__read_word(cpu, t->nt.process + (wide ? KPROCESS_TABLES_64 : KPROCESS_TABLES_32), &tables) &&
           ((tables ^ vm__reg(cpu->vm, VM_CR3)) & mask) == 0;
}

void nt_process__look(struct guest_cpu *cpu, struct guest_thread *t)
{
    struct nt_processes *p = cpu->guest->nt_processes;
    struct facts f;
    if (t->nt.told || !p || !t->nt.process || (t->nt.look_in > 0 && --t->nt.look_in > 0) || !in_its_memory(cpu, t))
        return;
    pthread_mutex_lock(&p->lock);
    t->nt.told = was_told(p, t, false);
    pthread_mutex_unlock(&p->lock);
    if (t->nt.told)
        return;
    collect(cpu, t, &f);
    if (f.whole || ++t->nt.looks == LOOKS_MAX) {
        pthread_mutex_lock(&p->lock);
        bool other = was_told(p, t, true);
        pthread_mutex_unlock(&p->lock);
        t->nt.told = true;
        if (!other)
            tell(cpu, t, &f);
    } else {
        t->nt.look_in = 1u << t->nt.looks;
    }
    free(f.image);
    free(f.command);
}

/* ---- its end ---- */

enum nt_process_end nt_process__ended(struct guest_cpu *cpu, const struct guest_thread *t, uint32_t *status)
{
    uint32_t pid;
    if (!field(cpu, t->nt.process, NT_PROCESS_ID, &pid, sizeof(pid)) || (int32_t)pid != t->pid ||
        !field(cpu, t->nt.process, NT_PROCESS_EXIT_STATUS, status, sizeof(*status)))
        return NT_PROCESS_UNKNOWN;
    return *status == STATUS_PENDING ? NT_PROCESS_LIVES : NT_PROCESS_ENDED;
}
