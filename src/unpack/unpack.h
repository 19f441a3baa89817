/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which memory of a process was written by the program and is then executed. Pure C: knows no QEMU, no guest memory, no
 * operating system; is told of stores, of mappings, and of code that is about to run.
 *
 * Memory is known by its place in an address space, and where a file is mapped that others may map, too, by its place
 * in the file: so what is written through one mapping is written in all. A page frame that the guest's kernel uses for
 * something else is no matter. What is mapped anew at an address has not been written; what is unmapped cannot be
 * executed, and is forgotten when something else is mapped there.
 *
 * Layers: what a program's own code writes is layer 1, what code of layer n writes is layer n + 1.
 *
 * Threads of the host: unpack__store and unpack__executes of one space may run at once; all else takes a lock. A space
 * that is held stays.
 */
#ifndef QEBEK_UNPACK_UNPACK_H
#define QEBEK_UNPACK_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNPACK_PAGE       4096u
#define UNPACK_GRAIN      256u  /* bytes that share the knowledge of who wrote there last */
#define UNPACK_SPACES_MAX 4096u /* at a time */
#define UNPACK_SEEN_MAX   (1u << 16)
#define UNPACK_TAKEN_MAX  64u /* regions that are known to have been taken; the oldest is forgotten */
#define UNPACK_LAYER_MAX  0xffffu

struct unpack;       /* all of it; one for a trace */
struct unpack_space; /* one address space */

/* Who wrote. */
struct unpack_writer {
    uint64_t pc;    /* address of the store; by_kernel: of the program's block that led there */
    uint32_t layer; /* what the written bytes are: one more than the writer's own */
    bool by_kernel; /* on the program's behalf: a read into the memory, say */
};

enum unpack_prot { UNPACK_READ = 1, UNPACK_WRITE = 2, UNPACK_EXEC = 4 };

struct unpack_mapping {
    uint64_t start, end; /* multiples of a page */
    uint64_t file;       /* what tells the file from all others; 0: none */
    uint64_t page;       /* of the file, at start */
    bool shared;         /* stores reach the file */
    uint8_t prot;        /* enum unpack_prot */
    bool touched;        /* stores were seen */
};

/* What is about to be executed. */
struct unpack_code {
    bool written;            /* at least one byte of it */
    bool fresh;              /* … since it was last taken */
    struct unpack_writer by; /* of the last of these bytes */
};

/* Room for so many bytes of knowledge in all. NULL: no memory. */
struct unpack *unpack__new(size_t bytes_max);
void unpack__free(struct unpack *u);
/* How many stores to a new page were not followed, and spaces not begun, for lack of room. */
uint64_t unpack__no_room(const struct unpack *u);

/*
 * The space that goes by `key` (0 is none), held for the caller; `create`: made if it is not there. NULL: it is not,
 * or there is no room.
 */
struct unpack_space *unpack__space(struct unpack *u, uint64_t key, bool create);
void unpack__let_go(struct unpack *u, struct unpack_space *s);
/* It is no more: a later one may have the key. */
void unpack__drop(struct unpack *u, uint64_t key);
/* A copy of `from` comes to be, as by fork; in the place of any other with that key. */
void unpack__copy(struct unpack *u, struct unpack_space *from, uint64_t key);

/* ---- one space ---- */
/* Memory is mapped, or a mapping's protection changed (start to prot of *m are looked at). */
void unpack__mapped(struct unpack *u, struct unpack_space *s, const struct unpack_mapping *m);
/* The mapping around addr; false: not known. */
bool unpack__mapping(struct unpack_space *s, uint64_t addr, struct unpack_mapping *m);
/* `len` bytes were stored at addr. */
void unpack__store(struct unpack *u, struct unpack_space *s, uint64_t addr, unsigned len,
                   const struct unpack_writer *by);
/* `len` bytes of code at addr are about to run. */
void unpack__executes(struct unpack *u, struct unpack_space *s, uint64_t addr, unsigned len, struct unpack_code *code);

/*
 * What belongs to the code at addr: the mappings that lie next to one another around it, but not those of files that
 * nothing was stored in. At most `max` bytes. False: no mapping is known there, and the region is its page alone.
 */
bool unpack__region(struct unpack_space *s, uint64_t addr, uint64_t max, uint64_t *start, uint64_t *end);
/* Is any byte of the page fresh? */
bool unpack__is_fresh(struct unpack_space *s, uint64_t page_addr);
/* The page's bytes as they are now are known from here on. */
void unpack__settle(struct unpack_space *s, uint64_t page_addr);
/* Was the page seen with content of this hash? It counts as seen from now on. */
bool unpack__seen(struct unpack *u, struct unpack_space *s, uint64_t page_addr, uint64_t hash);
/* Was all of the region taken before, as it was mapped then? Counts as taken from now on. */
bool unpack__taken(struct unpack_space *s, uint64_t start, uint64_t end);
/* Counts one more; how many there were before. */
uint32_t unpack__count(struct unpack_space *s);

struct unpack_range {
    uint64_t start, len;
};
/*
 * Runs of bytes in [start, end) that were written, in order, at most n: returns how many; *bytes is how many bytes were
 * written in all, also of those that there was no room for; *more: there was none for some.
 */
size_t unpack__ranges(struct unpack_space *s, uint64_t start, uint64_t end, struct unpack_range *range, size_t n,
                      uint64_t *bytes, bool *more);
/* Mappings that overlap [start, end), in order, at most n. */
size_t unpack__mappings(struct unpack_space *s, uint64_t start, uint64_t end, struct unpack_mapping *m, size_t n);

#endif
