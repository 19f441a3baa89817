/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/nt/process_find.h"

#include <stdio.h>
#include <string.h>

#include "guest/nt/objects.h"

#define PROCESS_FIRST 0x80u /* where in an EPROCESS the two can lie */
#define PROCESS_LAST  0xc00u
#define TOKEN_FIRST   0x40u
#define TOKEN_LAST    0x140u
#define TRIES_MAX     64u
#define IMAGE_MAX     1024u /* bytes of an image's path */
#define COMM_MAX      14u   /* ImageFileName has 15 bytes; older releases end it with a NUL in any case */
#define DENY_ONLY     0x10u /* SE_GROUP_USE_FOR_DENY_ONLY: the only attribute that a user may have */

/* ---- users ---- */

size_t nt_sid__text(const struct nt_sid *sid, char text[NT_SID_TEXT])
{
    int len = snprintf(text, NT_SID_TEXT, "S-1-%u", sid->authority);
    for (unsigned i = 0; i < sid->parts; i++)
        len += snprintf(text + len, NT_SID_TEXT - (size_t)len, "-%u", sid->part[i]);
    return (size_t)len;
}

/* SIDs lie at multiples of four. Their authorities are small numbers: six bytes, the last one first in value. */
static bool read_sid(struct guest_cpu *cpu, uint64_t at, struct nt_sid *sid)
{
    uint8_t head[8];
    static const uint8_t small[5];
    if (at % 4 || !nt_objects__is_kernel(cpu, at & ~(uint64_t)7) || !vm__read_exact(cpu->vm, at, head, sizeof(head)) ||
        head[0] != 1 || head[1] == 0 || head[1] > NT_SID_PARTS || memcmp(head + 2, small, sizeof(small)) != 0)
        return false;
    sid->authority = head[7];
    sid->parts = head[1];
    return vm__read_exact(cpu->vm, at + sizeof(head), sid->part, sid->parts * sizeof(sid->part[0]));
}

/* The first of a token's users and groups, if that is what lies at this offset. */
static bool user_at(struct guest_cpu *cpu, uint64_t token, uint32_t offset, struct nt_sid *sid)
{
    unsigned word = nt_objects__word(cpu);
    uint64_t groups, at;
    uint32_t attributes;
    return nt_objects__read_word(cpu, token + offset, &groups) && nt_objects__is_kernel(cpu, groups) &&
           nt_objects__read_word(cpu, groups, &at) &&
           vm__read_exact(cpu->vm, groups + word, &attributes, sizeof(attributes)) && (attributes & ~DENY_ONLY) == 0 &&
           read_sid(cpu, at, sid);
}

static uint32_t find_groups(struct guest_cpu *cpu, uint64_t token, struct nt_sid *sid)
{
    for (uint32_t at = TOKEN_FIRST; at < TOKEN_LAST; at += nt_objects__word(cpu)) {
        if (user_at(cpu, token, at, sid))
            return at;
    }
    return 0;
}

/* The pointer's lowest bits count references (EX_FAST_REF). */
static uint64_t token_at(struct guest_cpu *cpu, uint64_t process, uint32_t offset)
{
    uint64_t token;
    if (!nt_objects__read_word(cpu, process + offset, &token))
        return 0;
    token &= cpu->guest->nt.is_64 ? ~(uint64_t)15 : ~(uint64_t)7;
    return nt_objects__is_kernel(cpu, token) ? token : 0;
}

static bool is_token(struct guest_cpu *cpu, uint64_t body)
{
    char type[16];
    struct nt_objects *o = &cpu->guest->objects;
    pthread_mutex_lock(&o->lock);
    bool is = nt_objects__type(cpu, body, type, sizeof(type)) && strcmp(type, "Token") == 0;
    pthread_mutex_unlock(&o->lock);
    return is;
}

static bool find_token(struct guest_cpu *cpu, struct nt_process_find *find, uint64_t process, struct nt_sid *sid)
{
    if (find->token_tries++ > TRIES_MAX)
        return false;
    for (uint32_t at = PROCESS_FIRST; at < PROCESS_LAST; at += nt_objects__word(cpu)) {
        uint64_t token = token_at(cpu, process, at);
        uint32_t groups = token && is_token(cpu, token) ? find_groups(cpu, token, sid) : 0;
        if (groups) {
            find->token = at;
            find->groups = groups;
            return true;
        }
    }
    return false;
}

bool nt_process_find__user(struct guest_cpu *cpu, struct nt_process_find *find, uint64_t process, struct nt_sid *sid)
{
    if (!find->token)
        return find_token(cpu, find, process, sid);
    uint64_t token = token_at(cpu, process, find->token);
    return token && user_at(cpu, token, find->groups, sid);
}

/* ---- images ---- */

static bool same_letter(char a, char b)
{
    a = a >= 'A' && a <= 'Z' ? (char)(a | 0x20) : a;
    b = b >= 'A' && b <= 'Z' ? (char)(b | 0x20) : b;
    return a == b;
}

/* Does the path end in this name, as far as ImageFileName has it? */
static bool ends_in(const char *path, size_t len, const char *name)
{
    size_t from = len, n = strnlen(name, 15);
    while (from > 0 && path[from - 1] != '\\')
        from--;
    if (from == 0 || n == 0 || len - from < n || (len - from > n && n < COMM_MAX))
        return false;
    for (size_t i = 0; i < n && i < COMM_MAX; i++) {
        if (!same_letter(path[from + i], name[i]) && (uint8_t)name[i] < 0x80)
            return false;
    }
    return true;
}

/* OBJECT_NAME_INFORMATION: a UNICODE_STRING, and its text right behind it. In front of *p. */
static bool image_at(struct guest_cpu *cpu, uint64_t process, uint32_t offset, const char *name, struct nt_path *p)
{
    unsigned word = nt_objects__word(cpu);
    uint64_t info, buffer;
    p->at = GUEST_PATH_MAX;
    if (!nt_objects__read_word(cpu, process + offset, &info) || !nt_objects__is_kernel(cpu, info) ||
        !nt_objects__read_word(cpu, info + word, &buffer) || buffer != info + 2 * word ||
        !nt_path__prepend_string(cpu, p, info, IMAGE_MAX) || p->at == GUEST_PATH_MAX)
        return false;
    return p->buf[p->at] == '\\' && ends_in(p->buf + p->at, GUEST_PATH_MAX - p->at, name);
}

static bool find_image(struct guest_cpu *cpu, struct nt_process_find *find, uint64_t process, const char *name,
                       struct nt_path *p)
{
    if (find->image)
        return image_at(cpu, process, find->image, name, p);
    if (find->image_tries++ > TRIES_MAX)
        return false;
    for (uint32_t at = PROCESS_FIRST; at < PROCESS_LAST; at += nt_objects__word(cpu)) {
        if (image_at(cpu, process, at, name, p)) {
            find->image = at;
            return true;
        }
    }
    return false;
}

size_t nt_process_find__image(struct guest_cpu *cpu, struct nt_process_find *find, uint64_t process, const char *name,
                              char *path)
{
    char buf[GUEST_PATH_MAX];
    struct nt_path p = {buf, GUEST_PATH_MAX};
    if (!find_image(cpu, find, process, name, &p))
        return 0;
    pthread_mutex_lock(&cpu->guest->objects.lock);
    nt_objects__letter(cpu, &p);
    pthread_mutex_unlock(&cpu->guest->objects.lock);
    size_t len = GUEST_PATH_MAX - p.at;
    memcpy(path, buf + p.at, len);
    return len;
}
