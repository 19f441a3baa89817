/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What requests of ioctl point at, where it changes or is a list. */
#include "show/linux/forms.h"

#define LIST_SHOWN 64u

static bool returned(const struct where *w)
{
    return w->call->ret && (w->call->ret->flags & QBK_RETURN_HAS_RESULT) && !print__failed(w->call);
}

/* ---- FIDEDUPERANGE (linux/fs.h): a head of 24 bytes, then a target in 32 each ---- */

#define DEDUPE_HEAD 24u
#define DEDUPE_EACH 32u

static void dedupe_targets(const struct where *w, uint64_t n)
{
    uint64_t most = w->o->verbose ? LIST_SHOWN : 2;
    TEXT("[");
    for (uint64_t i = 0; i < n; i++) {
        uint64_t at = w->value + DEDUPE_HEAD + i * DEDUPE_EACH;
        const uint8_t *b = print__whole(w, at, DEDUPE_EACH);
        TEXT(i ? ", " : "");
        if (i >= most) {
            TEXT("...");
            break;
        }
        if (!b) {
            OUT("... /* %#" PRIx64 " */", at);
            break;
        }
        if (w->after) {
            OUT("{bytes_deduped=%" PRIu64 ", status=%d}", form_u64(b + 16), (int32_t)form_u32(b + 24));
        } else {
            TEXT("{dest_fd=");
            print__descriptor(w, (int32_t)form_u32(b));
            OUT(", dest_offset=%" PRIu64 "}", form_u64(b + 8));
        }
    }
    TEXT("]");
}

FORM_POINTER(dedupe_range)
{
    struct where at = *w;
    at.after = false;
    const uint8_t *b = print__whole(&at, w->value, DEDUPE_HEAD);
    if (!b) {
        print__address(w->to, w->value);
        return;
    }
    uint64_t n = form_u16(b + 16);
    OUT("{src_offset=%" PRIu64 ", src_length=%" PRIu64 ", dest_count=%u, info=", form_u64(b), form_u64(b + 8),
        (unsigned)n);
    dedupe_targets(&at, n);
    TEXT("}");
    if (!returned(w))
        return;
    at.after = true;
    TEXT(" => {info=");
    dedupe_targets(&at, n);
    TEXT("}");
}

/* ---- FS_IOC_FIEMAP (linux/fiemap.h): a head of 32 bytes, then an extent in 56 each ---- */

#define FIEMAP_HEAD 32u
#define FIEMAP_EACH 56u

static void extents(const struct where *w, uint64_t n)
{
    TEXT("[");
    for (uint64_t i = 0; i < n; i++) {
        const uint8_t *b = print__whole(w, w->value + FIEMAP_HEAD + i * FIEMAP_EACH, FIEMAP_EACH);
        TEXT(i ? ", " : "");
        if (!b || i >= LIST_SHOWN) {
            TEXT("...");
            break;
        }
        OUT("{fe_logical=%" PRIu64 ", fe_physical=%" PRIu64 ", fe_length=%" PRIu64 ", fe_flags=", form_u64(b),
            form_u64(b + 8), form_u64(b + 16));
        print__flags(w->to, DECODE_SET_fiemap_extent_flags, form_u32(b + 40));
        TEXT("}");
    }
    TEXT("]");
}

FORM_POINTER(fiemap)
{
    struct where at = *w;
    at.after = false;
    const uint8_t *b = print__whole(&at, w->value, FIEMAP_HEAD);
    if (!b) {
        print__address(w->to, w->value);
        return;
    }
    OUT("{fm_start=%" PRIu64 ", fm_length=%" PRIu64 ", fm_flags=", form_u64(b), form_u64(b + 8));
    print__flags(w->to, DECODE_SET_fiemap_flags, form_u32(b + 16));
    OUT(", fm_extent_count=%u}", form_u32(b + 24));
    at.after = true;
    b = returned(w) ? print__whole(&at, w->value, FIEMAP_HEAD) : NULL;
    if (!b)
        return;
    TEXT(" => {fm_flags=");
    print__flags(w->to, DECODE_SET_fiemap_flags, form_u32(b + 16));
    OUT(", fm_mapped_extents=%u, ", form_u32(b + 20));
    if (w->o->verbose) {
        TEXT("fm_extents=");
        extents(&at, form_u32(b + 20));
        TEXT("}");
    } else {
        TEXT("...}");
    }
}

FORM_STRUCT(fslabel)
{
    size_t len = strnlen((const char *)bytes, have);
    print__string(w->to, w->o, bytes, len, len == have);
}

/* ---- SIOCGIFCONF: how many interfaces there are, or which ---- */

static void interface_room(const struct where *w, int32_t len)
{
    int32_t each = print__word(w) == 8 ? 40 : 32;
    OUT("%d", len);
    if (len > 0 && len % each == 0)
        OUT(" /* %d * sizeof(struct ifreq) */", len / each);
}

static void interfaces(const struct where *w, uint64_t addr, int32_t len)
{
    uint32_t each = print__word(w) == 8 ? 40 : 32, n = len > 0 ? (uint32_t)len / each : 0;
    TEXT("[");
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *b = print__whole(w, addr + (uint64_t)i * each, each);
        TEXT(i ? ", " : "");
        if (!b || (i >= w->o->string_limit && !w->o->verbose)) {
            TEXT("...");
            break;
        }
        TEXT("{ifr_name=");
        print__string(w->to, w->o, b, strnlen((const char *)b, 16), false);
        TEXT(", ifr_addr=");
        form__sockaddr_bytes(w, b + 16, 16);
        TEXT("}");
    }
    TEXT("]");
}

FORM_POINTER(ifconf)
{
    unsigned word = print__word(w);
    struct where at = *w;
    at.after = false;
    const uint8_t *before = print__whole(&at, w->value, 2 * word);
    if (!before) {
        print__address(w->to, w->value);
        return;
    }
    int32_t room = (int32_t)form_u32(before);
    uint64_t buffer = print__load(before + word, word);
    at.after = true;
    const uint8_t *after = print__written(&at, w->value, 2 * word);
    int32_t len = after ? (int32_t)form_u32(after) : room;
    TEXT("{ifc_len=");
    if (buffer)
        interface_room(w, room);
    if (buffer && len != room)
        TEXT(" => ");
    if (!buffer || len != room)
        interface_room(w, len);
    TEXT(", ifc_buf=");
    if (buffer && returned(w))
        interfaces(&at, buffer, len);
    else
        print__address(w->to, buffer);
    TEXT("}");
}
