/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/io.h"

#include <string.h>

#include "decode/decode.h"
#include "trace/record.h"

#define PATH_BYTES 4096u
#define FAMILY_4   2u /* AF_INET, AF_INET6 of the guest */
#define FAMILY_6   10u

static const struct io_row rows[] = {
    {"read", IO_READ, 0, 1, 2, IO_NO_ARG, 0},
    {"pread64", IO_READ, 0, 1, 2, 3, 0},
    {"readv", IO_READ, 0, 1, 2, IO_NO_ARG, 1},
    {"preadv", IO_READ, 0, 1, 2, 3, 1},
    {"preadv2", IO_READ, 0, 1, 2, 3, 1},
    {"write", IO_WRITE, 0, 1, 2, IO_NO_ARG, 0},
    {"pwrite64", IO_WRITE, 0, 1, 2, 3, 0},
    {"writev", IO_WRITE, 0, 1, 2, IO_NO_ARG, 1},
    {"pwritev", IO_WRITE, 0, 1, 2, 3, 1},
    {"pwritev2", IO_WRITE, 0, 1, 2, 3, 1},
    {"open", IO_OPEN, IO_NO_ARG, 0, 1, IO_NO_ARG, 0},
    {"creat", IO_OPEN, IO_NO_ARG, 0, IO_NO_ARG, IO_NO_ARG, 0},
    {"openat", IO_OPEN, 0, 1, 2, IO_NO_ARG, 0},
    {"openat2", IO_OPEN, 0, 1, IO_NO_ARG, IO_NO_ARG, 0},
    {"memfd_create", IO_MEMFD, IO_NO_ARG, IO_NO_ARG, IO_NO_ARG, IO_NO_ARG, 0},
    {"connect", IO_CONNECT, 0, 1, 2, IO_NO_ARG, 0},
    {"accept", IO_ACCEPT, 0, 1, 2, IO_NO_ARG, 0},
    {"accept4", IO_ACCEPT, 0, 1, 2, IO_NO_ARG, 0},
    {"sendto", IO_SEND, 0, 1, 2, IO_NO_ARG, 0},
    {"recvfrom", IO_RECEIVE, 0, 1, 2, IO_NO_ARG, 0},
    {"sendmsg", IO_SEND_MSG, 0, 1, IO_NO_ARG, IO_NO_ARG, 0},
    {"recvmsg", IO_RECEIVE_MSG, 0, 1, IO_NO_ARG, IO_NO_ARG, 0},
    {"sendmmsg", IO_SEND_MSG, 0, 1, 2, IO_NO_ARG, 0},
    {"recvmmsg", IO_RECEIVE_MSG, 0, 1, 2, IO_NO_ARG, 0},
    {"recvmmsg_time64", IO_RECEIVE_MSG, 0, 1, 2, IO_NO_ARG, 0},
    {"sendfile", IO_COPY, 0, 2, 3, IO_NO_ARG, 0},
    {"sendfile64", IO_COPY, 0, 2, 3, IO_NO_ARG, 0},
    {"splice", IO_COPY, 2, 1, 4, 3, 0},
    {"copy_file_range", IO_COPY, 2, 1, 4, 3, 0},
    {"ftruncate", IO_TRUNCATE, 0, IO_NO_ARG, IO_NO_ARG, 1, 0},
    {"ftruncate64", IO_TRUNCATE, 0, IO_NO_ARG, IO_NO_ARG, 1, 0},
    {"truncate", IO_TRUNCATE_PATH, IO_NO_ARG, 0, IO_NO_ARG, 1, 0},
    {"truncate64", IO_TRUNCATE_PATH, IO_NO_ARG, 0, IO_NO_ARG, 1, 0},
    {"fallocate", IO_ALLOCATE, 0, IO_NO_ARG, 3, 2, 0},
    {"rename", IO_RENAME, IO_NO_ARG, 0, 1, IO_NO_ARG, 0},
    {"renameat", IO_RENAME, 0, 1, 3, IO_NO_ARG, 0},
    {"renameat2", IO_RENAME, 0, 1, 3, IO_NO_ARG, 0},
    {"unlink", IO_UNLINK, IO_NO_ARG, 0, IO_NO_ARG, IO_NO_ARG, 0},
    {"unlinkat", IO_UNLINK, 0, 1, 2, IO_NO_ARG, 0},
    {"dup", IO_DUP, 0, IO_NO_ARG, IO_NO_ARG, IO_NO_ARG, 0},
    {"dup2", IO_DUP, 0, IO_NO_ARG, IO_NO_ARG, IO_NO_ARG, 0},
    {"dup3", IO_DUP, 0, IO_NO_ARG, IO_NO_ARG, IO_NO_ARG, 0},
    {"fcntl", IO_FCNTL, 0, IO_NO_ARG, IO_NO_ARG, IO_NO_ARG, 0},
    {"fcntl64", IO_FCNTL, 0, IO_NO_ARG, IO_NO_ARG, IO_NO_ARG, 0},
    {"close", IO_CLOSE, 0, IO_NO_ARG, IO_NO_ARG, IO_NO_ARG, 0},
    {"lseek", IO_SEEK, 0, IO_NO_ARG, IO_NO_ARG, IO_NO_ARG, 0},
    {"mmap", IO_MAP, 4, IO_NO_ARG, 1, 5, 0},
    {"mmap2", IO_MAP, 4, IO_NO_ARG, 1, 5, 0},
};

static bool is_linux(const struct model_call *call)
{
    return call->abi == QBK_ABI_LINUX_X86_64 || call->abi == QBK_ABI_LINUX_I386;
}

static GHashTable *index_of_rows(void)
{
    GHashTable *table = g_hash_table_new(g_str_hash, g_str_equal);

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        g_hash_table_insert(table, (gpointer)(uintptr_t)rows[i].name, (gpointer)(uintptr_t)&rows[i]);
    return table;
}

const struct io_row *io__row(const struct model_call *call)
{
    static gsize once;
    static GHashTable *table;

    if (g_once_init_enter(&once)) {
        table = index_of_rows();
        g_once_init_leave(&once, 1);
    }
    if (!call->enter || !call->service || !is_linux(call))
        return NULL;
    /* i386's old mmap has its arguments in memory. */
    if (call->abi == QBK_ABI_LINUX_I386 && call->enter->nargs < 2 && strcmp(call->service->name, "mmap") == 0)
        return NULL;
    return g_hash_table_lookup(table, call->service->name);
}

static void watch(struct link_settings *settings, enum qbk_abi abi, const char *name)
{
    int nr = decode__number(abi, name), carrier = nr >= 0 ? decode__carrier(abi, (uint32_t)nr) : -1;

    if (nr >= 0 && (unsigned)nr < LINK_NR_MAX)
        settings->watch[abi][(unsigned)nr / 64] |= 1ull << ((unsigned)nr % 64);
    if (carrier >= 0)
        settings->watch[abi][carrier / 64] |= 1ull << (carrier % 64);
}

void io__watch(struct link_settings *settings)
{
    static const char *const nt[] = {"NtCreateFile", "NtOpenFile",           "NtReadFile", "NtWriteFile",
                                     "NtDeleteFile", "NtSetInformationFile", "NtClose"};

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        watch(settings, QBK_ABI_LINUX_X86_64, rows[i].name);
        watch(settings, QBK_ABI_LINUX_I386, rows[i].name);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(nt); i++) {
        watch(settings, QBK_ABI_NT_X64, nt[i]);
        watch(settings, QBK_ABI_NT_X86, nt[i]);
    }
}

uint64_t io__arg(const struct model_call *call, unsigned i)
{
    return call->enter && i < call->enter->nargs ? call->enter->args[i] : 0;
}

int32_t io__fd(const struct model_call *call, const struct io_row *row)
{
    return row->fd == IO_NO_ARG ? -1 : (int32_t)(uint32_t)io__arg(call, row->fd);
}

int64_t io__result(const struct model_call *call)
{
    uint32_t code;
    uint64_t result;

    if (!call->ret || !(call->ret->flags & QBK_RETURN_HAS_RESULT))
        return -1;
    if (decode__is_error((enum qbk_abi)call->abi, call->ret->result, &code))
        return -1;
    result = decode__word((enum qbk_abi)call->abi) == 4 ? call->ret->result & 0xffffffffu : call->ret->result;
    return result > INT64_MAX ? -1 : (int64_t)result;
}

/* i386 hands a 64-bit value over in two arguments; the 64-bit ABI in one. */
static uint64_t wide(const struct model_call *call, unsigned i)
{
    uint64_t low = io__arg(call, i);
    bool halves = call->abi == QBK_ABI_LINUX_I386 && call->service && i + 1u < call->service->nargs &&
                  call->service->arg[i + 1].type == T_HIGH;

    return halves ? (low & 0xffffffffu) | io__arg(call, i + 1) << 32 : low;
}

int64_t io__offset(const struct model_call *call, const struct io_row *row)
{
    int64_t value;

    if (row->off == IO_NO_ARG)
        return -1;
    value = (int64_t)wide(call, row->off);
    return value < 0 ? -1 : value;
}

const uint8_t *io__memory(const struct model_call *call, bool at_return, uint64_t addr, size_t len, size_t *have)
{
    const struct qbk_record *first = at_return ? (call->ret ? &call->ret->h : NULL) : &call->enter->h;
    const struct qbk_record *then = !at_return && call->ret ? &call->ret->h : NULL;
    const uint8_t *bytes = NULL, *other = NULL;
    size_t more;

    *have = first ? record__memory(first, addr, len, &bytes) : 0;
    more = *have < len && then ? record__memory(then, addr, len, &other) : 0;
    if (more > *have) {
        *have = more;
        bytes = other;
    }
    return *have ? bytes : NULL;
}

char *io__path(const struct model_call *call, unsigned i)
{
    size_t have = 0;
    const uint8_t *bytes = io__memory(call, false, io__arg(call, i), PATH_BYTES, &have);

    if (!bytes || !memchr(bytes, 0, have))
        return NULL;
    return g_strdup((const char *)bytes);
}

static char *snippet_text(const struct qbk_record *rec, enum qbk_snippet_kind kind, uint64_t addr)
{
    const uint8_t *bytes = NULL;
    const struct qbk_snippet *s = rec ? record__find(rec, kind, addr, &bytes) : NULL;

    return s && s->have ? g_strndup((const char *)bytes, s->have) : NULL;
}

char *io__name(const struct model_call *call, unsigned i)
{
    int32_t fd = (int32_t)(uint32_t)io__arg(call, i);

    if (!call->enter)
        return NULL;
    return fd >= 0 ? snippet_text(&call->enter->h, QBK_SNIP_FD, (uint64_t)fd)
                   : snippet_text(&call->enter->h, QBK_SNIP_CWD, 0);
}

char *io__cwd(const struct model_call *call)
{
    return call->enter ? snippet_text(&call->enter->h, QBK_SNIP_CWD, 0) : NULL;
}

char *io__new_name(const struct model_call *call, uint64_t fd)
{
    return call->ret ? snippet_text(&call->ret->h, QBK_SNIP_FD, fd) : NULL;
}

static uint64_t word_at(const uint8_t *at, unsigned word)
{
    uint64_t value = 0;

    memcpy(&value, at, word);
    return value;
}

static void each_of_vector(const struct model_call *call, const struct io_row *row, bool at_return, uint64_t moved,
                           io_piece_fn fn, void *user)
{
    unsigned word = decode__word((enum qbk_abi)call->abi);
    uint64_t count = io__arg(call, row->len), at = io__arg(call, row->buf);
    size_t have = 0, pair = 2u * word;
    const uint8_t *vec = io__memory(call, at_return, at, (size_t)MIN(count, 1024u) * pair, &have);

    if (!vec) /* a vector that is only there at entry */
        vec = io__memory(call, false, at, (size_t)MIN(count, 1024u) * pair, &have);
    for (size_t k = 0; moved > 0 && k < count; k++) {
        size_t got = 0;
        uint64_t base, len;
        const uint8_t *bytes;

        if (!vec || (k + 1) * pair > have) { /* its elements beyond what was captured */
            fn(NULL, 0, moved, user);
            return;
        }
        base = word_at(vec + k * pair, word);
        len = MIN(word_at(vec + k * pair + word, word), moved);
        bytes = len ? io__memory(call, at_return, base, (size_t)len, &got) : NULL;
        if (len && !fn(bytes, bytes ? got : 0, len, user))
            return;
        moved -= len;
    }
}

void io__each(const struct model_call *call, const struct io_row *row, uint64_t moved, io_piece_fn fn, void *user)
{
    bool at_return = row->what == IO_READ || row->what == IO_RECEIVE;
    const uint8_t *bytes;
    size_t have = 0;

    if (moved == 0)
        return;
    if (row->vector) {
        each_of_vector(call, row, at_return, moved, fn, user);
        return;
    }
    bytes = io__memory(call, at_return, io__arg(call, row->buf), (size_t)moved, &have);
    fn(bytes, bytes ? have : 0, moved, user);
}

/* ---- addresses ---- */

static struct io_address address_of(const uint8_t *sockaddr, size_t have)
{
    struct io_address a = {0};
    uint16_t family;

    if (!sockaddr || have < 8)
        return a;
    memcpy(&family, sockaddr, 2);
    if (family == FAMILY_4) {
        a.family = 4;
        memcpy(a.ip, sockaddr + 4, 4);
    } else if (family == FAMILY_6 && have >= 24) {
        a.family = 6;
        memcpy(a.ip, sockaddr + 8, 16);
    }
    a.port = (uint16_t)(sockaddr[2] << 8 | sockaddr[3]);
    return a;
}

/* The name of the (first) message: struct msghdr begins with a pointer and a length. */
static uint64_t message_name(const struct model_call *call, const struct io_row *row)
{
    unsigned word = decode__word((enum qbk_abi)call->abi);
    size_t have = 0;
    const uint8_t *at = io__memory(call, false, io__arg(call, row->buf), word, &have);

    if (!at || have < word) {
        at = io__memory(call, true, io__arg(call, row->buf), word, &have);
    }
    return at && have == word ? word_at(at, word) : 0;
}

static uint64_t peer_at(const struct model_call *call, const struct io_row *row)
{
    switch (row->what) {
    case IO_CONNECT:
    case IO_ACCEPT:
        return io__arg(call, row->buf);
    case IO_SEND:
    case IO_RECEIVE:
        return io__arg(call, 4);
    case IO_SEND_MSG:
    case IO_RECEIVE_MSG:
        return message_name(call, row);
    default:
        return 0;
    }
}

struct io_address io__peer(const struct model_call *call, const struct io_row *row)
{
    bool out = row->what == IO_ACCEPT || row->what == IO_RECEIVE || row->what == IO_RECEIVE_MSG;
    uint64_t at = peer_at(call, row);
    size_t have = 0;
    const uint8_t *bytes = at ? io__memory(call, out, at, 28, &have) : NULL;

    return address_of(bytes, bytes ? have : 0);
}
