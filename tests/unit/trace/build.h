/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes records for tests. A struct build holds a stream of them; each function appends one and draws the next
 * seq and time. Records stay where they are until build__free, so pointers to them may be kept.
 *
 *     struct build b;
 *     build__init(&b);
 *     build__meta(&b, "qebek", "0.1", NULL);
 *     build__thread(&b, 1, 71, "cat");
 *     uint64_t call = build__enter(&b, 1, 257, 3, (uint64_t[]){0xffffff9c, 0x7f00, 0});
 *     build__snippet(&b, QBK_SNIP_MEM, 0x7f00, "/etc/passwd", 12, 12, QBK_SNIP_STRING, 1, 0);
 *     build__return(&b, 1, call, QBK_END_RETURNED, 3);
 *     build__summary(&b);
 *     for (unsigned i = 0; i < b.records->len; i++)
 *         … b.records->pdata[i] is a struct qbk_record * …
 */
#ifndef QEBEK_TESTS_TRACE_BUILD_H
#define QEBEK_TESTS_TRACE_BUILD_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "qebek/record.h"

struct build {
    GPtrArray *records;             /* struct qbk_record * */
    uint64_t next_seq;              /* 1 at first; may be set to make holes */
    uint64_t time_ns;               /* of the next record; each adds 1000 */
    uint16_t vcpu;                  /* of the next records; 0 at first */
    uint8_t abi;                    /* … of the next calls */
    uint64_t counter[QBK_COUNTERS]; /* kept in step by the functions below; may be changed before build__summary */
};

void build__init(struct build *b);
void build__free(struct build *b);

/* Append a zeroed record of this size (rounded up to 8) with its header set, to be filled in by the caller. */
void *build__add(struct build *b, enum qbk_type type, uint64_t thread, size_t size);

/* Pairs of key and value, then NULL. */
void build__meta(struct build *b, ...) G_GNUC_NULL_TERMINATED;
void build__guest(struct build *b, ...) G_GNUC_NULL_TERMINATED;
void build__text(struct build *b, enum qbk_type type, const char *text);

/* A thread that is the only one of its process: pid and tid are the same, parent 1, ids 0. */
struct qbk_thread *build__thread(struct build *b, uint64_t thread, int32_t pid, const char *comm);
void build__thread_exit(struct build *b, uint64_t thread, int32_t status);

/* Returns the call's seq. Depth is 0, ip and sp are made up; change them through build__last. */
uint64_t build__enter(struct build *b, uint64_t thread, uint32_t nr, unsigned nargs, const uint64_t *args);
/* Repeats nr, abi and depth of its ENTER if that is in the stream. HAS_RESULT is set if it `returned`. */
void build__return(struct build *b, uint64_t thread, uint64_t call, enum qbk_end end, uint64_t result);
/* Of a call that ended as pending; repeats nr and abi of its ENTER, which has to be in the stream. */
void build__completion(struct build *b, uint64_t thread, uint64_t call, uint32_t status, uint64_t information);
/* Append a snippet to the last record, an ENTER, RETURN or COMPLETION. The record may move: fetch it anew by
 * build__last. */
void build__snippet(struct build *b, enum qbk_snippet_kind kind, uint64_t addr, const void *bytes, uint32_t have,
                    uint64_t full, uint8_t flags, uint8_t arg, uint8_t level);
void *build__last(struct build *b);

void build__signal(struct build *b, uint64_t thread, int32_t signo, int32_t code, enum qbk_signal_how how);
/* A plain file; change it through what is returned. */
struct qbk_object *build__object(struct build *b, uint64_t thread, uint32_t fd, uint64_t inode);
/* An IPv4 stream socket, connected: 10.0.0.1:22 with 192.0.2.`peer`:4000. */
struct qbk_object *build__socket(struct build *b, uint64_t thread, uint32_t fd, uint64_t inode, uint8_t peer);
/* A look at a file of `size` bytes: FILE, of which pages follow if flags say so. Change it through what is returned. */
/* A function's definition; a call of it, with one argument, of the thread's object 0x1000 * thread; its end. */
void build__function(struct build *b, uint32_t id, const char *name);
uint64_t build__function_enter(struct build *b, uint64_t thread, uint32_t id, uint32_t depth, uint64_t arg);
void build__function_return(struct build *b, uint64_t thread, uint64_t call, uint32_t id, enum qbk_function_end end,
                            uint64_t result);

/* Three instructions: push, mov and syscall, of 1, 3 and 2 bytes. */
void build__mapping(struct build *b, uint64_t thread, uint64_t start, const char *path);
void build__code(struct build *b, uint32_t id, uint64_t pc);
/* One page at `address`, written by a store at `writer`; two pages of what is mapped there. */
void build__layer(struct build *b, uint64_t thread, uint64_t number, uint64_t address, uint64_t writer);
void build__blocks(struct build *b, uint64_t thread, const struct qbk_block *block, uint32_t count);
struct qbk_file *build__file(struct build *b, uint64_t thread, uint64_t look, uint64_t inode, uint64_t size,
                             const char *path);
struct qbk_pages *build__pages(struct build *b, uint64_t thread, uint64_t look, uint64_t offset, const void *bytes,
                               uint32_t len);
void build__name(struct build *b, uint64_t thread, uint64_t fd, const char *path);
void build__gap(struct build *b, uint64_t records, uint64_t enters, uint64_t returns);
void build__summary(struct build *b);

/* A small trace that breaks no rule and has every type of record: two threads, seven calls, ends of several kinds. */
void build__sample(struct build *b);

#endif
