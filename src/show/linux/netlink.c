/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages of netlink (linux/netlink.h): heads, acknowledgements and what is wrong; payloads as bytes. Which family a
 * socket talks to is told by a module of the kernel that most guests lack, so no family's own form is looked at.
 */
#include "show/linux/forms.h"

#define HEAD          16u
#define ATTRIBUTE     4u
#define TYPE_ERROR    2u
#define TYPE_DONE     3u
#define FLAG_CAPPED   0x100u
#define MESSAGES_MAX  1024u
#define ATTRIBUTE_MAX 64u

static uint64_t aligned(uint64_t len)
{
    return (len + 3) & ~3ull;
}

static void bytes_at(const struct where *w, uint64_t addr, uint64_t len)
{
    size_t want = (size_t)MIN(len, w->o->string_limit), have = 0;
    const uint8_t *bytes = want ? print__memory(w, addr, want, &have) : NULL;
    if (want && (!bytes || have < want)) {
        print__address(w->to, addr);
        return;
    }
    TEXT("\"");
    for (size_t i = 0; i < want; i++)
        print__byte(w->to, bytes[i], 0, true);
    TEXT(len > want ? "\"..." : "\"");
}

static void head(const struct where *w, const uint8_t *h)
{
    uint64_t type = form_u16(h + 4);
    OUT("{nlmsg_len=%u, nlmsg_type=", form_u32(h));
    print__enum(w->to, DECODE_SET_netlink_types, type);
    TEXT(", nlmsg_flags=");
    print__flags(w->to, type == TYPE_ERROR ? DECODE_SET_netlink_ack_flags : DECODE_SET_netlink_flags, form_u16(h + 6));
    OUT(", nlmsg_seq=%u, nlmsg_pid=%d}", form_u32(h + 8), (int32_t)form_u32(h + 12));
}

static void error_code(const struct where *w, int32_t code)
{
    const char *name = code < 0 ? decode__errno_name((unsigned)-(int64_t)code) : NULL;
    if (name)
        OUT("-%s", name);
    else
        OUT("%d", code);
}

/* What says more about an error: its text, and where in the request it is. */
static void attribute(const struct where *w, const uint8_t *a, uint64_t addr, uint64_t len)
{
    uint64_t type = form_u16(a + 2) & 0x3fff;
    size_t have = 0, n = (size_t)MIN(len - ATTRIBUTE, 4096);
    const uint8_t *b = n ? print__memory(w, addr + ATTRIBUTE, n, &have) : NULL;
    OUT("[{nla_len=%u, nla_type=", (unsigned)form_u16(a));
    print__enum(w->to, DECODE_SET_netlink_error_attributes, type);
    TEXT("}, ");
    if (!b || have < n)
        print__address(w->to, addr + ATTRIBUTE);
    else if (type == 1)
        print__string(w->to, w->o, b, MIN(strnlen((const char *)b, n), w->o->string_limit),
                      strnlen((const char *)b, n) > w->o->string_limit);
    else if (type == 2 && n >= 4)
        OUT("%u", form_u32(b));
    else
        bytes_at(w, addr + ATTRIBUTE, n);
    TEXT("]");
}

static void attributes(const struct where *w, uint64_t addr, uint64_t len)
{
    bool several = false;
    for (unsigned i = 0; i < ATTRIBUTE_MAX; i++) {
        const uint8_t *a = len >= ATTRIBUTE ? print__whole(w, addr, ATTRIBUTE) : NULL;
        uint64_t own = a ? form_u16(a) : 0;
        if (own < ATTRIBUTE || own > len) {
            bytes_at(w, addr, len);
            break;
        }
        bool more = aligned(own) < len;
        if (more && i == 0) {
            TEXT("[");
            several = true;
        }
        attribute(w, a, addr, own);
        if (!more)
            break;
        TEXT(", ");
        addr += aligned(own);
        len -= aligned(own);
    }
    TEXT(several ? "]" : "");
}

static void message(const struct where *w, const uint8_t *h, uint64_t addr, uint64_t len);

static void failure(const struct where *w, uint64_t addr, uint64_t len, bool capped)
{
    const uint8_t *e = len >= 4 + HEAD ? print__whole(w, addr, 4 + HEAD) : NULL;
    if (!e) {
        bytes_at(w, addr, len);
        return;
    }
    len -= 4;
    uint64_t own = MIN(len, capped ? HEAD : MAX(HEAD, form_u32(e + 4)));
    TEXT(len > own ? "[{error=" : "{error=");
    error_code(w, (int32_t)form_u32(e));
    TEXT(", msg=");
    message(w, e + 4, addr + 4, own);
    TEXT("}");
    if (len > own) {
        TEXT(", ");
        attributes(w, addr + 4 + own, len - own);
        TEXT("]");
    }
}

/* One message whose head is at hand; a message within an error's is no error's itself. */
static void message(const struct where *w, const uint8_t *h, uint64_t addr, uint64_t len)
{
    uint64_t own = MIN(form_u32(h), len), type = form_u16(h + 4);
    struct where inner = *w;
    inner.depth++;
    if (own <= HEAD) {
        head(w, h);
        return;
    }
    TEXT("[");
    head(w, h);
    TEXT(", ");
    const uint8_t *number =
        type == TYPE_DONE && own == HEAD + 4 ? print__whole(w, addr + HEAD, sizeof(uint32_t)) : NULL;
    if (type == TYPE_ERROR && w->depth < 4)
        failure(&inner, addr + HEAD, own - HEAD, (form_u16(h + 6) & FLAG_CAPPED) != 0);
    else if (number)
        OUT("%d", (int32_t)form_u32(number));
    else
        bytes_at(w, addr + HEAD, own - HEAD);
    TEXT("]");
}

void form__netlink(const struct where *w, uint64_t addr, uint64_t len)
{
    bool several = false;
    for (unsigned i = 0; i < MESSAGES_MAX; i++) {
        if (len < HEAD) {
            bytes_at(w, addr, len);
            break;
        }
        const uint8_t *h = print__whole(w, addr, HEAD);
        if (!h && several)
            OUT("... /* %#" PRIx64 " */", addr);
        else if (!h)
            print__address(w->to, addr);
        if (!h)
            break;
        if (!w->o->verbose && i == w->o->string_limit) {
            TEXT("...");
            break;
        }
        uint64_t own = aligned(form_u32(h));
        bool more = form_u32(h) >= HEAD && own < len;
        if (more && !several) {
            TEXT("[");
            several = true;
        }
        message(w, h, addr, len);
        if (!more)
            break;
        TEXT(", ");
        addr += own;
        len -= own;
    }
    TEXT(several ? "]" : "");
}
