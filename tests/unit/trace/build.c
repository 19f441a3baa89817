// SPDX-License-Identifier: GPL-2.0-or-later
#include "build.h"

#include <stdarg.h>
#include <string.h>

void build__init(struct build *b)
{
    memset(b, 0, sizeof(*b));
    b->records = g_ptr_array_new_with_free_func(g_free);
    b->next_seq = 1;
    b->time_ns = 1700000000000000000u;
}

void build__free(struct build *b)
{
    g_ptr_array_free(b->records, TRUE);
}

void *build__add(struct build *b, enum qbk_type type, uint64_t thread, size_t size)
{
    struct qbk_record *rec;

    size = (size + 7u) & ~(size_t)7u;
    rec = g_malloc0(size);
    rec->size = (uint32_t)size;
    rec->type = (uint16_t)type;
    rec->vcpu = b->vcpu;
    rec->seq = b->next_seq++;
    rec->time_ns = b->time_ns;
    rec->thread = thread;
    b->time_ns += 1000;
    g_ptr_array_add(b->records, rec);
    return rec;
}

void *build__last(struct build *b)
{
    return b->records->pdata[b->records->len - 1];
}

static void add_text(struct build *b, enum qbk_type type, const char *text, size_t len)
{
    struct qbk_text *rec = build__add(b, type, 0, sizeof(*rec) + len);

    rec->len = (uint32_t)len;
    memcpy(rec->text, text, len);
}

static void add_pairs(struct build *b, enum qbk_type type, va_list ap)
{
    GString *s = g_string_new(NULL);
    const char *word;

    while ((word = va_arg(ap, const char *)) != NULL)
        g_string_append_len(s, word, (gssize)strlen(word) + 1);
    add_text(b, type, s->str, s->len);
    g_string_free(s, TRUE);
}

void build__meta(struct build *b, ...)
{
    va_list ap;

    va_start(ap, b);
    add_pairs(b, QBK_META, ap);
    va_end(ap);
}

void build__guest(struct build *b, ...)
{
    va_list ap;

    va_start(ap, b);
    add_pairs(b, QBK_GUEST, ap);
    va_end(ap);
}

void build__text(struct build *b, enum qbk_type type, const char *text)
{
    add_text(b, type, text, strlen(text));
}

struct qbk_thread *build__thread(struct build *b, uint64_t thread, int32_t pid, const char *comm)
{
    struct qbk_thread *rec = build__add(b, QBK_THREAD, thread, sizeof(*rec));

    rec->object = 0xffff888000000000u + thread * 0x2000;
    rec->start_time_ns = 1000000 * thread;
    rec->pid = pid;
    rec->tid = pid;
    rec->ppid = 1;
    rec->why = QBK_THREAD_BORN;
    g_strlcpy(rec->comm, comm, sizeof(rec->comm));
    b->counter[QBK_COUNT_THREADS_BORN]++;
    return rec;
}

void build__thread_exit(struct build *b, uint64_t thread, int32_t status)
{
    struct qbk_thread_exit *rec = build__add(b, QBK_THREAD_EXIT, thread, sizeof(*rec));

    rec->status = status;
    b->counter[QBK_COUNT_THREADS_GONE]++;
}

uint64_t build__enter(struct build *b, uint64_t thread, uint32_t nr, unsigned nargs, const uint64_t *args)
{
    struct qbk_enter *rec = build__add(b, QBK_ENTER, thread, sizeof(*rec) + nargs * sizeof(uint64_t));

    rec->ip = 0x401000;
    rec->sp = 0x7ffc0000;
    rec->nr = nr;
    rec->abi = b->abi;
    rec->nargs = (uint8_t)nargs;
    rec->flags = QBK_ENTER_HAS_IP;
    if (nargs)
        memcpy(rec->args, args, nargs * sizeof(uint64_t));
    b->counter[QBK_COUNT_ENTRIES]++;
    b->counter[QBK_COUNT_SITE_ENTRIES]++;
    return rec->h.seq;
}

static const struct qbk_enter *find_enter(struct build *b, uint64_t call)
{
    for (unsigned i = 0; i < b->records->len; i++) {
        const struct qbk_record *rec = b->records->pdata[i];

        if (rec->type == QBK_ENTER && rec->seq == call)
            return (const struct qbk_enter *)rec;
    }
    return NULL;
}

void build__return(struct build *b, uint64_t thread, uint64_t call, enum qbk_end end, uint64_t result)
{
    struct qbk_return *rec = build__add(b, QBK_RETURN, thread, sizeof(*rec));
    const struct qbk_enter *enter = find_enter(b, call);

    rec->call = call;
    rec->end = (uint8_t)end;
    rec->result = result;
    rec->flags = end == QBK_END_RETURNED ? QBK_RETURN_HAS_RESULT : 0;
    if (enter) {
        rec->nr = enter->nr;
        rec->abi = enter->abi;
        rec->depth = enter->depth;
    }
    b->counter[QBK_COUNT_END_FIRST + (unsigned)end]++;
}

void build__completion(struct build *b, uint64_t thread, uint64_t call, uint32_t status, uint64_t information)
{
    struct qbk_completion *rec = build__add(b, QBK_COMPLETION, thread, sizeof(*rec));
    const struct qbk_enter *enter = find_enter(b, call);

    rec->call = call;
    rec->status = status;
    rec->information = information;
    rec->how = QBK_COMPLETION_EVENT;
    if (enter) {
        rec->caller = enter->h.thread;
        rec->nr = enter->nr;
        rec->abi = enter->abi;
    }
    b->counter[QBK_COUNT_COMPLETIONS]++;
}

void build__snippet(struct build *b, enum qbk_snippet_kind kind, uint64_t addr, const void *bytes, uint32_t have,
                    uint64_t full, uint8_t flags, uint8_t arg, uint8_t level)
{
    struct qbk_record *rec = build__last(b);
    struct qbk_snippet s = {addr, full, have, (uint8_t)kind, flags, arg, level};
    uint32_t padded = (have + 7u) & ~7u;
    uint32_t old = rec->size;
    uint8_t *at;

    rec = g_realloc(rec, old + sizeof(s) + padded);
    b->records->pdata[b->records->len - 1] = rec;
    at = (uint8_t *)rec + old;
    memset(at, 0, sizeof(s) + padded);
    memcpy(at, &s, sizeof(s));
    if (have)
        memcpy(at + sizeof(s), bytes, have);
    rec->size = old + (uint32_t)sizeof(s) + padded;
}

void build__signal(struct build *b, uint64_t thread, int32_t signo, int32_t code, enum qbk_signal_how how)
{
    struct qbk_signal *rec = build__add(b, QBK_SIGNAL, thread, sizeof(*rec));

    rec->signo = signo;
    rec->code = code;
    rec->how = (uint8_t)how;
    rec->info_len = sizeof(rec->info);
    memcpy(rec->info, &signo, sizeof(signo));
    memcpy(rec->info + 8, &code, sizeof(code));
    b->counter[QBK_COUNT_SIGNALS]++;
}

void build__name(struct build *b, uint64_t thread, uint64_t fd, const char *path)
{
    struct qbk_name *rec = build__add(b, QBK_NAME, thread, sizeof(*rec) + strlen(path));

    rec->fd = fd;
    rec->len = (uint32_t)strlen(path);
    memcpy(rec->path, path, strlen(path));
}

struct qbk_object *build__object(struct build *b, uint64_t thread, uint32_t fd, uint64_t inode)
{
    struct qbk_object *rec = build__add(b, QBK_OBJECT, thread, sizeof(*rec));

    rec->fd = fd;
    rec->inode = inode;
    rec->file = UINT64_C(0xffff888000000000) + 256 * inode;
    rec->mode = 0100644;
    return rec;
}

void build__function(struct build *b, uint32_t id, const char *name)
{
    size_t len = strlen(name);
    struct qbk_function *rec = build__add(b, QBK_FUNCTION, 0, sizeof(*rec) + len);

    rec->id = id;
    rec->address = 0xffffffff81000000u + 16 * id;
    rec->name_len = (uint16_t)len;
    memcpy(rec->names, name, len);
}

uint64_t build__function_enter(struct build *b, uint64_t thread, uint32_t id, uint32_t depth, uint64_t arg)
{
    struct qbk_function_enter *rec = build__add(b, QBK_FUNCTION_ENTER, thread, sizeof(*rec) + sizeof(arg));

    rec->object = 0x1000 * thread;
    rec->sp = 0xffffc90000007e00u - 64 * depth;
    rec->ret = 0xffffffff81234567u;
    rec->function = id;
    rec->depth = depth;
    rec->nargs = 1;
    rec->args[0] = arg;
    return rec->h.seq;
}

void build__function_return(struct build *b, uint64_t thread, uint64_t call, uint32_t id, enum qbk_function_end end,
                            uint64_t result)
{
    struct qbk_function_return *rec = build__add(b, QBK_FUNCTION_RETURN, thread, sizeof(*rec));

    rec->call = call;
    rec->function = id;
    rec->end = (uint8_t)end;
    rec->result = result;
}

/* push rbp; mov rbp, rsp; syscall */
void build__code(struct build *b, uint32_t id, uint64_t pc)
{
    static const uint8_t bytes[] = {0x55, 0x48, 0x89, 0xe5, 0x0f, 0x05, 1, 3, 2};
    struct qbk_code *rec = build__add(b, QBK_CODE, 0, sizeof(*rec) + sizeof(bytes));

    rec->id = id;
    rec->insns = 3;
    rec->len = sizeof(bytes) - rec->insns;
    rec->offset = (uint16_t)(pc & 0xfff);
    memcpy(rec->bytes, bytes, sizeof(bytes));
}

void build__blocks(struct build *b, uint64_t thread, const struct qbk_block *block, uint32_t count)
{
    struct qbk_blocks *rec = build__add(b, QBK_BLOCKS, thread, sizeof(*rec) + count * sizeof(*block));

    rec->count = count;
    memcpy(rec->block, block, count * sizeof(*block));
}

void build__layer(struct build *b, uint64_t thread, uint64_t number, uint64_t address, uint64_t writer)
{
    const struct qbk_layer_range range = {address + 16, 32};
    const struct qbk_layer_mapping mapping = {address, address + 8192, QBK_PROT_READ | QBK_PROT_EXEC, 0};
    struct qbk_layer *rec = build__add(b, QBK_LAYER, thread, sizeof(*rec) + sizeof(range) + sizeof(mapping));
    struct qbk_layer_bytes *bytes;

    rec->number = number;
    rec->start = address;
    rec->size = 8192;
    rec->entry = address + 16;
    rec->writer = writer;
    rec->from = writer + 64;
    rec->written = range.len;
    rec->layer = 1;
    rec->n_ranges = rec->n_mappings = 1;
    memcpy(rec + 1, &range, sizeof(range));
    memcpy((uint8_t *)(rec + 1) + sizeof(range), &mapping, sizeof(mapping));
    bytes = build__add(b, QBK_LAYER_BYTES, thread, sizeof(*bytes) + 4096);
    bytes->number = number;
    bytes->address = address;
    bytes->len = 4096;
    memset(bytes->bytes, 0xc3, 48);
    bytes = build__add(b, QBK_LAYER_BYTES, thread, sizeof(*bytes));
    bytes->number = number;
    bytes->sent = 4096;
    bytes->flags = QBK_LAYER_LAST;
}

struct qbk_file *build__file(struct build *b, uint64_t thread, uint64_t look, uint64_t inode, uint64_t size,
                             const char *path)
{
    struct qbk_file *rec = build__add(b, QBK_FILE, thread, sizeof(*rec) + strlen(path));

    rec->look = look;
    rec->file = 0xffff888000003000u;
    rec->inode = inode;
    rec->size = size;
    rec->mtime_sec = 1700000000;
    rec->dev_minor = 5;
    rec->mode = 0100755;
    rec->links = 1;
    rec->why = QBK_FILE_CLOSED;
    rec->flags = QBK_FILE_PAGES;
    rec->len = (uint32_t)strlen(path);
    memcpy(rec->fs, "ext4", 4);
    memcpy(rec->path, path, strlen(path));
    return rec;
}

struct qbk_pages *build__pages(struct build *b, uint64_t thread, uint64_t look, uint64_t offset, const void *bytes,
                               uint32_t len)
{
    struct qbk_pages *rec = build__add(b, QBK_PAGES, thread, sizeof(*rec) + len);

    rec->look = look;
    rec->offset = offset;
    rec->len = len;
    if (len)
        memcpy(rec->bytes, bytes, len);
    return rec;
}

void build__mapping(struct build *b, uint64_t thread, uint64_t start, const char *path)
{
    struct qbk_mapping *rec = build__add(b, QBK_MAPPING, thread, sizeof(*rec) + strlen(path));

    rec->space = 0xffff888001234000;
    rec->start = start;
    rec->end = start + 0x1000;
    rec->offset = 0x2000;
    rec->inode = 1234;
    rec->dev_major = 8;
    rec->dev_minor = 1;
    rec->pid = 72;
    rec->file = 1;
    rec->len = (uint32_t)strlen(path);
    memcpy(rec->path, path, strlen(path));
}

struct qbk_object *build__socket(struct build *b, uint64_t thread, uint32_t fd, uint64_t inode, uint8_t peer)
{
    struct qbk_object *rec = build__object(b, thread, fd, inode);

    rec->mode = 0140777;
    rec->kind = QBK_OBJECT_SOCKET;
    rec->why = QBK_OBJECT_INSTALLED;
    rec->family = 2;
    rec->socket_type = 1;
    rec->protocol = 6;
    rec->state = 1;
    rec->local_port = 22;
    rec->peer_port = 4000;
    memcpy(rec->local_address, (const uint8_t[]){10, 0, 0, 1}, 4);
    memcpy(rec->peer_address, (const uint8_t[]){192, 0, 2, peer}, 4);
    return rec;
}

void build__gap(struct build *b, uint64_t records, uint64_t enters, uint64_t returns)
{
    struct qbk_gap *rec = build__add(b, QBK_GAP, 0, sizeof(*rec));

    rec->records = records;
    rec->bytes = records * 64;
    rec->enters = enters;
    rec->returns = returns;
    b->counter[QBK_COUNT_LOST_RECORDS] += records;
}

void build__summary(struct build *b)
{
    struct qbk_summary *rec;

    b->vcpu = QBK_NO_VCPU;
    rec = build__add(b, QBK_SUMMARY, 0, sizeof(*rec) + sizeof(b->counter));
    rec->count = QBK_COUNTERS;
    memcpy(rec->counter, b->counter, sizeof(b->counter));
}

void build__sample(struct build *b)
{
    uint64_t outer;
    uint64_t inner;

    build__meta(b, "qebek", "0.1.0", "command", "qemu-system-x86_64", NULL);
    build__guest(b, "os", "linux", "version", "6.1.0", NULL);
    build__thread(b, 1, 71, "cat");
    outer = build__enter(b, 1, 257, 4, (uint64_t[]){0xffffff9c, 0x7f0010, 0, 0});
    build__snippet(b, QBK_SNIP_MEM, 0x7f0010, "/etc/passwd", 12, 12, QBK_SNIP_STRING, 1, 0);
    build__return(b, 1, outer, QBK_END_RETURNED, 3);
    build__object(b, 1, 7, 1234);
    build__file(b, 1, 1, 1234, 5, "/tmp/dropped");
    build__pages(b, 1, 1, 0, "bytes", 5);
    struct qbk_pages *last = build__pages(b, 1, 1, 0, NULL, 0);
    last->sent = 5;
    last->flags = QBK_PAGES_LAST;
    build__name(b, 1, 3, "/etc/passwd");
    b->vcpu = 1;
    build__thread(b, 2, 72, "sleep")->parent_thread = 1;
    outer = build__enter(b, 2, 0, 3, (uint64_t[]){3, 0x7f1000, 4096});
    build__signal(b, 2, 10, 0, QBK_SIGNAL_HANDLER);
    build__return(b, 2, outer, QBK_END_INTERRUPTED, (uint64_t)-512);
    ((struct qbk_return *)build__last(b))->flags = QBK_RETURN_HAS_RESULT | QBK_RETURN_HANDLER;
    inner = build__enter(b, 2, 15, 0, NULL);
    build__return(b, 2, inner, QBK_END_RETURNED, 0);
    b->vcpu = 0;
    outer = build__enter(b, 1, 0, 3, (uint64_t[]){3, 0x7f1000, 16});
    build__return(b, 1, outer, QBK_END_RETURNED, 5);
    build__snippet(b, QBK_SNIP_MEM, 0x7f1000, "root:", 5, 5, 0, 1, 0);
    b->abi = QBK_ABI_NT_X64;
    outer = build__enter(b, 1, 6, 9, (uint64_t[]){4, 0, 0, 0, 0x7f1000, 0x7f2000, 16, 0, 0});
    b->abi = QBK_ABI_LINUX_X86_64;
    build__return(b, 1, outer, QBK_END_PENDING, 0x103);
    build__completion(b, 2, outer, 0, 5);
    build__text(b, QBK_LOG, "a module's line");
    build__text(b, QBK_ERROR, "no kallsyms");
    outer = build__enter(b, 1, 231, 1, (uint64_t[]){0});
    build__return(b, 1, outer, QBK_END_NORETURN, 0);
    build__thread_exit(b, 1, 0);
    build__function(b, 7, "vfs_read");
    outer = build__function_enter(b, 2, 7, 0, 0x1234);
    inner = build__function_enter(b, 2, 7, 1, 0x5678);
    build__function_return(b, 2, inner, 7, QBK_FUNCTION_UNWOUND, 0);
    build__function_return(b, 2, outer, 7, QBK_FUNCTION_RETURNED, 42);
    build__mapping(b, 2, 0x401000,
                   "/bin/sl\xff"
                   "ep");
    build__code(b, 3, 0x401010);
    build__blocks(b, 2, (struct qbk_block[]){{0x401010, 3, 2, QBK_BLOCK_CUT}, {0x7f1000401010, 3, 3, 0}}, 2);
    build__layer(b, 2, 1, 0x7f3000, 0x401234);
    outer = build__enter(b, 2, 35, 2, (uint64_t[]){0x7f2000, 0});
    build__return(b, 2, outer, QBK_END_IN_FLIGHT, 0);
    build__summary(b);
}
