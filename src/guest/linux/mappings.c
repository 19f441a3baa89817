/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/linux/mappings.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "guest/linux/linux.h"
#include "guest/linux/vmas.h"

#define CHAINS       1024u  /* a power of two */
#define FILES_MAX    65536u /* further ones are not known */
#define SPACE_MAX    4096u  /* mappings of one address space; the same */
#define PAGE_SHIFT   12u
#define TYPE_MASK    0170000u /* include/uapi/linux/stat.h */
#define TYPE_REGULAR 0100000u
#define MINOR_BITS   20u /* of the kernel's own dev_t (include/linux/kdev_t.h) */

/* One address space. */
struct space {
    struct space *next; /* of its chain */
    uint64_t mm;
    size_t n, room;
    struct linux_mapping *mapping; /* by rising address, none upon another */
};

struct linux_mappings {
    pthread_mutex_t lock; /* guards all but what is atomic */
    uint64_t epoch;       /* atomic */
    struct space *space[CHAINS];
    struct linux_mapped_file *file[CHAINS];
    uint32_t files;
    mappings_new *told;
    void *data;
};

static bool member(struct guest_cpu *cpu, uint64_t base, enum linux_offset which, void *out, size_t size)
{
    uint32_t off = cpu->guest->layout.offset[which];
    return off != LAYOUT_NONE && (int64_t)base < 0 && vm__read_exact(cpu->vm, base + off, out, size);
}

static unsigned chain_of(uint64_t key)
{
    return (unsigned)((key * 0x9e3779b97f4a7c15u) >> 54) & (CHAINS - 1);
}

struct linux_mappings *mappings__new(void)
{
    struct linux_mappings *m = calloc(1, sizeof(*m));
    if (m && pthread_mutex_init(&m->lock, NULL) != 0) {
        free(m);
        return NULL;
    }
    return m;
}

void mappings__free(struct linux_mappings *m)
{
    for (unsigned i = 0; m && i < CHAINS; i++) {
        while (m->space[i]) {
            struct space *s = m->space[i];
            m->space[i] = s->next;
            free(s->mapping);
            free(s);
        }
        while (m->file[i]) {
            struct linux_mapped_file *f = m->file[i];
            m->file[i] = f->next;
            free(f);
        }
    }
    if (m)
        pthread_mutex_destroy(&m->lock);
    free(m);
}

void mappings__tell(struct linux_mappings *m, mappings_new *told, void *data)
{
    m->told = told;
    m->data = data;
}

/* ---- files ---- */

static bool same_file(const struct linux_mapped_file *a, const struct linux_mapped_file *b)
{
    return a->object == b->object && a->inode == b->inode && a->dev_major == b->dev_major &&
           a->dev_minor == b->dev_minor && a->size == b->size && a->mtime_sec == b->mtime_sec &&
           a->mtime_nsec == b->mtime_nsec;
}

static bool describe(struct guest_cpu *cpu, uint64_t file, struct linux_mapped_file *f)
{
    uint64_t sb = 0;
    uint32_t dev = 0;
    uint16_t mode = 0;
    memset(f, 0, sizeof(*f));
    if (!member(cpu, file, OFF_FILE_INODE, &f->object, 8) || !member(cpu, f->object, OFF_INODE_MODE, &mode, 2) ||
        (mode & TYPE_MASK) != TYPE_REGULAR || !member(cpu, f->object, OFF_INODE_INO, &f->inode, 8) ||
        !member(cpu, f->object, OFF_INODE_SB, &sb, 8) || !member(cpu, sb, OFF_SB_DEV, &dev, 4) ||
        !member(cpu, f->object, OFF_INODE_SIZE, &f->size, 8))
        return false;
    f->dev_major = dev >> MINOR_BITS;
    f->dev_minor = dev & ((1u << MINOR_BITS) - 1);
    (void)member(cpu, f->object, OFF_INODE_MTIME_SEC, &f->mtime_sec, 8);
    (void)member(cpu, f->object, OFF_INODE_MTIME_NSEC, &f->mtime_nsec, 4);
    return true;
}

/* The file that is like `wanted`; locked. */
static const struct linux_mapped_file *known_file(const struct linux_mappings *m, const struct linux_mapped_file *like)
{
    const struct linux_mapped_file *f = m->file[chain_of(like->object)];
    while (f && !same_file(f, like))
        f = f->next;
    return f;
}

static const struct linux_mapped_file *file_of(struct linux_mappings *m, struct guest_cpu *cpu, uint64_t file)
{
    char *path = (char *)cpu->scratch;
    struct linux_mapped_file like, *fresh;
    if (!describe(cpu, file, &like))
        return NULL;
    pthread_mutex_lock(&m->lock);
    const struct linux_mapped_file *known = known_file(m, &like);
    pthread_mutex_unlock(&m->lock);
    if (known)
        return known;
    size_t len = linux__file_path(cpu, file, path, GUEST_PATH_MAX);
    fresh = len ? malloc(sizeof(*fresh) + len + 1) : NULL;
    if (!fresh)
        return NULL;
    *fresh = like;
    fresh->len = (uint32_t)len;
    memcpy(fresh->path, path, len);
    fresh->path[len] = 0;
    pthread_mutex_lock(&m->lock);
    known = known_file(m, &like); /* another vCPU may have been faster */
    if (!known && m->files < FILES_MAX) {
        struct linux_mapped_file **chain = &m->file[chain_of(like.object)];
        fresh->number = m->files++;
        fresh->next = *chain;
        known = *chain = fresh;
        fresh = NULL;
    }
    pthread_mutex_unlock(&m->lock);
    free(fresh);
    return known;
}

/* ---- address spaces; all locked ---- */

static struct space **find_space(struct linux_mappings *m, uint64_t mm)
{
    struct space **at = &m->space[chain_of(mm)];
    while (*at && (*at)->mm != mm)
        at = &(*at)->next;
    return at;
}

/* NULL: no memory. */
static struct space *make_space(struct linux_mappings *m, uint64_t mm)
{
    struct space **at = find_space(m, mm);
    if (!*at && (*at = calloc(1, sizeof(**at))))
        (*at)->mm = mm;
    return *at;
}

static void drop_space(struct linux_mappings *m, uint64_t mm)
{
    struct space **at = find_space(m, mm), *s = *at;
    if (!s)
        return;
    *at = s->next;
    free(s->mapping);
    free(s);
}

/* The first mapping that ends above the address, or n. */
static size_t first_above(const struct space *s, uint64_t address)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->mapping[middle].end > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static bool reserve(struct space *s, size_t more)
{
    size_t room = s->room ? s->room : 8;
    while (room < s->n + more)
        room *= 2;
    struct linux_mapping *larger = s->n + more <= SPACE_MAX ? realloc(s->mapping, room * sizeof(*larger)) : NULL;
    if (!larger)
        return false;
    s->mapping = larger;
    s->room = room;
    return true;
}

static void insert(struct space *s, size_t at, const struct linux_mapping *mapping)
{
    memmove(&s->mapping[at + 1], &s->mapping[at], (s->n - at) * sizeof(*mapping));
    s->mapping[at] = *mapping;
    s->n++;
}

/* Nothing of what was known remains from start to end. True: something had been. */
static bool clear_range(struct space *s, uint64_t start, uint64_t end)
{
    bool changed = false;
    size_t i = first_above(s, start);
    while (i < s->n && s->mapping[i].start < end) {
        struct linux_mapping *old = &s->mapping[i], rest = *old;
        changed = true;
        if (old->end > end && old->start < start) { /* a hole in it */
            rest.offset += end - rest.start;
            rest.start = end;
            old->end = start;
            if (reserve(s, 1))
                insert(s, i + 1, &rest);
        } else if (old->end > end) {
            old->offset += end - old->start;
            old->start = end;
        } else if (old->start < start) {
            old->end = start;
            i++;
        } else {
            s->n--;
            memmove(old, old + 1, (s->n - i) * sizeof(*old));
        }
        if (i < s->n && s->mapping[i].end <= start)
            i++;
    }
    return changed;
}

/* True: it was not known so. */
static bool add_mapping(struct space *s, const struct linux_mapping *mapping)
{
    size_t at = first_above(s, mapping->start);
    if (at < s->n && memcmp(&s->mapping[at], mapping, sizeof(*mapping)) == 0)
        return false;
    clear_range(s, mapping->start, mapping->end);
    if (!reserve(s, 1))
        return false;
    insert(s, first_above(s, mapping->start), mapping);
    return true;
}

static void changed(struct linux_mappings *m)
{
    __atomic_add_fetch(&m->epoch, 1, __ATOMIC_RELEASE);
}

/* ---- events ---- */

/* `object`: a thread of the address space. */
static void tell(struct linux_mappings *m, struct guest_cpu *cpu, uint64_t object, uint64_t mm,
                 const struct linux_mapping *mapping, enum qbk_mapping_why why)
{
    uint64_t thread = object == cpu->object && cpu->thread ? guest__of(cpu->thread)->number : 0;
    int32_t pid = -1;
    if (cpu->guest->settings.flags & LINK_MAPPINGS) {
        (void)member(cpu, object, OFF_TASK_TGID, &pid, sizeof(pid));
        guest__emit_mapping(cpu, thread, pid, mm, mapping, why);
    }
    if (m->told)
        m->told(m->data, cpu, mapping);
}

static void take_vma(struct linux_mappings *m, struct guest_cpu *cpu, const struct linux_vma *vma,
                     enum qbk_mapping_why why)
{
    struct linux_mapping mapping = {.start = vma->start, .end = vma->end, .offset = vma->page << PAGE_SHIFT};
    bool fresh = false, code = (vma->flags & VMA_EXEC) && vma->file;
    if (code)
        mapping.file = file_of(m, cpu, vma->file);
    pthread_mutex_lock(&m->lock);
    struct space *s = mapping.file ? make_space(m, vma->mm) : *find_space(m, vma->mm);
    if (s && mapping.file)
        fresh = add_mapping(s, &mapping);
    else if (s && !code && clear_range(s, vma->start, vma->end))
        changed(m);
    if (fresh)
        changed(m);
    pthread_mutex_unlock(&m->lock);
    if (fresh)
        tell(m, cpu, cpu->object, vma->mm, &mapping, why);
}

struct there_before {
    struct linux_mappings *mappings;
    struct guest_cpu *cpu;
};

static void on_vma(void *data, const struct linux_vma *vma)
{
    const struct there_before *b = data;
    if ((vma->flags & VMA_EXEC) && vma->file)
        take_vma(b->mappings, b->cpu, vma, QBK_MAPPING_FOUND);
}

/* The address space of the thread that runs here. One that is not known ran before tracing began. */
static void follow(struct linux_mappings *m, struct guest_cpu *cpu)
{
    struct there_before before = {m, cpu};
    uint64_t mm = 0;
    if (!cpu->object || !member(cpu, cpu->object, OFF_TASK_MM, &mm, 8) || mm == cpu->mm)
        return;
    cpu->mm = mm;
    if (!mm || !cpu->guest->mid_life)
        return;
    pthread_mutex_lock(&m->lock);
    bool known = *find_space(m, mm) != NULL, made = known || make_space(m, mm) != NULL;
    pthread_mutex_unlock(&m->lock);
    if (!known && made)
        (void)vmas__each(cpu, mm, on_vma, &before);
}

void mappings__switched(struct guest_cpu *cpu)
{
    if (cpu->guest->mappings)
        follow(cpu->guest->mappings, cpu);
}

void mappings__on_mmap(struct guest_cpu *cpu)
{
    struct linux_mappings *m = cpu->guest->mappings;
    struct linux_vma vma;
    if (!m)
        return;
    follow(m, cpu); /* an exec changes the address space of a thread that goes on running */
    if (vmas__read(cpu, vm__reg(cpu->vm, VM_RDI), &vma))
        take_vma(m, cpu, &vma, QBK_MAPPING_MAPPED);
}

void mappings__on_copy_vma(struct guest_cpu *cpu)
{
    struct linux_mappings *m = cpu->guest->mappings;
    uint64_t start = vm__reg(cpu->vm, VM_RSI), len = vm__reg(cpu->vm, VM_RDX), address = 0;
    struct linux_vma vma;
    if (!m || !vm__read_exact(cpu->vm, vm__reg(cpu->vm, VM_RDI), &address, 8) || !vmas__read(cpu, address, &vma) ||
        start + len <= start || (int64_t)(start + len) <= 0)
        return;
    vma.start = start;
    vma.end = start + len;
    vma.page = vm__reg(cpu->vm, VM_RCX);
    if (vma.page < 1ull << 51)
        take_vma(m, cpu, &vma, QBK_MAPPING_MAPPED);
}

void mappings__on_exit_mmap(struct guest_cpu *cpu)
{
    struct linux_mappings *m = cpu->guest->mappings;
    if (!m)
        return;
    pthread_mutex_lock(&m->lock);
    drop_space(m, vm__reg(cpu->vm, VM_RDI));
    changed(m);
    pthread_mutex_unlock(&m->lock);
}

/* A copy of `from`'s mappings, to be freed; *n of them. */
static struct linux_mapping *copy_space(struct linux_mappings *m, uint64_t from, uint64_t to, size_t *n)
{
    struct linux_mapping *copy = NULL;
    *n = 0;
    pthread_mutex_lock(&m->lock);
    struct space *child = make_space(m, to), *parent = *find_space(m, from);
    if (child && parent && child->n == 0 && parent->n && reserve(child, parent->n)) {
        child->n = *n = parent->n;
        memcpy(child->mapping, parent->mapping, *n * sizeof(*copy));
        copy = malloc(*n * sizeof(*copy));
        if (copy)
            memcpy(copy, child->mapping, *n * sizeof(*copy));
        changed(m);
    }
    pthread_mutex_unlock(&m->lock);
    return copy;
}

void mappings__on_born(struct guest_cpu *cpu, uint64_t object)
{
    struct linux_mappings *m = cpu->guest->mappings;
    uint64_t mm = 0;
    size_t n;
    if (!m || !cpu->mm || !member(cpu, object, OFF_TASK_MM, &mm, 8) || !mm || mm == cpu->mm)
        return;
    struct linux_mapping *copy = copy_space(m, cpu->mm, mm, &n);
    for (size_t i = 0; copy && i < n; i++)
        tell(m, cpu, object, mm, &copy[i], QBK_MAPPING_INHERITED);
    free(copy);
}

bool mappings__find(struct linux_mappings *m, uint64_t mm, uint64_t address, struct linux_mapping *found)
{
    pthread_mutex_lock(&m->lock);
    const struct space *s = *find_space(m, mm);
    size_t at = s ? first_above(s, address) : 0;
    bool there = s && at < s->n && s->mapping[at].start <= address;
    if (there)
        *found = s->mapping[at];
    pthread_mutex_unlock(&m->lock);
    return there;
}

uint64_t mappings__epoch(const struct linux_mappings *m)
{
    return __atomic_load_n(&m->epoch, __ATOMIC_ACQUIRE);
}
