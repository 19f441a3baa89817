/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/sockets.h"

#include <string.h>
#include <sys/socket.h>

#include "decode/decode.h"

#define KNOWN_MAX 65536u /* of all processes; more are not taken apart */

struct sockets {
    GHashTable *known; /* process and descriptor, in one number */
};

struct sockets *sockets__new(void)
{
    struct sockets *s = g_new0(struct sockets, 1);
    s->known = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    return s;
}

void sockets__free(struct sockets *s)
{
    if (!s)
        return;
    g_hash_table_destroy(s->known);
    g_free(s);
}

static int64_t key_of(int32_t pid, uint64_t fd)
{
    return (int64_t)((uint64_t)(uint32_t)pid << 32 | (uint32_t)fd);
}

static bool knows(const struct sockets *s, int32_t pid, uint64_t fd)
{
    int64_t key = key_of(pid, fd);
    return g_hash_table_contains(s->known, &key);
}

static void set(struct sockets *s, int32_t pid, uint64_t fd, bool netlink)
{
    int64_t key = key_of(pid, fd);
    if (!netlink)
        g_hash_table_remove(s->known, &key);
    else if (g_hash_table_size(s->known) < KNOWN_MAX)
        g_hash_table_add(s->known, g_memdup2(&key, sizeof(key)));
}

/* Does the call give its first argument another number? */
static bool duplicates(const struct model_call *c)
{
    const char *name = c->service->name;
    return strncmp(name, "dup", 3) == 0 || (strncmp(name, "fcntl", 5) == 0 && c->service->result == R_FD);
}

void sockets__returned(struct sockets *s, const struct model_call *c)
{
    const struct qbk_return *ret = c->ret;
    uint32_t code;
    int32_t pid = c->thread->id.pid;
    if (!c->enter || !c->service || !ret || pid < 0 || !(ret->flags & QBK_RETURN_HAS_RESULT) || c->enter->nargs == 0 ||
        decode__is_error((enum qbk_abi)c->abi, ret->result, &code))
        return;
    if (c->service->result == R_FD)
        set(s, pid, ret->result,
            (strcmp(c->service->name, "socket") == 0 && c->enter->args[0] == AF_NETLINK) ||
                (duplicates(c) && knows(s, pid, c->enter->args[0])));
    else if (strcmp(c->service->name, "close") == 0)
        set(s, pid, c->enter->args[0], false);
}

static gboolean is_of(gpointer key, gpointer value, gpointer user)
{
    (void)value;
    return (uint64_t) * (const int64_t *)key >> 32 == *(const uint32_t *)user;
}

void sockets__gone(struct sockets *s, int32_t pid)
{
    if (g_hash_table_size(s->known))
        g_hash_table_foreach_remove(s->known, is_of, &pid);
}

bool sockets__netlink(const struct sockets *s, const struct model_call *c)
{
    return c->service && (c->service->classes & C_NETWORK) && c->enter && c->enter->nargs && c->thread->id.pid >= 0 &&
           knows(s, c->thread->id.pid, c->enter->args[0]);
}
