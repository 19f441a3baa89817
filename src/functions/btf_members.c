/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Members that arguments of functions lead to: where they lie, and what they are. */
#include <string.h>

#include "functions/btf_internal.h"

#define DEPTH_MAX  8
#define FIELDS_MAX 32u
#define OFFSET_MAX 0xffffu
#define BYTES_MAX  4096u /* told of a struct, or an array */

/* ---- one member by name ---- */

struct member_at {
    uint32_t type, bits;
};

/* Looks through those without a name. */
static bool find_member(const struct btf *btf, const struct btf_type *t, const char *name, size_t len, int depth,
                        struct member_at *at)
{
    if (!t || !btf_is_composite(t) || depth > DEPTH_MAX)
        return false;
    for (uint32_t i = 0; i < btf_vlen(t); i++) {
        const struct btf_member *m = btf_members(t) + i;
        const char *each = btf_read__text(btf, m->name_off);
        uint32_t bits = btf_member_bit_offset(t, i);
        if (strlen(each) == len && len && memcmp(each, name, len) == 0 && btf_member_bitfield_size(t, i) == 0) {
            *at = (struct member_at){m->type, bits};
            return true;
        }
        if (!each[0] && find_member(btf, btf_read__resolve(btf, m->type, NULL), name, len, depth + 1, at)) {
            at->bits += bits;
            return true;
        }
    }
    return false;
}

/* For whoever asked for what is not there. */
static void add_near(const struct btf *btf, const struct btf_type *t, const char *name, size_t len,
                     struct function_path *to)
{
    unsigned n = 0;
    size_t same = MIN(len, 3u);
    for (uint32_t i = 0; i < btf_vlen(t) && n < FUNCTION_NEAR_MAX; i++) {
        const char *each = btf_read__text(btf, btf_members(t)[i].name_off);
        if (each[0] && strncmp(each, name, same) == 0)
            btf_read__keep(to->near[n++], each);
    }
}

static void lacks(const struct btf_reader *r, const struct btf_type *t, const char *name, size_t len,
                  struct function_path *path)
{
    char copy[FUNCTION_NAME_MAX] = "";
    if (!path || path->member[0] || path->type[0])
        return;
    memcpy(copy, name, MIN(len, sizeof(copy) - 1));
    btf_read__keep(path->member, copy);
    if (t && btf_is_composite(t)) {
        btf_read__keep(path->type, btf_read__text(r->btf, t->name_off));
        add_near(r->btf, t, name, len, path);
    }
}

/* ---- what a member is ---- */

static void take_value(struct btf_reader *r, uint32_t type, struct function_member *to)
{
    const struct btf_type *t = btf_read__resolve(r->btf, type, NULL);
    btf_read__value(r, type, &to->value);
    to->value.when = FUNCTION_IN;
    if (t && btf_is_array(t)) {
        const struct btf_array *array = btf_array(t);
        bool chars = btf_read__is_char(btf_read__resolve(r->btf, array->type, NULL));
        to->value.kind = chars && array->nelems ? FUNCTION_CHARS : FUNCTION_STRUCT;
        to->value.size = 0;
        to->value.length = chars ? MIN(array->nelems, BYTES_MAX) : 0;
    } else if (t && btf_is_composite(t) && btf_read__object(r->btf, t) != FUNCTION_HEX) {
        to->value.kind = btf_read__object(r->btf, t);
        to->value.size = 8;
    } else if (t && btf_is_ptr(t) && to->value.kind >= FUNCTION_FILE && to->value.kind <= FUNCTION_DENTRY) {
        to->flags |= FUNCTION_MEMBER_POINTS;
    }
}

static struct function_member *add(struct btf_reader *r, const struct function_member *like)
{
    struct function_types *types = r->types;
    if (types->n_members == FUNCTION_EXPAND_MAX) {
        types->cut = true;
        return NULL;
    }
    types->member[types->n_members] = *like;
    return &types->member[types->n_members++];
}

static bool plain(uint8_t kind)
{
    return kind < FUNCTION_STRING || kind == FUNCTION_CHARS;
}

/* Fields of a struct that member number `parent` is. Of an unnamed union the first one only. False: not all. */
static bool add_fields(struct btf_reader *r, uint32_t parent, const struct btf_type *t, uint32_t bits, int depth,
                       unsigned *n)
{
    uint32_t count = depth && btf_is_union(t) ? MIN(btf_vlen(t), 1u) : btf_vlen(t);
    for (uint32_t i = 0; i < count; i++) {
        const struct btf_member *m = btf_members(t) + i;
        const char *name = btf_read__text(r->btf, m->name_off);
        const struct btf_type *inner = btf_read__resolve(r->btf, m->type, NULL);
        uint32_t at = bits + btf_member_bit_offset(t, i), width = btf_member_bitfield_size(t, i);
        struct function_member like = r->types->member[parent];
        if (!name[0] && inner && btf_is_composite(inner) && depth < DEPTH_MAX) {
            if (!add_fields(r, parent, inner, at, depth + 1, n))
                return false;
            continue;
        }
        if (*n == FIELDS_MAX || at / 8 >= BYTES_MAX)
            return false;
        like.flags = FUNCTION_MEMBER_FIELD;
        like.parent = parent;
        like.steps = 0;
        memset(like.offset, 0, sizeof(like.offset));
        memset(&like.value, 0, sizeof(like.value));
        like.offset[0] = at / 8;
        like.bit = (uint8_t)(at % 8);
        like.bits = (uint8_t)MIN(width, 64u);
        take_value(r, m->type, &like);
        btf_read__keep(like.value.name, name);
        if (!plain(like.value.kind)) /* nothing further is read for them */
            like.value.kind =
                like.flags & FUNCTION_MEMBER_POINTS || !inner || btf_is_ptr(inner) ? FUNCTION_HEX : FUNCTION_STRUCT;
        like.flags = FUNCTION_MEMBER_FIELD;
        if (!add(r, &like))
            return false;
        ++*n;
    }
    return true;
}

/* A struct is told by its fields. */
static void finish(struct btf_reader *r, const struct function_member *member, const struct btf_type *t)
{
    struct function_member *to = add(r, member);
    unsigned n = 0;
    if (to && to->value.kind == FUNCTION_STRUCT && t && btf_is_composite(t) &&
        !add_fields(r, (uint32_t)(to - r->types->member), t, 0, 0, &n))
        to->flags |= FUNCTION_MEMBER_MORE;
}

/* ---- paths ---- */

/* The type that a pointer leads to, or the type itself. */
static const struct btf_type *led_to(const struct btf *btf, const struct btf_type *t, bool *pointer)
{
    *pointer = t && btf_is_ptr(t);
    return *pointer ? btf_read__resolve(btf, t->type, NULL) : t;
}

/* The struct itself that is reached: of a pointer to a file its fields are wanted here, not its path. */
static bool take_whole(struct btf_reader *r, const struct btf_type *t, struct function_member *to)
{
    if (!t || !btf_is_composite(t))
        return false;
    to->value = (struct function_value){.kind = FUNCTION_STRUCT,
                                        .when = FUNCTION_IN,
                                        .length_arg = FUNCTION_NO_ARG,
                                        .most_arg = FUNCTION_NO_ARG,
                                        .length = MIN(t->size, BYTES_MAX)};
    btf_read__keep(to->value.type, btf_read__text(r->btf, t->name_off));
    finish(r, to, t);
    return true;
}

/* `rest` is what follows the argument's name: "f_path.dentry"; "" and "*": the struct that it points at. */
static bool follow(struct btf_reader *r, uint32_t type, const char *rest, struct function_member *to,
                   struct function_path *path)
{
    bool pointer;
    const struct btf_type *t = led_to(r->btf, btf_read__resolve(r->btf, type, NULL), &pointer);
    if (!pointer || !t || !btf_is_composite(t))
        return false;
    to->steps = 1;
    if (!rest[0] || strcmp(rest, "*") == 0)
        to->flags |= FUNCTION_MEMBER_STANDS;
    while (rest[0] && strcmp(rest, "*") != 0) {
        struct member_at at = {0};
        size_t len = strcspn(rest, ".");
        if (!find_member(r->btf, t, rest, len, 0, &at) || at.bits % 8 || at.bits / 8 > OFFSET_MAX) {
            lacks(r, t, rest, len, path);
            return false;
        }
        to->offset[to->steps - 1] += at.bits / 8;
        const struct btf_type *inner = btf_read__resolve(r->btf, at.type, NULL);
        if (!rest[len]) {
            take_value(r, at.type, to);
            btf_read__keep(to->value.name, rest);
            finish(r, to, inner);
            return true;
        }
        t = led_to(r->btf, inner, &pointer);
        if (pointer && to->steps++ == FUNCTION_STEPS_MAX)
            return false;
        rest += len + 1;
    }
    return take_whole(r, t, to);
}

/* What tells more of a struct than its address. */
static void add_telling(struct btf_reader *r, uint32_t type, struct function_member *to)
{
    static const struct {
        const char *type, *member;
    } telling[] = {{"filename", "name"},    {"task_struct", "comm"}, {"net_device", "name"},
                   {"super_block", "s_id"}, {"module", "name"},      {"file_system_type", "name"}};
    bool pointer;
    const struct btf_type *t = led_to(r->btf, btf_read__resolve(r->btf, type, NULL), &pointer);
    for (size_t i = 0; pointer && t && btf_is_struct(t) && i < G_N_ELEMENTS(telling); i++) {
        if (strcmp(btf_read__text(r->btf, t->name_off), telling[i].type) != 0)
            continue;
        to->path = FUNCTION_NO_PATH;
        to->flags = FUNCTION_MEMBER_STANDS;
        (void)follow(r, type, telling[i].member, to, NULL);
    }
}

void btf_read__members(struct btf_reader *r, const struct function_query *q, uint32_t function,
                       const struct btf_type *proto)
{
    for (uint32_t i = 0; i < btf_vlen(proto) && i < FUNCTION_ARGS_MAX; i++) {
        const char *name = btf_read__text(r->btf, btf_params(proto)[i].name_off);
        struct function_member to = {.function = function, .arg = (uint8_t)i};
        add_telling(r, btf_params(proto)[i].type, &to);
        for (size_t p = 0; p < q->n_paths && p < FUNCTION_PATHS_MAX; p++) {
            struct function_path *path = &r->types->path[p];
            size_t head = strcspn(q->path[p], ".");
            if (strlen(name) != head || memcmp(name, q->path[p], head) != 0)
                continue;
            path->args++;
            to = (struct function_member){.function = function, .arg = (uint8_t)i, .path = (uint8_t)p};
            path->found +=
                follow(r, btf_params(proto)[i].type, q->path[p] + head + (q->path[p][head] == '.'), &to, path);
        }
    }
}
