/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/deeds.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "decode/decode.h"
#include "show/deeds_internal.h"
#include "trace/record.h"

#define NO_ARG    0xffu
#define AS_IS     0xfeu /* relative to what is not a descriptor: the target of a symbolic link */
#define ARGS_MAX  256u
#define TEXT_MAX  16384u
#define PATH_MOST 4096u
#define AT_CWD    (-100)

/* Which argument is what. */
static const struct row {
    const char *name;
    uint8_t kind;
    uint8_t base, path;  /* descriptor that the path is relative to, path */
    uint8_t base2, text; /* of two paths: the other; of an exec: argv; of addresses: where their length is */
} rows[] = {
    {"execve", DEED_EXEC, NO_ARG, 0, NO_ARG, 1},
    {"execveat", DEED_EXEC, 0, 1, NO_ARG, 2},
    {"connect", DEED_CONNECT, 0, 1, NO_ARG, 2},
    {"sendto", DEED_CONNECT, 0, 4, NO_ARG, 5},
    {"accept", DEED_ACCEPT, 0, 1, NO_ARG, 2},
    {"accept4", DEED_ACCEPT, 0, 1, NO_ARG, 2},
    {"bind", DEED_LISTEN, 0, 1, NO_ARG, 2},
    {"open", DEED_READ, NO_ARG, 0, NO_ARG, 1},
    {"openat", DEED_READ, 0, 1, NO_ARG, 2},
    {"openat2", DEED_READ, 0, 1, NO_ARG, 2},
    {"creat", DEED_CREATE, NO_ARG, 0, NO_ARG, NO_ARG},
    {"mknod", DEED_CREATE, NO_ARG, 0, NO_ARG, NO_ARG},
    {"mknodat", DEED_CREATE, 0, 1, NO_ARG, NO_ARG},
    {"truncate", DEED_WRITE, NO_ARG, 0, NO_ARG, NO_ARG},
    {"truncate64", DEED_WRITE, NO_ARG, 0, NO_ARG, NO_ARG},
    {"unlink", DEED_DELETE, NO_ARG, 0, NO_ARG, NO_ARG},
    {"unlinkat", DEED_DELETE, 0, 1, NO_ARG, NO_ARG},
    {"rmdir", DEED_DELETE, NO_ARG, 0, NO_ARG, NO_ARG},
    {"rename", DEED_RENAME, NO_ARG, 0, NO_ARG, 1},
    {"renameat", DEED_RENAME, 0, 1, 2, 3},
    {"renameat2", DEED_RENAME, 0, 1, 2, 3},
    {"link", DEED_LINK, NO_ARG, 0, NO_ARG, 1},
    {"linkat", DEED_LINK, 0, 1, 2, 3},
    {"symlink", DEED_LINK, AS_IS, 0, NO_ARG, 1},
    {"symlinkat", DEED_LINK, AS_IS, 0, 1, 2},
    {"mkdir", DEED_MKDIR, NO_ARG, 0, NO_ARG, NO_ARG},
    {"mkdirat", DEED_MKDIR, 0, 1, NO_ARG, NO_ARG},
    {"chmod", DEED_CHMOD, NO_ARG, 0, NO_ARG, NO_ARG},
    {"fchmodat", DEED_CHMOD, 0, 1, NO_ARG, NO_ARG},
    {"fchmodat2", DEED_CHMOD, 0, 1, NO_ARG, NO_ARG},
    {"chown", DEED_CHOWN, NO_ARG, 0, NO_ARG, NO_ARG},
    {"chown32", DEED_CHOWN, NO_ARG, 0, NO_ARG, NO_ARG},
    {"lchown", DEED_CHOWN, NO_ARG, 0, NO_ARG, NO_ARG},
    {"lchown32", DEED_CHOWN, NO_ARG, 0, NO_ARG, NO_ARG},
    {"fchownat", DEED_CHOWN, 0, 1, NO_ARG, NO_ARG},
};

static const char *const names[DEED_KINDS] = {
    [DEED_NONE] = "none",     [DEED_EXEC] = "exec",     [DEED_CONNECT] = "connect", [DEED_ACCEPT] = "accept",
    [DEED_LISTEN] = "listen", [DEED_READ] = "read",     [DEED_WRITE] = "write",     [DEED_CREATE] = "create",
    [DEED_DELETE] = "delete", [DEED_RENAME] = "rename", [DEED_LINK] = "link",       [DEED_MKDIR] = "mkdir",
    [DEED_CHMOD] = "chmod",   [DEED_CHOWN] = "chown",
};

const char *deed__name(enum deed_kind kind)
{
    return (size_t)kind < G_N_ELEMENTS(names) ? names[kind] : "none";
}

void deed__init(struct deed *d)
{
    *d = (struct deed){.path = g_string_new(NULL), .text = g_string_new(NULL)};
}

void deed__clear(struct deed *d)
{
    g_string_free(d->path, TRUE);
    g_string_free(d->text, TRUE);
}

/* Rows by what names the call: service names are the tables' own, one pointer for each. */
static const struct row *row_of(const struct decode_service *service)
{
    static GHashTable *by_name; /* name -> row */
    static GMutex lock;
    const struct row *row;

    g_mutex_lock(&lock);
    if (!by_name) {
        by_name = g_hash_table_new(g_str_hash, g_str_equal);
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
            g_hash_table_insert(by_name, (gpointer)(uintptr_t)rows[i].name, (gpointer)(uintptr_t)&rows[i]);
    }
    row = g_hash_table_lookup(by_name, service->name);
    g_mutex_unlock(&lock);
    return row;
}

static uint64_t arg(const struct model_call *c, unsigned i)
{
    return i < c->enter->nargs ? c->enter->args[i] : 0;
}

/* Memory as it was before the call; of what was not resident then, as it was after it. */
static size_t memory(const struct model_call *c, uint64_t addr, size_t len, bool after, const uint8_t **bytes)
{
    size_t have = after ? 0 : record__memory(&c->enter->h, addr, len, bytes);

    return have || !c->ret ? have : record__memory(&c->ret->h, addr, len, bytes);
}

/* Appends the string at addr. False: it is not there. */
static bool string_at(struct deed *d, GString *to, const struct model_call *c, uint64_t addr)
{
    const uint8_t *bytes;
    const struct qbk_snippet *s = addr ? record__find(&c->enter->h, QBK_SNIP_MEM, addr, &bytes) : NULL;

    if ((!s || s->have == 0) && addr && c->ret)
        s = record__find(&c->ret->h, QBK_SNIP_MEM, addr, &bytes);
    if (!s)
        return false;
    size_t n = strnlen((const char *)bytes, MIN(s->have, PATH_MOST));
    g_string_append_len(to, (const char *)bytes, (gssize)n);
    d->cut = d->cut || (s->flags & (QBK_SNIP_TRUNCATED | QBK_SNIP_FAULT));
    return true;
}

/* A path, absolute where what it is relative to is known. */
static void path_at(struct deed *d, GString *to, const struct model_call *c, unsigned base, unsigned path)
{
    int32_t fd = base == NO_ARG ? AT_CWD : (int32_t)arg(c, base);
    const uint8_t *dir;
    const struct qbk_snippet *s;

    g_string_truncate(to, 0);
    if (path == NO_ARG || !string_at(d, to, c, arg(c, path)) || to->str[0] == '/' || base == AS_IS)
        return;
    s = record__find(&c->enter->h, fd == AT_CWD ? QBK_SNIP_CWD : QBK_SNIP_FD, fd == AT_CWD ? 0 : (uint32_t)fd, &dir);
    if (!s || s->have == 0 || dir[0] != '/' || memchr(dir, 0, s->have))
        return;
    while (to->str[0] == '.' && to->str[1] == '/') /* "./x" is what "x" is; ".." may lead through a link, and stays */
        g_string_erase(to, 0, (gssize)(1 + strspn(to->str + 1, "/")));
    if (to->len > 0 && dir[s->have - 1] != '/')
        g_string_prepend_c(to, '/');
    g_string_prepend_len(to, (const char *)dir, (gssize)s->have);
}

/* A word as a shell would take it. */
static void append_word(GString *to, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%^~";
    g_autofree char *quoted = NULL;

    if (*word && !word[strspn(word, plain)]) {
        g_string_append(to, word);
        return;
    }
    quoted = g_shell_quote(word);
    g_string_append(to, quoted);
}

static void command_line(struct deed *d, const struct model_call *c, uint64_t argv)
{
    g_autoptr(GString) word = g_string_new(NULL);
    unsigned size = decode__word((enum qbk_abi)c->abi);
    const uint8_t *bytes;

    for (unsigned i = 0; argv && i < ARGS_MAX && d->text->len < TEXT_MAX; i++) {
        uint64_t at = 0;

        if (memory(c, argv + (uint64_t)i * size, size, false, &bytes) != size) {
            d->cut = true;
            break;
        }
        memcpy(&at, bytes, size);
        if (at == 0)
            return;
        g_string_truncate(word, 0);
        if (!string_at(d, word, c, at)) {
            d->cut = true;
            break;
        }
        if (i > 0)
            g_string_append_c(d->text, ' ');
        append_word(d->text, word->str);
    }
    d->cut = d->cut || argv;
}

const char *deed__scope(unsigned family, const uint8_t *at)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}, loopback[16] = {[15] = 1};

    if (family == AF_INET6 && memcmp(at, mapped, sizeof(mapped)) == 0)
        return deed__scope(AF_INET, at + 12);
    if (family == AF_INET6)
        return memcmp(at, loopback, 16) == 0                                         ? "loopback"
               : (at[0] & 0xfe) == 0xfc || (at[0] == 0xfe && (at[1] & 0xc0) == 0x80) ? "private"
                                                                                     : "public";
    if (at[0] == 127)
        return "loopback";
    return at[0] == 10 || (at[0] == 172 && (at[1] & 0xf0) == 16) || (at[0] == 192 && at[1] == 168) ||
                   (at[0] == 169 && at[1] == 254)
               ? "private"
               : "public";
}

static void inet_address(struct deed *d, unsigned family, const uint8_t *at, const uint8_t *port)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool v4_in_v6 = family == AF_INET6 && memcmp(at, mapped, sizeof(mapped)) == 0;

    d->port = (unsigned)port[0] << 8 | port[1];
    d->scope = deed__scope(family, at);
    /* One address is one text, whichever kind of socket it came by. */
    inet_ntop(v4_in_v6 ? AF_INET : (int)family, v4_in_v6 ? at + 12 : at, d->address, sizeof(d->address));
}

/* The address of a socket; false where there is none to tell of. */
static bool address_at(struct deed *d, const struct model_call *c, uint64_t addr, size_t len, bool after)
{
    const uint8_t *b;
    size_t have = addr && len >= 2 ? memory(c, addr, MIN(len, 128), after, &b) : 0;

    if (have < 2)
        return false;
    d->family = (unsigned)(b[0] | b[1] << 8);
    if (d->family == AF_INET && have >= 8)
        inet_address(d, AF_INET, b + 4, b + 2);
    else if (d->family == AF_INET6 && have >= 24)
        inet_address(d, AF_INET6, b + 8, b + 2);
    else if (d->family == AF_UNIX && have > 2) {
        bool abstract = b[2] == 0;
        size_t from = abstract ? 3 : 2;
        g_string_assign(d->path, abstract ? "@" : "");
        g_string_append_len(d->path, (const char *)b + from, (gssize)strnlen((const char *)b + from, have - from));
    } else
        return false;
    return true;
}

static bool address_deed(struct deed *d, const struct model_call *c, const struct row *row)
{
    const uint8_t *bytes;
    uint64_t len = arg(c, row->text);
    bool after = row->kind == DEED_ACCEPT;

    d->fd = after && d->done ? c->ret->result : arg(c, row->base);
    if (after) { /* a pointer to the length; the address is there when it has returned */
        uint64_t at = len;
        len = 0;
        if (d->done && at && memory(c, at, 4, true, &bytes) == 4)
            memcpy(&len, bytes, 4);
        (void)address_at(d, c, arg(c, row->path), (size_t)MIN(len, 128), true);
        return d->done;
    }
    return address_at(d, c, arg(c, row->path), (size_t)MIN(len, 128), false);
}

/* What an open is for. */
static enum deed_kind open_kind(const struct model_call *c, const struct row *row)
{
    uint64_t flags = arg(c, row->text);
    const uint8_t *bytes;

    if (strcmp(row->name, "openat2") == 0) { /* struct open_how begins with them */
        uint64_t at = flags;
        flags = 0;
        if (memory(c, at, 8, false, &bytes) == 8)
            memcpy(&flags, bytes, 8);
    }
    if ((flags & O_ACCMODE) == O_RDONLY && !(flags & O_TRUNC))
        return DEED_READ;
    return flags & O_CREAT ? DEED_CREATE : DEED_WRITE;
}

static bool calls_nt(const struct model_call *c)
{
    return c->abi == QBK_ABI_NT_X64 || c->abi == QBK_ABI_NT_X86;
}

static void outcome(struct deed *d, const struct model_call *c)
{
    bool has = c->ret && (c->ret->flags & QBK_RETURN_HAS_RESULT) && c->ret->end == QBK_END_RETURNED;

    d->failed = has && model__is_error(c, &d->code);
    d->done = has && !d->failed;
    if (d->failed)
        d->error = calls_nt(c) ? decode__status_name(d->code) : decode__errno_name(d->code);
}

static void clear(struct deed *d)
{
    g_string_truncate(d->path, 0);
    g_string_truncate(d->text, 0);
    d->kind = DEED_NONE;
    d->cut = d->failed = d->done = d->pending = false;
    d->family = d->port = 0;
    d->address[0] = 0;
    d->scope = d->error = NULL;
    d->code = 0;
}

static bool linux_call(struct deed *d, const struct model_call *c)
{
    const struct row *row = row_of(c->service);
    bool found = true;

    if (!row)
        return false;
    if (deed__is_network(row->kind)) {
        found = address_deed(d, c, row);
    } else {
        path_at(d, d->path, c, row->base, row->path);
        if (row->kind == DEED_EXEC)
            command_line(d, c, arg(c, row->text));
        else if (row->kind != DEED_READ && row->text != NO_ARG)
            path_at(d, d->text, c, row->base2, row->text);
    }
    if (found)
        d->kind = row->kind == DEED_READ ? open_kind(c, row) : (enum deed_kind)row->kind;
    return found;
}

static bool call_ended(struct deed *d, const struct model_event *e)
{
    const struct model_call *c = e->call;

    if (!c->enter || !c->service || (c->enter->flags & QBK_ENTER_JOINED))
        return false;
    d->seq = c->enter->h.seq;
    d->ns = c->enter->h.time_ns;
    d->duration_ns = c->duration_ns;
    d->thread = c->thread;
    outcome(d, c);
    return calls_nt(c) ? deeds_nt__call(d, e) : linux_call(d, c);
}

bool deed__event(struct deed *d, const struct model_event *e)
{
    clear(d);
    if (e->type == EVENT_CALL || e->type == EVENT_COMPLETION)
        return call_ended(d, e);
    return e->type == EVENT_RECORD && e->process == PROCESS_EXECS && e->thread && deeds_nt__process(d, e);
}
