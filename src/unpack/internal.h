/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of src/unpack share among themselves. */
#ifndef QEBEK_UNPACK_INTERNAL_H
#define QEBEK_UNPACK_INTERNAL_H

#include <pthread.h>

#include "unpack/unpack.h"

#define WORDS  (UNPACK_PAGE / 64u)
#define GRAINS (UNPACK_PAGE / UNPACK_GRAIN)
#define FANOUT 512u /* of each level of the tree of a space, as of the page tables that it follows */
#define LEVELS 4u

/* One page that was written. All atomic. */
struct page {
    uint64_t written[WORDS]; /* a bit for each byte */
    uint64_t fresh[WORDS];   /* … since it was last settled */
    struct {
        uint64_t pc;
        uint64_t rest; /* layer, and in bit 32 by_kernel */
    } writer[GRAINS];
};

/* A page of a file, whoever maps it. */
struct shared {
    struct shared *next;
    uint64_t file, index;
    struct page *page; /* atomic; NULL: nobody wrote to it through a mapping */
};

struct slot {
    struct page *own;     /* atomic; what is written here */
    struct shared *alias; /* atomic; the page of a file that is mapped here, or lies below what was written */
    struct page *spare;   /* was `own` while other memory was mapped here; with the lock */
    uint32_t known;       /* atomic; alias is as the mapping has it */
};

struct leaf {
    struct slot slot[FANOUT];
};

struct node {
    void *below[FANOUT]; /* atomic; struct node or, in the last but one level, struct leaf */
};

struct unpack_space {
    struct unpack_space *next; /* of its chain */
    uint64_t key;
    uint32_t holders;               /* guarded by unpack.lock */
    bool dead;                      /* … */
    pthread_mutex_t lock;           /* guards what follows */
    struct node root;               /* read without */
    struct unpack_mapping *mapping; /* in order, none overlap */
    size_t n_mappings, room;
    struct unpack_range taken[UNPACK_TAKEN_MAX]; /* len 0: none */
    unsigned next_taken;
    uint32_t count;
    uint64_t *seen; /* a table of hashes; 0: free */
    size_t n_seen, seen_room;
};

#define CHAINS 1024u

struct unpack {
    size_t bytes, bytes_max; /* atomic */
    uint64_t no_room;        /* atomic */
    pthread_mutex_t lock;    /* guards the spaces' chains */
    struct unpack_space *space[CHAINS];
    unsigned n_spaces;
    pthread_mutex_t files; /* guards the chains of shared pages */
    struct shared *file[CHAINS * 16];
};

/* Zeroed memory within the budget; NULL: there is no more, which is counted. */
void *unpack_room__get(struct unpack *u, size_t size);
void unpack_room__put(struct unpack *u, void *memory, size_t size);

/* The page of a file; made if it is not there. */
struct shared *unpack_file__page(struct unpack *u, uint64_t file, uint64_t index);

/* ---- tree.c ---- */
/* The slot of a page; `create`: made where it is not there. NULL: it is not, or there is no room. */
struct slot *unpack_tree__slot(struct unpack *u, struct unpack_space *s, uint64_t addr, bool create);
/* Each slot there is in [start, end), with the address of its page. */
typedef void (*unpack_slot_fn)(struct slot *slot, uint64_t addr, void *data);
void unpack_tree__each(struct unpack_space *s, uint64_t start, uint64_t end, unpack_slot_fn fn, void *data);
void unpack_tree__free(struct unpack *u, struct unpack_space *s);
/* A page as mapped: fills slot->alias. Takes the lock. */
void unpack_tree__learn(struct unpack *u, struct unpack_space *s, struct slot *slot, uint64_t addr);

/* ---- mappings.c; with the lock held ---- */
const struct unpack_mapping *unpack_mappings__at(const struct unpack_space *s, uint64_t addr);

#endif
