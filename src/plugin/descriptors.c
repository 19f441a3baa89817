/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of the descriptors that a call is given: as arguments, and in the arrays and sets that arguments point at; and
 * the working directory where a path begins there. */
#include <string.h>
#include <sys/socket.h>

#include "decode/decode.h"
#include "decode/linux/structs.h"
#include "guest/linux/linux.h"
#include "plugin/plugin.h"

#define FD_CWD     (-100) /* AT_FDCWD */
#define NAME_ROOM  (sizeof(struct qbk_snippet) + GUEST_PATH_MAX + 8)
#define ARRAY_ROOM 32768u /* for all names that arrays and sets bring */
#define SEEN_MAX   1024   /* descriptors above are named once for each place */

struct naming {
    struct guest_cpu *cpu;
    struct snippet_writer *to;
    uint64_t seen[SEEN_MAX / 64];
};

bool descriptors__is(const struct decode_arg *arg)
{
    return arg->type == T_FD || arg->type == T_DIRFD || arg->type == T_FAN_DFD;
}

bool descriptors__taken(const struct decode_service *service)
{
    for (unsigned i = 0; service && i < service->nargs; i++) {
        if (descriptors__is(&service->arg[i]))
            return true;
    }
    return false;
}

static bool is_path(const struct decode_arg *arg)
{
    return arg->type == T_PATH && (arg->dir & DIR_IN);
}

/* Has it paths with no descriptor beside them that says where they begin? */
static bool begins_here(const struct decode_service *service)
{
    bool path = false;
    for (unsigned i = 0; i < service->nargs; i++) {
        if (service->arg[i].type == T_DIRFD || service->arg[i].type == T_FAN_DFD)
            return false;
        path |= is_path(&service->arg[i]);
    }
    return path;
}

/* The offset of the descriptor in each of the structs that an argument points at; -1: there is none. */
static int offset_in(enum qbk_abi abi, const struct decode_arg *arg)
{
    const struct decode_struct *each = arg->type == T_STRUCT ? decode__struct(abi, arg->set) : NULL;
    for (unsigned k = 0; each && each->size && (arg->dir & DIR_IN) && k < each->nfields; k++) {
        if (each->field[k].arg.type == T_FD && each->field[k].size == 4)
            return each->field[k].offset;
    }
    return -1;
}

/* Plain numbers, one after another. */
static bool is_array(const struct decode_arg *arg)
{
    return arg->type == T_FDP && (arg->dir & DIR_IN);
}

static bool is_set(const struct decode_arg *arg)
{
    return arg->type == T_STRUCT && arg->set == DECODE_STRUCT_fd_set;
}

static bool is_message(const struct decode_arg *arg)
{
    return arg->type == T_STRUCT && (arg->set == DECODE_STRUCT_msghdr_in || arg->set == DECODE_STRUCT_mmsghdr_in);
}

size_t descriptors__room(const struct guest *guest, enum qbk_abi abi, const struct decode_service *service)
{
    size_t room = 0, arrays = 0;
    if (!service || !(guest->settings.flags & LINK_FD_NAMES))
        return 0;
    for (unsigned i = 0; i < service->nargs; i++) {
        if (descriptors__is(&service->arg[i]))
            room += NAME_ROOM;
        else if (is_array(&service->arg[i]) || is_set(&service->arg[i]) || is_message(&service->arg[i]) ||
                 offset_in(abi, &service->arg[i]) >= 0)
            arrays = ARRAY_ROOM;
    }
    if (begins_here(service))
        room += NAME_ROOM;
    return room + arrays;
}

static void name(struct naming *n, int32_t fd, bool directory, unsigned arg)
{
    const struct guest_thread *t = guest__of(n->cpu->thread);
    char *path = (char *)n->cpu->scratch;
    size_t len = 0;
    if (fd >= 0 && fd < SEEN_MAX) {
        if (n->seen[fd / 64] >> (fd % 64) & 1)
            return;
        n->seen[fd / 64] |= 1ull << (fd % 64);
    }
    if (fd >= 0)
        len = linux__fd_path(n->cpu, t, (uint32_t)fd, path, GUEST_PATH_MAX);
    else if (fd == FD_CWD && directory)
        len = linux__cwd_path(n->cpu, t, path, GUEST_PATH_MAX);
    if (len)
        capture__bytes(n->to, fd >= 0 ? QBK_SNIP_FD : QBK_SNIP_CWD, fd >= 0 ? (uint64_t)fd : 0, arg, path, len);
}

static void in_array(struct naming *n, enum qbk_abi abi, const struct decode_arg *arg, const struct qbk_snippet *s)
{
    const uint8_t *bytes = (const uint8_t *)(s + 1);
    const struct decode_struct *each = decode__struct(abi, arg->set);
    int offset = offset_in(abi, arg);
    int32_t fd;
    for (size_t at = 0; offset >= 0 && at + each->size <= s->have; at += each->size) {
        memcpy(&fd, bytes + at + offset, sizeof(fd));
        name(n, fd, false, s->arg);
    }
}

static void in_numbers(struct naming *n, const struct qbk_snippet *s)
{
    const uint8_t *bytes = (const uint8_t *)(s + 1);
    int32_t fd;
    for (size_t at = 0; at + sizeof(fd) <= s->have; at += sizeof(fd)) {
        memcpy(&fd, bytes + at, sizeof(fd));
        name(n, fd, false, s->arg);
    }
}

static void in_set(struct naming *n, const struct qbk_snippet *s)
{
    const uint8_t *bytes = (const uint8_t *)(s + 1);
    for (int32_t fd = 0; (uint32_t)fd / 8 < s->have && fd < SEEN_MAX; fd++) {
        if (bytes[fd / 8] >> (fd % 8) & 1)
            name(n, fd, false, s->arg);
    }
}

/* Descriptors that are passed on, in the control data of a message (SCM_RIGHTS). What else a message leads to is looked
 * at too: the records do not say which piece is which. At worst a name too many is told. */
static void in_control(struct naming *n, unsigned word, const struct qbk_snippet *s)
{
    const uint8_t *bytes = (const uint8_t *)(s + 1);
    size_t head = word + 8, at = 0;
    while (s->have >= head && at <= s->have - head) {
        uint64_t len = 0;
        uint32_t level, type;
        memcpy(&len, bytes + at, word);
        memcpy(&level, bytes + at + word, 4);
        memcpy(&type, bytes + at + word + 4, 4);
        if (len < head || len > s->have - at)
            return;
        for (size_t k = at + head; level == SOL_SOCKET && type == SCM_RIGHTS && k + 4 <= at + len; k += 4) {
            int32_t fd;
            memcpy(&fd, bytes + k, sizeof(fd));
            name(n, fd, false, s->arg);
        }
        at += (size_t)((len + word - 1) & ~(uint64_t)(word - 1));
    }
}

/* Where argument i points, as it was captured; 0: nothing was. */
static char first_byte(const uint8_t *captured, const uint8_t *end, unsigned i)
{
    while (captured < end) {
        const struct qbk_snippet *s = (const void *)captured;
        if (s->kind == QBK_SNIP_MEM && s->arg == i && s->level == 0)
            return s->have ? *(const char *)(s + 1) : 0;
        captured += sizeof(*s) + ((s->have + 7) & ~(size_t)7);
    }
    return 0;
}

/* A path that cannot be read yet may turn out to be relative. */
static bool is_relative(const struct decode_service *service, const uint64_t *args, const uint8_t *captured,
                        const uint8_t *end)
{
    for (unsigned i = 0; i < service->nargs; i++) {
        if (is_path(&service->arg[i]) && args[i] && first_byte(captured, end, i) != '/')
            return true;
    }
    return false;
}

void descriptors__write(struct guest_cpu *cpu, enum qbk_abi abi, const struct decode_service *service,
                        const uint64_t *args, const uint8_t *captured, struct snippet_writer *w)
{
    struct naming n = {.cpu = cpu, .to = w};
    const uint8_t *end = w->at;
    for (unsigned i = 0; i < service->nargs; i++) {
        if (descriptors__is(&service->arg[i]))
            name(&n, (int32_t)args[i], service->arg[i].type != T_FD, i);
    }
    if (begins_here(service) && is_relative(service, args, captured, end))
        name(&n, FD_CWD, true, 0xff);
    while (captured < end) {
        const struct qbk_snippet *s = (const void *)captured;
        captured += sizeof(*s) + ((s->have + 7) & ~(size_t)7);
        if (s->kind != QBK_SNIP_MEM || s->arg >= service->nargs)
            continue;
        if (is_message(&service->arg[s->arg])) {
            if (s->level == 1)
                in_control(&n, decode__word(abi), s);
            continue;
        }
        if (s->level != 0)
            continue;
        if (is_set(&service->arg[s->arg]))
            in_set(&n, s);
        else if (is_array(&service->arg[s->arg]))
            in_numbers(&n, s);
        else
            in_array(&n, abi, &service->arg[s->arg], s);
    }
}
