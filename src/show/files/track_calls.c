/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What calls do to files. */
#include <string.h>

#include "decode/decode.h"
#include "show/files/track_internal.h"

#define COPY_BITE 65536u

/* Of Linux on x86: include/uapi/asm-generic/fcntl.h, mman.h; arch/x86/include/uapi/asm/mman.h */
#define O_ACCESS      00000003u
#define O_CREATE      00000100u
#define O_EXCLUSIVE   00000200u
#define O_TRUNCATE    00001000u
#define O_APPENDING   00002000u
#define PROT_WRITABLE 0x2u
#define MAP_IS_SHARED 0x1u
#define F_SET_FLAGS   4u
#define KEEP_SIZE     0x1u /* FALLOC_FL_KEEP_SIZE; with any other flag bytes change their places or their values */

/* The path at argument `path` below what argument `dir` is, or the working directory (IO_NO_ARG), without "." and ".."
 * as they read. NULL: not known. */
static char *whole_path(const struct model_call *call, unsigned dir, unsigned path)
{
    g_autofree char *given = io__path(call, path), *base = NULL;

    if (!given || !*given)
        return NULL;
    if (given[0] == '/')
        return g_canonicalize_filename(given, "/");
    base = dir != IO_NO_ARG ? io__name(call, dir) : io__cwd(call);
    return base && base[0] == '/' ? g_canonicalize_filename(given, base) : NULL;
}

/* The file of an object that the call writes to, followed from here on. */
static struct tracked *written_file(struct doing *d, const struct qbk_object *o)
{
    const struct file_key key = {o->dev_major, o->dev_minor, o->inode};
    struct tracked *file = track__find(d->track, o);

    if (!file)
        file = track__follow(d->track, &key, false, d->error, &d->status);
    g_queue_unlink(&d->track->order, &file->link);
    g_queue_push_tail_link(&d->track->order, &file->link);
    track__who(d->track, &file->writer, d->event);
    file->changed = file->written = true;
    return file;
}

static const struct qbk_object *object_at(const struct doing *d, int64_t fd)
{
    return fds__of(d->track->fds, d->event->thread->number, fd);
}

/* ---- calls ---- */

static uint32_t open_flags(const struct doing *d)
{
    size_t have = 0;
    const uint8_t *how;
    uint32_t flags = 0;

    if (strcmp(d->row->name, "creat") == 0)
        return O_CREATE | O_TRUNCATE | 1u;
    if (strcmp(d->row->name, "openat2") == 0) { /* struct open_how begins with 64 bits of flags */
        how = io__memory(d->call, false, io__arg(d->call, 2), 8, &have);
        if (how && have >= 4)
            memcpy(&flags, how, sizeof(flags));
        return flags;
    }
    return (uint32_t)io__arg(d->call, d->row->len);
}

static void on_open(struct doing *d, int64_t fd)
{
    const struct qbk_object *o = object_at(d, fd);
    struct track *t = d->track;
    uint32_t flags = open_flags(d);
    bool writes = (flags & O_ACCESS) != 0, cuts = writes && (flags & O_TRUNCATE);
    bool fresh = (flags & O_CREATE) && (flags & O_EXCLUSIVE);
    struct tracked *file;

    if (!track__is_regular(o))
        return;
    (void)fds__opened(t->fds, o->file, (flags & O_APPENDING) != 0);
    file = track__find(t, o);
    if (file && (fresh || file->deleted) && track__end_file(t, file, FILE_DELETED, d->event, d->error) != 0)
        d->status = -1; /* another file took its inode's number */
    file = track__find(t, o);
    if (!file && writes)
        file = track__follow(t, &(struct file_key){o->dev_major, o->dev_minor, o->inode}, fresh || cuts, d->error,
                             &d->status);
    if (!file || d->status != 0)
        return;
    track__name(t, file, io__new_name(d->call, (uint64_t)fd));
    if (writes && (fresh || cuts)) {
        if (cuts && file->changed && track__keep(t, file, FILE_TRUNCATED, d->event, false, d->error) != 0)
            d->status = -1;
        if (content__truncate(file->content, 0, d->error) != 0)
            d->status = -1;
        track__who(t, &file->writer, d->event);
        file->changed = file->written = true;
    }
}

static void on_memfd(struct doing *d, int64_t fd)
{
    const struct qbk_object *o = object_at(d, fd);
    struct tracked *file;

    if (!track__is_regular(o))
        return;
    (void)fds__opened(d->track->fds, o->file, false);
    file = track__find(d->track, o);
    if (!file)
        file = track__follow(d->track, &(struct file_key){o->dev_major, o->dev_minor, o->inode}, true, d->error,
                             &d->status);
    track__name(d->track, file, io__new_name(d->call, (uint64_t)fd));
}

static bool write_piece(const uint8_t *bytes, size_t have, uint64_t full, void *user)
{
    struct doing *d = user;

    if (have && content__write(d->file->content, d->at, bytes, have, d->error) != 0) {
        d->status = -1;
        return false;
    }
    if (have < full)
        content__unknown(d->file->content, d->at + have, full - have);
    d->at += full;
    return true;
}

/* Where bytes go that are about to be written; FDS_NOWHERE: not known. */
static int64_t place_of(const struct description *desc, const struct tracked *file, int64_t given)
{
    uint64_t size;

    if (given >= 0)
        return given;
    if (!desc->append)
        return desc->position;
    return content__size(file->content, &size) && size <= INT64_MAX ? (int64_t)size : FDS_NOWHERE;
}

static void on_write(struct doing *d, int64_t moved)
{
    const struct qbk_object *o = object_at(d, io__fd(d->call, d->row));
    int64_t given = io__offset(d->call, d->row), place;
    struct description *desc;

    if (!o)
        return;
    origins__sent(d->track->origins, d->event->thread->id.pid, o);
    if (!track__is_regular(o) || moved <= 0)
        return;
    d->file = written_file(d, o);
    if (d->file->path == NULL)
        track__name(d->track, d->file, io__name(d->call, d->row->fd));
    d->file->filled = true;
    desc = fds__description(d->track->fds, o->file);
    place = place_of(desc, d->file, given);
    if (place < 0) {
        content__astray(d->file->content);
        return;
    }
    d->at = (uint64_t)place;
    io__each(d->call, d->row, (uint64_t)moved, write_piece, d);
    if (given < 0)
        desc->position = place + moved;
}

static void on_read(struct doing *d, int64_t moved)
{
    const struct qbk_object *o = object_at(d, io__fd(d->call, d->row));
    struct description *desc;

    if (!o || moved <= 0)
        return;
    origins__received(d->track->origins, d->event->thread->id.pid, o);
    if (!track__is_regular(o) || io__offset(d->call, d->row) >= 0)
        return;
    desc = fds__description(d->track->fds, o->file);
    if (desc->position >= 0)
        desc->position += moved;
}

static void on_seek(struct doing *d, int64_t result)
{
    const struct qbk_object *o = object_at(d, io__fd(d->call, d->row));

    if (track__is_regular(o))
        fds__description(d->track->fds, o->file)->position = result;
}

/* F_SETFL may begin or end appending. */
static void on_fcntl(struct doing *d)
{
    const struct qbk_object *o = object_at(d, io__fd(d->call, d->row));

    if (track__is_regular(o) && io__arg(d->call, 1) == F_SET_FLAGS)
        fds__description(d->track->fds, o->file)->append = (io__arg(d->call, 2) & O_APPENDING) != 0;
}

/* ---- copies inside the kernel ---- */

/* The offset that argument i points at, as it was; FDS_NOWHERE: it is NULL, or was not captured. */
static int64_t offset_at(const struct doing *d, unsigned i, bool *given)
{
    unsigned size = strcmp(d->row->name, "sendfile") == 0 ? decode__word((enum qbk_abi)d->call->abi) : 8;
    uint64_t addr = io__arg(d->call, i), value = 0;
    size_t have = 0;
    const uint8_t *bytes = addr ? io__memory(d->call, false, addr, size, &have) : NULL;

    *given = addr != 0;
    if (!bytes || have < size)
        return FDS_NOWHERE;
    memcpy(&value, bytes, size);
    return value > INT64_MAX ? FDS_NOWHERE : (int64_t)value;
}

/* What is known of the source goes over, piece by piece; the rest is not known. */
static void copy_known(struct doing *d, const struct tracked *from, int64_t source, uint64_t moved)
{
    g_autofree uint8_t *buf = g_malloc(COPY_BITE);

    while (moved > 0 && d->status == 0) {
        size_t want = (size_t)MIN(moved, COPY_BITE), got = 0;

        if (from && source >= 0 && content__read(from->content, (uint64_t)source, buf, want, &got, d->error) != 0)
            d->status = -1;
        (void)write_piece(buf, got, got ? got : moved, d);
        moved -= got ? got : moved;
        source += (int64_t)got;
    }
}

static void on_copy(struct doing *d, int64_t moved)
{
    bool sendfile = d->row->off == IO_NO_ARG, in_given = false, out_given = false;
    unsigned in_arg = sendfile ? 1 : 0;
    const struct qbk_object *in = object_at(d, (int32_t)io__arg(d->call, in_arg));
    const struct qbk_object *out = object_at(d, io__fd(d->call, d->row));
    int64_t source = offset_at(d, sendfile ? 2 : 1, &in_given);
    int64_t target = sendfile ? FDS_NOWHERE : offset_at(d, 3, &out_given), place;
    struct description *from = track__is_regular(in) ? fds__description(d->track->fds, in->file) : NULL, *to;

    if (moved <= 0)
        return;
    if (in)
        origins__received(d->track->origins, d->event->thread->id.pid, in);
    if (out)
        origins__sent(d->track->origins, d->event->thread->id.pid, out);
    if (from && !in_given) {
        source = from->position;
        from->position = source >= 0 ? source + moved : FDS_NOWHERE;
    }
    if (!track__is_regular(out))
        return;
    d->file = written_file(d, out);
    d->file->filled = true;
    to = fds__description(d->track->fds, out->file);
    place = out_given && target < 0 ? FDS_NOWHERE : place_of(to, d->file, target);
    if (place < 0) {
        content__astray(d->file->content);
        return;
    }
    d->at = (uint64_t)place;
    copy_known(d, track__is_regular(in) ? track__find(d->track, in) : NULL, source, (uint64_t)moved);
    if (!out_given)
        to->position = place + moved;
}

/* ---- length, names, ends ---- */

static void cut(struct doing *d, struct tracked *file)
{
    int64_t size = io__offset(d->call, d->row);
    uint64_t before;

    if (size < 0)
        return;
    if (size == 0 && file->changed && content__size(file->content, &before) && before > 0 &&
        track__keep(d->track, file, FILE_TRUNCATED, d->event, false, d->error) != 0)
        d->status = -1;
    track__who(d->track, &file->writer, d->event);
    file->changed = file->written = true;
    if (content__truncate(file->content, (uint64_t)size, d->error) != 0)
        d->status = -1;
}

static void on_truncate(struct doing *d)
{
    const struct qbk_object *o = object_at(d, io__fd(d->call, d->row));
    struct tracked *file = track__is_regular(o) ? written_file(d, o) : NULL;

    if (file)
        cut(d, file);
}

static void on_truncate_path(struct doing *d)
{
    g_autofree char *path = whole_path(d->call, IO_NO_ARG, d->row->buf);
    struct tracked *file = track__by_path(d->track, path);

    if (file)
        cut(d, file);
}

/* Room without bytes changes nothing but the length; anything else is not followed. */
static void on_allocate(struct doing *d)
{
    const struct qbk_object *o = object_at(d, io__fd(d->call, d->row));
    uint64_t mode = io__arg(d->call, 1), size, end;
    struct tracked *file = track__is_regular(o) && mode != KEEP_SIZE ? written_file(d, o) : NULL;

    if (!file)
        return;
    end = io__arg(d->call, 2) + io__arg(d->call, 3);
    if (mode != 0 || d->call->abi != QBK_ABI_LINUX_X86_64 || !content__size(file->content, &size))
        content__astray(file->content);
    else if (end > size && content__truncate(file->content, end, d->error) != 0)
        d->status = -1;
}

static void on_rename(struct doing *d)
{
    bool at = d->row->fd != IO_NO_ARG;
    g_autofree char *from = whole_path(d->call, d->row->fd, at ? 1 : 0);
    g_autofree char *to = whole_path(d->call, at ? 2 : IO_NO_ARG, at ? 3 : 1);
    struct tracked *file = track__by_path(d->track, from), *under = track__by_path(d->track, to);

    if (under && under != file && track__end_file(d->track, under, FILE_REPLACED, d->event, d->error) != 0)
        d->status = -1;
    if (!file || !to)
        return;
    track__name(d->track, file, g_steal_pointer(&to));
    if (file->kept && track__keep(d->track, file, FILE_RENAMED, d->event, false, d->error) != 0)
        d->status = -1;
}

/* The name goes at once. The file does with its last descriptor: until then more may be written to it. */
static void on_unlink(struct doing *d)
{
    g_autofree char *path = whole_path(d->call, d->row->fd, d->row->buf);
    struct tracked *file = track__by_path(d->track, path);

    if (!file || file->deleted)
        return;
    file->deleted = true;
    track__unname(d->track, file);
    if (d->track->looks && file->writers == 0 && !file->executed) {
        file->changed = true; /* a line that it was deleted, and then no more of it */
        if (track__end_file(d->track, file, FILE_DELETED, d->event, d->error) != 0)
            d->status = -1;
        return;
    }
    if (track__keep(d->track, file, FILE_DELETED, d->event, false, d->error) != 0)
        d->status = -1;
}

static void on_close(struct doing *d)
{
    const struct qbk_object *o = object_at(d, io__fd(d->call, d->row));
    struct tracked *file = track__is_regular(o) ? track__find(d->track, o) : NULL;

    if (!d->track->looks && file && file->filled && !file->kept &&
        track__keep(d->track, file, FILE_CLOSED, d->event, false, d->error) != 0)
        d->status = -1;
}

static void on_map(struct doing *d)
{
    const struct qbk_object *o = object_at(d, io__fd(d->call, d->row));
    bool writes = (io__arg(d->call, 2) & PROT_WRITABLE) && (io__arg(d->call, 3) & 0xfu) & MAP_IS_SHARED;
    struct tracked *file = writes && track__is_regular(o) ? written_file(d, o) : NULL;

    if (file)
        file->mapped = true;
}

void track__call(struct doing *d)
{
    int64_t result = io__result(d->call);

    if (result < 0)
        return;
    switch ((enum io_what)d->row->what) {
    case IO_OPEN:
        on_open(d, result);
        break;
    case IO_MEMFD:
        on_memfd(d, result);
        break;
    case IO_READ:
    case IO_RECEIVE:
    case IO_RECEIVE_MSG:
        on_read(d, result);
        break;
    case IO_WRITE:
        on_write(d, result);
        break;
    case IO_COPY:
        on_copy(d, result);
        break;
    case IO_SEEK:
        on_seek(d, result);
        break;
    case IO_FCNTL:
        on_fcntl(d);
        break;
    case IO_TRUNCATE:
        on_truncate(d);
        break;
    case IO_TRUNCATE_PATH:
        on_truncate_path(d);
        break;
    case IO_ALLOCATE:
        on_allocate(d);
        break;
    case IO_RENAME:
        on_rename(d);
        break;
    case IO_UNLINK:
        on_unlink(d);
        break;
    case IO_CLOSE:
        on_close(d);
        break;
    case IO_MAP:
        on_map(d);
        break;
    default:
        break;
    }
}
