/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "guest/guest.h"
#include "guest/linux/capture.h"
#include "guest/values.h"
#include "guest/watch.h"

static unsigned ring_of(const struct guest *guest, const struct guest_cpu *cpu)
{
    return cpu ? cpu->vm->index : guest->n_cpus;
}

static void lock_ring(struct guest *guest, const struct guest_cpu *cpu)
{
    if (!cpu)
        pthread_mutex_lock(&guest->host_ring);
}

static void unlock_ring(struct guest *guest, const struct guest_cpu *cpu)
{
    if (!cpu)
        pthread_mutex_unlock(&guest->host_ring);
}

/* Reserve, with the whole record zeroed and its head filled. Must be followed by finish(). */
static void *begin(struct guest *guest, struct guest_cpu *cpu, enum qbk_type type, size_t size, uint64_t thread)
{
    lock_ring(guest, cpu);
    struct qbk_record *rec = ring__reserve(guest->ring, ring_of(guest, cpu), size, type);
    if (!rec) {
        unlock_ring(guest, cpu);
        return NULL;
    }
    memset(rec, 0, size);
    rec->type = (uint16_t)type;
    rec->thread = thread;
    return rec;
}

static void finish(struct guest *guest, struct guest_cpu *cpu, size_t size)
{
    ring__commit(guest->ring, ring_of(guest, cpu), size, cpu ? cpu->now : vm__now(NULL));
    unlock_ring(guest, cpu);
}

void guest__emit_thread(struct guest *guest, struct guest_cpu *cpu, struct guest_thread *thread,
                        enum qbk_thread_why why, uint8_t os)
{
    if (thread->number == 0)
        thread->number = __atomic_add_fetch(&guest->next_number, 1, __ATOMIC_RELAXED);
    struct qbk_thread *rec = begin(guest, cpu, QBK_THREAD, sizeof(*rec), thread->number);
    if (!rec)
        return;
    rec->object = thread->object;
    rec->start_time_ns = thread->start_time;
    rec->parent_thread = thread->parent;
    rec->page_table = thread->page_table;
    rec->pid = thread->pid;
    rec->tid = thread->tid;
    rec->ppid = thread->ppid;
    rec->uid = thread->uid;
    rec->euid = thread->euid;
    rec->gid = thread->gid;
    rec->why = (uint8_t)why;
    rec->os = os;
    memcpy(rec->comm, thread->comm, sizeof(thread->comm));
    rec->ns_pid = thread->ns_pid;
    rec->ns_tid = thread->ns_tid;
    finish(guest, cpu, sizeof(*rec));
}

void guest__emit_thread_exit(struct guest_cpu *cpu, const struct guest_thread *thread, int32_t status)
{
    struct qbk_thread_exit *rec = begin(cpu->guest, cpu, QBK_THREAD_EXIT, sizeof(*rec), thread->number);
    if (!rec)
        return;
    rec->status = status;
    rec->flags = (thread->group_exit ? QBK_EXIT_GROUP : 0) | (thread->status_unknown ? QBK_EXIT_UNKNOWN : 0) |
                 (thread->exits_alone ? QBK_EXIT_ALONE : 0);
    finish(cpu->guest, cpu, sizeof(*rec));
}

void guest__emit_forgotten(struct guest_cpu *cpu, uint64_t number)
{
    struct qbk_thread_exit *rec = begin(cpu->guest, cpu, QBK_THREAD_EXIT, sizeof(*rec), number);
    if (!rec)
        return;
    rec->flags = QBK_EXIT_FORGOTTEN;
    finish(cpu->guest, cpu, sizeof(*rec));
}

void guest__emit_signal(struct guest_cpu *cpu, const struct guest_thread *thread, int32_t signo,
                        enum qbk_signal_how how, const uint8_t *info, size_t info_len)
{
    struct qbk_signal *rec = begin(cpu->guest, cpu, QBK_SIGNAL, sizeof(*rec), thread->number);
    if (!rec)
        return;
    if (info_len > sizeof(rec->info))
        info_len = sizeof(rec->info);
    memcpy(rec->info, info, info_len);
    rec->info_len = (uint8_t)info_len;
    rec->signo = signo;
    /* The head of siginfo on x86-64 (include/uapi/asm-generic/siginfo.h): si_signo, si_errno, si_code. */
    if (info_len >= 12) {
        memcpy(&rec->err, info + 4, 4);
        memcpy(&rec->code, info + 8, 4);
    }
    rec->how = (uint8_t)how;
    finish(cpu->guest, cpu, sizeof(*rec));
    cpu->count[QBK_COUNT_SIGNALS]++;
}

void guest__emit_name(struct guest_cpu *cpu, const struct guest_thread *thread, uint64_t fd, const char *path,
                      size_t len)
{
    size_t size = sizeof(struct qbk_name) + len;
    struct qbk_name *rec = begin(cpu->guest, cpu, QBK_NAME, size, thread->number);
    if (!rec)
        return;
    rec->fd = fd;
    rec->len = (uint32_t)len;
    memcpy(rec->path, path, len);
    finish(cpu->guest, cpu, size);
}

void guest__emit_object(struct guest_cpu *cpu, const struct guest_thread *thread, struct qbk_object *object)
{
    struct qbk_object *rec = begin(cpu->guest, cpu, QBK_OBJECT, sizeof(*rec), thread->number);
    if (!rec)
        return;
    object->h = rec->h;
    *rec = *object;
    finish(cpu->guest, cpu, sizeof(*rec));
}

void guest__emit_file(struct guest_cpu *cpu, uint64_t thread, struct qbk_file *file, const char *path)
{
    size_t size = sizeof(*file) + file->len;
    struct qbk_file *rec = begin(cpu->guest, cpu, QBK_FILE, size, thread);
    if (!rec)
        return;
    file->h = rec->h;
    memcpy(rec, file, sizeof(*file));
    memcpy(rec->path, path, file->len);
    finish(cpu->guest, cpu, size);
}

struct qbk_pages *guest__begin_pages(struct guest_cpu *cpu, uint64_t thread, size_t room)
{
    struct qbk_pages *rec = ring__reserve(cpu->guest->ring, cpu->vm->index, sizeof(*rec) + room, QBK_PAGES);
    if (!rec)
        return NULL;
    memset(rec, 0, sizeof(*rec)); /* not the bytes: they are about to be read */
    rec->h.type = QBK_PAGES;
    rec->h.thread = thread;
    return rec;
}

void guest__end_pages(struct guest_cpu *cpu, struct qbk_pages *rec)
{
    ring__commit(cpu->guest->ring, cpu->vm->index, sizeof(*rec) + rec->len, cpu->now);
}

bool guest__emit_function(struct guest_cpu *cpu, uint32_t id, uint64_t address, const char *name, const char *module,
                          const struct qbk_prototype *prototype)
{
    size_t len = strlen(name), more = strlen(module);
    size_t names = (sizeof(struct qbk_function) + len + more + 7) & ~(size_t)7;
    size_t size = names + (prototype ? prototype->size : 0);
    struct qbk_function *rec = begin(cpu->guest, cpu, QBK_FUNCTION, size, 0);
    if (!rec)
        return false;
    rec->address = address;
    rec->id = id;
    rec->name_len = (uint16_t)len;
    rec->module_len = (uint16_t)more;
    memcpy(rec->names, name, len);
    memcpy(rec->names + len, module, more);
    if (prototype)
        memcpy((uint8_t *)rec + names, prototype, prototype->size);
    finish(cpu->guest, cpu, size);
    return true;
}

uint64_t guest__emit_function_enter(struct guest_cpu *cpu, uint64_t thread, const struct qbk_function_enter *rec,
                                    struct values_call *call)
{
    size_t fixed = sizeof(*rec) + call->n * sizeof(uint64_t), bound = fixed + values__bound(call, false);
    struct qbk_function_enter *to = ring__reserve(cpu->guest->ring, cpu->vm->index, bound, QBK_FUNCTION_ENTER);
    if (!to)
        return 0;
    struct snippet_writer w = {.at = (uint8_t *)to + fixed, .end = (uint8_t *)to + bound};
    memset(to, 0, sizeof(to->h));
    memcpy((uint8_t *)to + sizeof(to->h), (const uint8_t *)rec + sizeof(to->h), sizeof(*rec) - sizeof(to->h));
    to->h.type = QBK_FUNCTION_ENTER;
    to->h.thread = thread;
    to->nargs = (uint8_t)call->n;
    to->unread = call->unread;
    memcpy(to->args, call->args, call->n * sizeof(uint64_t));
    values__enter(call, &w);
    cpu->count[QBK_COUNT_PARTIAL_READS] += w.partial;
    return ring__commit(cpu->guest->ring, cpu->vm->index, (size_t)(w.at - (uint8_t *)to), cpu->now);
}

void guest__emit_function_return(struct guest_cpu *cpu, uint64_t thread, const struct qbk_function_return *rec,
                                 struct values_call *call)
{
    size_t bound = sizeof(*rec) + (call ? values__bound(call, true) : 0);
    struct qbk_function_return *to = ring__reserve(cpu->guest->ring, cpu->vm->index, bound, QBK_FUNCTION_RETURN);
    if (!to)
        return;
    struct snippet_writer w = {.at = (uint8_t *)(to + 1), .end = (uint8_t *)to + bound};
    memset(to, 0, sizeof(to->h));
    memcpy((uint8_t *)to + sizeof(to->h), (const uint8_t *)rec + sizeof(to->h), sizeof(*rec) - sizeof(to->h));
    to->h.type = QBK_FUNCTION_RETURN;
    to->h.thread = thread;
    if (call)
        values__return(call, &w);
    cpu->count[QBK_COUNT_PARTIAL_READS] += w.partial;
    ring__commit(cpu->guest->ring, cpu->vm->index, (size_t)(w.at - (uint8_t *)to), cpu->now);
}

bool guest__emit_code(struct guest_cpu *cpu, const struct vm_block *block, uint32_t flags)
{
    size_t bytes = (size_t)block->len + block->n, size = sizeof(struct qbk_code) + bytes;
    struct qbk_code *rec = begin(cpu->guest, cpu, QBK_CODE, size, 0);
    if (!rec)
        return false;
    rec->id = block->id;
    rec->len = block->len;
    rec->offset = block->offset;
    rec->insns = block->n;
    rec->flags = flags;
    memcpy(rec->bytes, block->bytes, bytes);
    finish(cpu->guest, cpu, size);
    return true;
}

void guest__emit_blocks(struct guest_cpu *cpu, uint64_t thread, const struct qbk_block *block, uint32_t count)
{
    size_t bytes = count * sizeof(*block), size = sizeof(struct qbk_blocks) + bytes;
    struct qbk_blocks *rec = begin(cpu->guest, cpu, QBK_BLOCKS, size, thread);
    if (!rec)
        return;
    rec->count = count;
    memcpy(rec->block, block, bytes);
    finish(cpu->guest, cpu, size);
}

void guest__emit_mapping(struct guest_cpu *cpu, uint64_t thread, int32_t pid, uint64_t mm,
                         const struct linux_mapping *mapping, enum qbk_mapping_why why)
{
    const struct linux_mapped_file *file = mapping->file;
    size_t size = sizeof(struct qbk_mapping) + file->len;
    struct qbk_mapping *rec = begin(cpu->guest, cpu, QBK_MAPPING, size, thread);
    if (!rec)
        return;
    rec->space = mm;
    rec->start = mapping->start;
    rec->end = mapping->end;
    rec->offset = mapping->offset;
    rec->inode = file->inode;
    rec->dev_major = file->dev_major;
    rec->dev_minor = file->dev_minor;
    rec->pid = pid;
    rec->file = file->number;
    rec->why = (uint8_t)why;
    rec->len = file->len;
    memcpy(rec->path, file->path, file->len);
    finish(cpu->guest, cpu, size);
}

void guest__emit_text(struct guest *guest, struct guest_cpu *cpu, enum qbk_type type, uint64_t thread, const char *text,
                      size_t len)
{
    if (len > LINK_FOUND_TEXT_MAX)
        len = LINK_FOUND_TEXT_MAX;
    struct qbk_text *rec = begin(guest, cpu, type, sizeof(*rec) + len, thread);
    if (!rec)
        return;
    rec->len = (uint32_t)len;
    memcpy(rec->text, text, len);
    finish(guest, cpu, sizeof(*rec) + len);
}

void guest__emit_summary(struct guest *guest)
{
    uint64_t total[QBK_COUNTERS] = {0};
    for (unsigned c = 0; c < guest->n_cpus; c++) {
        for (unsigned i = 0; i < QBK_COUNTERS; i++)
            total[i] += guest->cpu[c].count[i];
    }
    total[QBK_COUNT_SITE_ENTRIES] = vm__site_entries() - guest->site_entries_base;
    total[QBK_COUNT_SITE_RETURNS] = vm__site_returns() - guest->site_returns_base;
    ring__stats(guest->ring, &total[QBK_COUNT_LOST_RECORDS], &total[QBK_COUNT_WAITS], &total[QBK_COUNT_WAIT_NS]);

    size_t size = sizeof(struct qbk_summary) + sizeof(total);
    struct qbk_summary *rec = begin(guest, NULL, QBK_SUMMARY, size, 0);
    if (!rec)
        return;
    rec->count = QBK_COUNTERS;
    memcpy(rec->counter, total, sizeof(total));
    finish(guest, NULL, size);
}

bool guest__name_matches(const char *pattern, const char *comm)
{
    size_t len = strnlen(pattern, 16);
    if (len && pattern[len - 1] == '*')
        return strncmp(pattern, comm, len - 1) == 0;
    return strncmp(pattern, comm, 15) == 0; /* the kernel keeps 15 bytes of a name */
}

static bool pid_passes(const struct link_settings *s, const struct guest_thread *t)
{
    for (uint32_t i = 0; i < s->n_pids; i++) {
        if (s->pids[i] == t->pid || s->pids[i] == t->tid)
            return true;
    }
    return s->n_pids == 0;
}

static bool uid_passes(const struct link_settings *s, const struct guest_thread *t)
{
    for (uint32_t i = 0; i < s->n_uids; i++) {
        if (s->uids[i] == t->uid)
            return true;
    }
    return s->n_uids == 0;
}

static bool comm_passes(const struct link_settings *s, const struct guest_thread *t)
{
    for (uint32_t i = 0; i < s->n_comms; i++) {
        if (guest__name_matches(s->comms[i], t->comm))
            return true;
    }
    return s->n_comms == 0;
}

void guest__filter_thread(const struct guest *guest, struct guest_thread *thread)
{
    const struct link_settings *s = &guest->settings;
    thread->skip = !(pid_passes(s, thread) && uid_passes(s, thread) && comm_passes(s, thread));
    thread->watched = watch__of(s, thread);
}

void guest__call_over(struct guest_thread *thread)
{
    for (unsigned i = 0; i < thread->n_names; i++)
        free(thread->name[i].path);
    thread->n_names = 0;
    thread->signal_work = false;
    thread->altered = GUEST_AS_ASKED;
}
