/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/ends.h"

#include <string.h>

/* A process with at least one thread that lives, or a main thread whose end waits. */
struct process {
    int32_t pid;
    unsigned threads;
    bool waits; /* its main thread has ended */
    struct ends_told told;
};

/* A thread as it was last told. */
struct known {
    uint64_t number;
    int32_t pid, tid;
};

struct ends {
    GHashTable *processes; /* pid -> process */
    GHashTable *threads;   /* number -> known */
};

struct ends *ends__new(void)
{
    struct ends *e = g_new0(struct ends, 1);
    e->processes = g_hash_table_new_full(g_int_hash, g_int_equal, NULL, g_free);
    e->threads = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    return e;
}

void ends__free(struct ends *e)
{
    if (!e)
        return;
    g_hash_table_destroy(e->processes);
    g_hash_table_destroy(e->threads);
    g_free(e);
}

static struct process *process_of(struct ends *e, int32_t pid)
{
    struct process *p = g_hash_table_lookup(e->processes, &pid);
    if (!p) {
        p = g_new0(struct process, 1);
        p->pid = pid;
        g_hash_table_insert(e->processes, &p->pid, p);
    }
    return p;
}

static void leave(struct ends *e, int32_t pid)
{
    struct process *p = g_hash_table_lookup(e->processes, &pid);
    if (p && p->threads > 0)
        p->threads--;
    if (p && p->threads == 0 && !p->waits)
        g_hash_table_remove(e->processes, &pid);
}

int32_t ends__thread(struct ends *e, const struct model_thread *thread)
{
    struct known *k = g_hash_table_lookup(e->threads, &thread->number);
    int32_t before = k ? k->tid : -1;
    if (!k) {
        k = g_new0(struct known, 1);
        k->number = thread->number;
        k->pid = thread->id.pid;
        g_hash_table_insert(e->threads, &k->number, k);
        process_of(e, k->pid)->threads++;
    }
    k->tid = thread->id.tid;
    if (before < 0 || before == k->tid)
        return -1;
    process_of(e, k->pid)->waits = false; /* the main thread lives on in this one */
    return before;
}

static void tell(struct ends_told *told, const struct model_thread *thread, const struct qbk_thread_exit *rec)
{
    told->thread = *thread;
    told->thread.exe = NULL;
    told->thread.calls = NULL;
    told->status = rec->status;
    told->flags = rec->flags;
}

unsigned ends__exit(struct ends *e, const struct model_thread *thread, const struct qbk_thread_exit *rec,
                    struct ends_told told[2])
{
    struct known *k = g_hash_table_lookup(e->threads, &thread->number);
    struct process *p = k ? process_of(e, k->pid) : NULL;
    unsigned n = 0;
    if (p && p->threads > 1 && thread->id.tid == k->pid && !p->waits) {
        p->waits = true;
        tell(&p->told, thread, rec);
    } else {
        tell(&told[n++], thread, rec);
    }
    if (!k)
        return n;
    if (p->threads == 1 && p->waits) {
        told[n] = p->told;
        if (rec->flags & QBK_EXIT_GROUP)
            told[n].status = rec->status;
        n++;
        p->waits = false;
    }
    leave(e, k->pid);
    g_hash_table_remove(e->threads, &thread->number);
    return n;
}

bool ends__rest(struct ends *e, struct ends_told *told)
{
    GHashTableIter it;
    gpointer value;
    g_hash_table_iter_init(&it, e->processes);
    while (g_hash_table_iter_next(&it, NULL, &value)) {
        struct process *p = value;
        if (p->waits) {
            *told = p->told;
            g_hash_table_iter_remove(&it);
            return true;
        }
    }
    return false;
}
