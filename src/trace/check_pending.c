// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/check_pending.h"

#include <glib.h>

/* A file may have been made to fill memory. */
#define PENDING_MAX (1u << 22)

struct pending {
    uint64_t call; /* seq of its ENTER */
    uint64_t thread;
    uint32_t nr;
    uint8_t abi;
};

struct check_pending {
    GHashTable *calls; /* uint64_t * (in the value) → struct pending */
};

struct check_pending *check_pending__new(void)
{
    struct check_pending *p = g_new0(struct check_pending, 1);

    p->calls = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    return p;
}

void check_pending__free(struct check_pending *p)
{
    g_hash_table_destroy(p->calls);
    g_free(p);
}

bool check_pending__add(struct check_pending *p, const struct qbk_return *ret)
{
    struct pending *call;

    if (g_hash_table_size(p->calls) >= PENDING_MAX)
        return false;
    call = g_new0(struct pending, 1);
    *call = (struct pending){.call = ret->call, .thread = ret->h.thread, .nr = ret->nr, .abi = ret->abi};
    g_hash_table_replace(p->calls, &call->call, call);
    return true;
}

enum check_pending_result check_pending__complete(struct check_pending *p, const struct qbk_completion *done)
{
    const struct pending *call = g_hash_table_lookup(p->calls, &done->call);
    bool same;

    if (!call)
        return CHECK_PENDING_UNKNOWN;
    same = call->nr == done->nr && call->abi == done->abi && call->thread == done->caller;
    g_hash_table_remove(p->calls, &done->call);
    return same ? CHECK_PENDING_FITS : CHECK_PENDING_DIFFERS;
}
