/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Status of files and file systems, directory entries, times of files. */
#include <sys/stat.h>
#include <time.h>

#include "show/linux/forms.h"

void form__date(const struct where *w, int64_t sec, uint64_t nsec)
{
    time_t t = (time_t)sec;
    struct tm tm;
    char text[64], zone[8];
    if ((sec == 0 && nsec == 0) || nsec > 999999999 || !localtime_r(&t, &tm))
        return;
    strftime(text, sizeof(text), "%FT%T", &tm);
    strftime(zone, sizeof(zone), "%z", &tm);
    if (nsec)
        OUT(" /* %s.%09u%s */", text, (unsigned)nsec, zone);
    else
        OUT(" /* %s%s */", text, zone);
}

FORM_ARGS(time)
{
    struct where at = *w;
    const uint8_t *bytes;
    (void)entry;
    at.after = true;
    at.value = w->call->enter->args[0];
    bytes = exit && at.value ? print__whole(&at, at.value, print__word(w)) : NULL;
    if (bytes) {
        int64_t sec = print__word(w) == 8 ? (int64_t)form_u64(bytes) : (int32_t)form_u32(bytes);
        OUT("[%" PRId64, sec);
        form__date(w, sec, 0);
        TEXT("]");
    } else if (exit) {
        print__address(w->to, at.value);
    }
}

FORM_RESULT(time_result)
{
    g_autoptr(GString) date = g_string_new(NULL);
    struct where aside = *w;
    aside.to = date;
    form__date(&aside, (int64_t)w->value, 0);
    if (date->len > 7)
        g_string_append_len(w->to, date->str + 4, (gssize)date->len - 7);
}

/* ---- stat: offset and size of each field, 0 where the ABI's struct lacks it ---- */
struct place {
    uint8_t at, size;
};
enum stat_time { ATIME, MTIME, CTIME, STAT_TIMES };
struct stat_layout {
    struct place dev, ino, mode, nlink, uid, gid, rdev, size, blksize, blocks;
    struct place time[STAT_TIMES], nsec[STAT_TIMES];
};

static const struct stat_layout layout_x86_64 = {{0, 8},
                                                 {8, 8},
                                                 {24, 4},
                                                 {16, 8},
                                                 {28, 4},
                                                 {32, 4},
                                                 {40, 8},
                                                 {48, 8},
                                                 {56, 8},
                                                 {64, 8},
                                                 {{72, 8}, {88, 8}, {104, 8}},
                                                 {{80, 8}, {96, 8}, {112, 8}}};
static const struct stat_layout layout_i386 = {{0, 4},
                                               {4, 4},
                                               {8, 2},
                                               {10, 2},
                                               {12, 2},
                                               {14, 2},
                                               {16, 4},
                                               {20, 4},
                                               {24, 4},
                                               {28, 4},
                                               {{32, 4}, {40, 4}, {48, 4}},
                                               {{36, 4}, {44, 4}, {52, 4}}};
static const struct stat_layout layout_i386_64 = {{0, 8},
                                                  {88, 8},
                                                  {16, 4},
                                                  {20, 4},
                                                  {24, 4},
                                                  {28, 4},
                                                  {32, 8},
                                                  {44, 8},
                                                  {52, 4},
                                                  {56, 8},
                                                  {{64, 4}, {72, 4}, {80, 4}},
                                                  {{68, 4}, {76, 4}, {84, 4}}};
static const struct stat_layout layout_old = {
    {0, 2},  {2, 2}, {4, 2}, {6, 2}, {8, 2}, {10, 2}, {12, 2}, {16, 4}, {0, 0}, {0, 0}, {{20, 4}, {24, 4}, {28, 4}},
    {{0, 0}}};

static uint64_t get(const uint8_t *bytes, struct place p)
{
    return print__load(bytes + p.at, p.size);
}

static void stat_numbers(const struct where *w, const uint8_t *bytes, const struct stat_layout *l)
{
    OUT(", st_nlink=%" PRIu64 ", st_uid=", get(bytes, l->nlink));
    print__id(w->to, (uint32_t)get(bytes, l->uid));
    TEXT(", st_gid=");
    print__id(w->to, (uint32_t)get(bytes, l->gid));
    if (l->blksize.size)
        OUT(", st_blksize=%" PRIu64, get(bytes, l->blksize));
    if (l->blocks.size)
        OUT(", st_blocks=%" PRIu64, get(bytes, l->blocks));
}

static void stat_times(const struct where *w, const uint8_t *bytes, const struct stat_layout *l)
{
    static const char *const names[] = {"st_atime", "st_mtime", "st_ctime"};
    for (unsigned i = 0; i < STAT_TIMES; i++) {
        int64_t sec = l->time[i].size == 4 ? (int32_t)get(bytes, l->time[i]) : (int64_t)get(bytes, l->time[i]);
        uint64_t nsec = get(bytes, l->nsec[i]);
        OUT(", %s=%" PRId64, names[i], sec);
        form__date(w, sec, nsec);
        if (l->nsec[i].size)
            OUT(", %s_nsec=%" PRIu64, names[i], nsec);
    }
}

static void show_stat(const struct where *w, const uint8_t *bytes, const struct stat_layout *l)
{
    uint32_t mode = (uint32_t)get(bytes, l->mode);
    TEXT("{");
    if (w->o->verbose) {
        TEXT("st_dev=");
        print__dev(w->to, get(bytes, l->dev));
        OUT(", st_ino=%" PRIu64 ", ", get(bytes, l->ino));
    }
    TEXT("st_mode=");
    print__mode(w->to, mode, 1);
    if (w->o->verbose)
        stat_numbers(w, bytes, l);
    if (S_ISCHR(mode) || S_ISBLK(mode)) {
        TEXT(", st_rdev=");
        print__dev(w->to, get(bytes, l->rdev));
    } else {
        OUT(", st_size=%" PRIu64, get(bytes, l->size));
    }
    if (w->o->verbose)
        stat_times(w, bytes, l);
    else
        TEXT(", ...");
    TEXT("}");
}

FORM_STRUCT(stat)
{
    UNUSED_HAVE;
    show_stat(w, bytes, print__word(w) == 8 ? &layout_x86_64 : &layout_i386);
}

FORM_STRUCT(stat64)
{
    UNUSED_HAVE;
    show_stat(w, bytes, print__word(w) == 8 ? &layout_x86_64 : &layout_i386_64);
}

FORM_STRUCT(old_stat)
{
    UNUSED_HAVE;
    show_stat(w, bytes, &layout_old);
}

/* What stx_mask must have for a field to mean something (linux/stat.h); 0: it always does. */
static const struct {
    const char *name;
    uint32_t mask;
} statx_needs[] = {{"stx_nlink", 4},
                   {"stx_uid", 8},
                   {"stx_gid", 0x10},
                   {"stx_mode", 3},
                   {"stx_ino", 0x100},
                   {"stx_size", 0x200},
                   {"stx_blocks", 0x400},
                   {"stx_atime", 0x20},
                   {"stx_btime", 0x800},
                   {"stx_ctime", 0x80},
                   {"stx_mtime", 0x40},
                   {"stx_mnt_id", 0x1000},
                   {"stx_dio_mem_align", 0x2000},
                   {"stx_dio_offset_align", 0x2000}};

static bool has_field(uint32_t mask, const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(statx_needs); i++) {
        if (strcmp(statx_needs[i].name, name) == 0)
            return (mask & statx_needs[i].mask) != 0;
    }
    return true;
}

FORM_STRUCT(statx)
{
    const struct decode_struct *s = decode__struct((enum qbk_abi)w->call->abi, DECODE_STRUCT_statx);
    const char *separator = "{";
    UNUSED_HAVE;
    for (unsigned i = 0; i < s->nfields; i++) {
        if (!has_field(form_u32(bytes), s->field[i].arg.name) ||
            ((s->field[i].flags & FIELD_VERBOSE) && !w->o->verbose))
            continue;
        TEXT(separator);
        print__field(w, s, &s->field[i], bytes);
        separator = ", ";
    }
    TEXT(w->o->verbose ? "}" : ", ...}");
}

FORM_STRUCT(statx_timestamp)
{
    UNUSED_HAVE;
    OUT("{tv_sec=%" PRId64 ", tv_nsec=%u}", (int64_t)form_u64(bytes), form_u32(bytes + 8));
    form__date(w, (int64_t)form_u64(bytes), form_u32(bytes + 8));
}

/* ---- statfs ---- */

/* Words: type bsize blocks bfree bavail files ffree fsid(2 ints) namelen frsize flags; `n` bytes each, counts of `c`.
 */
static void show_statfs(const struct where *w, const uint8_t *bytes, unsigned n, unsigned c)
{
    static const char *const counts[] = {"f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree"};
    const uint8_t *at = bytes + 2 * n;
    TEXT("{f_type=");
    print__enum(w->to, DECODE_SET_fs_magic, print__load(bytes, 4));
    OUT(", f_bsize=%" PRIu64, print__load(bytes + n, n));
    for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++, at += c)
        OUT(", %s=%" PRIu64, counts[i], print__load(at, c));
    OUT(", f_fsid={val=[%#x, %#x]}", form_u32(at), form_u32(at + 4));
    at += 8;
    OUT(", f_namelen=%" PRIu64, print__load(at, n));
    OUT(", f_frsize=%" PRIu64, print__load(at + n, n));
    TEXT(", f_flags=");
    print__flags(w->to, DECODE_SET_statfs_flags, print__load(at + 2 * n, n));
    TEXT("}");
}

FORM_STRUCT(statfs)
{
    UNUSED_HAVE;
    show_statfs(w, bytes, print__word(w), print__word(w));
}

FORM_STRUCT(statfs64)
{
    UNUSED_HAVE;
    show_statfs(w, bytes, print__word(w), 8);
}

/* ---- directory entries ---- */

static const char *entry_type(unsigned type)
{
    static const char *const names[] = {
        [0] = "DT_UNKNOWN", [1] = "DT_FIFO", [2] = "DT_CHR",   [4] = "DT_DIR", [6] = "DT_BLK",
        [8] = "DT_REG",     [10] = "DT_LNK", [12] = "DT_SOCK", [14] = "DT_WHT"};
    return type < G_N_ELEMENTS(names) ? names[type] : NULL;
}

static void entry(const struct where *w, const uint8_t *at, size_t len, unsigned word, bool has_type)
{
    size_t name = 2 * word + 2 + (has_type ? 1 : 0);
    unsigned type = has_type ? at[2 * word + 2] : at[len - 1];
    size_t room = len - name - (has_type ? 0 : 1);
    OUT("{d_ino=%" PRIu64 ", d_off=%" PRId64 ", d_reclen=%zu", print__load(at, word),
        (int64_t)print__load(at + word, word), len);
    if (has_type)
        OUT(", d_type=%s", entry_type(type) ? entry_type(type) : "DT_???");
    TEXT(", d_name=");
    print__string(w->to, w->o, at + name, strnlen((const char *)at + name, room), false);
    if (!has_type)
        OUT(", d_type=%s", entry_type(type) ? entry_type(type) : "DT_???");
    TEXT("}");
}

/* Entries follow one another, each with its length at `word` * 2. Without -v only their number is told. */
static void entries(const struct where *w, unsigned word, bool has_type)
{
    uint64_t len = print__length(w), at = 0, least = 2 * word + 4, n = 0;
    size_t have = 0;
    const uint8_t *bytes = len ? print__memory(w, w->value, (size_t)len, &have) : NULL;
    bool call_failed = print__failed(w->call) || !w->call->ret;
    if (call_failed || (len && !bytes)) {
        print__address(w->to, w->value);
        return;
    }
    if (w->o->verbose)
        TEXT("[");
    for (; at + least <= have; n++) {
        uint64_t next = form_u16(bytes + at + 2 * word);
        if (next < least || next > have - at)
            break;
        if (w->o->verbose) {
            TEXT(n ? ", " : "");
            entry(w, bytes + at, (size_t)next, word, has_type);
        }
        at += next;
    }
    if (w->o->verbose)
        TEXT(at < len ? ", ...]" : "]");
    else
        OUT("%#" PRIx64 " /* %" PRIu64 " entr%s */", w->value, n, n == 1 ? "y" : "ies");
}

FORM_POINTER(dirent)
{
    entries(w, print__word(w), false);
}

FORM_POINTER(dirent64)
{
    entries(w, 8, true);
}

/* ---- handles ---- */

#define HANDLE_MAX 128u
#define EOVERFLOW_ 75u

static void handle_rest(const struct where *w, uint32_t n)
{
    const uint8_t *type = print__whole(w, w->value + 4, 4), *handle = print__whole(w, w->value + 8, MIN(n, HANDLE_MAX));
    OUT(", handle_type=%d, f_handle=", type ? (int32_t)form_u32(type) : 0);
    if (!handle && n) {
        TEXT("???");
        return;
    }
    TEXT("\"");
    for (uint32_t i = 0; i < MIN(n, HANDLE_MAX); i++)
        OUT("\\x%02x", handle[i]);
    TEXT(n > HANDLE_MAX ? "\"..." : "\"");
}

FORM_POINTER(file_handle)
{
    struct where before = *w, after = *w;
    uint32_t code = 0;
    before.after = false;
    after.after = true;
    const uint8_t *in = print__whole(&before, w->value, 4), *out = w->after ? print__whole(&after, w->value, 4) : NULL;
    bool failed = w->call->ret && decode__is_error((enum qbk_abi)w->call->abi, w->call->ret->result, &code);
    if (failed && code == EOVERFLOW_) /* it tells how much room it wants */
        out = print__written(w, w->value, 4);
    if (!in) {
        print__address(w->to, w->value);
        return;
    }
    OUT("{handle_bytes=%u", form_u32(in));
    if (out && form_u32(out) != form_u32(in))
        OUT(" => %u", form_u32(out));
    if (!w->after)
        handle_rest(&before, form_u32(in));
    else if (out && !failed)
        handle_rest(&after, form_u32(out));
    TEXT("}");
}

FORM_STRUCT(open_how)
{
    uint64_t flags = have >= 8 ? form_u64(bytes) : 0, mode = have >= 16 ? form_u64(bytes + 8) : 0;
    TEXT("{flags=");
    print__flags(w->to, DECODE_SET_open_flags, flags);
    if (mode || (flags & 0100) || (flags & 020200000) == 020200000) {
        TEXT(", mode=");
        OUT("%#03o", (unsigned)mode & 0xffff);
    }
    TEXT(", resolve=");
    print__flags(w->to, DECODE_SET_open_how_resolve, have >= 24 ? form_u64(bytes + 16) : 0);
    TEXT("}");
}

/* ---- times of files ---- */

FORM_STRUCT(utimbuf)
{
    unsigned n = print__word(w);
    UNUSED_HAVE;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t raw = print__load(bytes + i * n, n);
        int64_t sec = n == 4 ? (int32_t)raw : (int64_t)raw;
        OUT("%s=%" PRId64, i ? ", modtime" : "{actime", sec);
        form__date(w, sec, 0);
    }
    TEXT("}");
}

static void file_time(const struct where *w, const uint8_t *at, unsigned n, bool micro)
{
    uint64_t sub = print__load(at + n, n);
    int64_t sec = n == 4 ? (int32_t)print__load(at, n) : (int64_t)print__load(at, n);
    if (!micro && (sub == 0x3fffffff || sub == 0x3ffffffe)) {
        TEXT(sub == 0x3fffffff ? "UTIME_NOW" : "UTIME_OMIT");
        return;
    }
    OUT("{tv_sec=%" PRId64 ", tv_%csec=%" PRIu64 "}", sec, micro ? 'u' : 'n', sub);
    form__date(w, sec, micro ? sub * 1000 : sub);
}

static void file_times(const struct where *w, unsigned n, bool micro)
{
    const uint8_t *bytes = w->value ? print__whole(w, w->value, 4 * n) : NULL;
    if (!bytes) {
        print__address(w->to, w->value);
        return;
    }
    TEXT("[");
    file_time(w, bytes, n, micro);
    TEXT(", ");
    file_time(w, bytes + 2 * n, n, micro);
    TEXT("]");
}

FORM_POINTER(timespec_file)
{
    file_times(w, print__word(w), false);
}

FORM_POINTER(timespec64_file)
{
    file_times(w, 8, false);
}

FORM_POINTER(timeval_file)
{
    file_times(w, print__word(w), true);
}
