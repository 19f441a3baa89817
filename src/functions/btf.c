/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "functions/btf.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <string.h>
#include <sys/mman.h>

#include "guest/find/child.h"

#define DEPTH_MAX 32

/* What the child writes; the prototypes stand behind it. */
struct answer {
    struct function_types types;
    struct function_prototype prototype[];
};

struct reader {
    const struct btf *btf;
    struct answer *answer;
};

static int quiet(enum libbpf_print_level level, const char *format, va_list ap)
{
    (void)level;
    (void)format;
    (void)ap;
    return 0;
}

static const char *text(const struct btf *btf, uint32_t offset)
{
    const char *name = btf__name_by_offset(btf, offset);
    return name ? name : "";
}

static void keep(char to[FUNCTION_NAME_MAX], const char *name)
{
    g_strlcpy(to, name, FUNCTION_NAME_MAX);
}

/* Through names and qualifiers; *constant tells whether there was a const. NULL: void, or nonsense. */
static const struct btf_type *resolve(const struct btf *btf, uint32_t id, bool *constant)
{
    for (int i = 0; i < DEPTH_MAX; i++) {
        const struct btf_type *t = id ? btf__type_by_id(btf, id) : NULL;
        if (!t || !(btf_is_mod(t) || btf_is_typedef(t) || btf_is_type_tag(t)))
            return t;
        if (constant && btf_is_const(t))
            *constant = true;
        id = t->type;
    }
    return NULL;
}

/* ---- enumerations ---- */

static void add_items(struct reader *r, const struct btf_type *t, struct function_enum *to)
{
    struct function_types *types = &r->answer->types;
    uint32_t n = MIN((uint32_t)btf_vlen(t), FUNCTION_ITEMS_MAX - types->n_items);
    to->first = types->n_items;
    to->count = n;
    for (uint32_t i = 0; i < n; i++) {
        struct function_item *item = &types->item[types->n_items++];
        if (btf_is_enum(t)) {
            const struct btf_enum *e = btf_enum(t) + i;
            item->value = btf_kflag(t) ? (int64_t)e->val : (int64_t)(uint32_t)e->val;
            /* Before enumerations told their sign: it is that of the values. */
            if (e->val < 0)
                item->value = e->val;
            keep(item->name, text(r->btf, e->name_off));
        } else {
            const struct btf_enum64 *e = btf_enum64(t) + i;
            item->value = (int64_t)((uint64_t)e->val_hi32 << 32 | e->val_lo32);
            keep(item->name, text(r->btf, e->name_off));
        }
    }
}

static void add_enum(struct reader *r, const struct btf_type *t, const char *name)
{
    struct function_types *types = &r->answer->types;
    for (uint32_t i = 0; i < types->n_enums; i++) {
        if (strncmp(types->enums[i].name, name, FUNCTION_NAME_MAX - 1) == 0)
            return;
    }
    if (types->n_enums == FUNCTION_ENUMS_MAX)
        return;
    struct function_enum *to = &types->enums[types->n_enums++];
    keep(to->name, name);
    add_items(r, t, to);
}

/* ---- values ---- */

static bool is_char(const struct btf_type *t)
{
    return t && btf_is_int(t) && t->size == 1 && !(btf_int_encoding(t) & BTF_INT_BOOL);
}

static uint8_t pointer_kind(const struct btf *btf, const struct btf_type *pointer)
{
    static const struct {
        const char *name;
        uint8_t kind;
    } looked_at[] = {{"file", FUNCTION_FILE}, {"path", FUNCTION_PATH}, {"dentry", FUNCTION_DENTRY}};
    bool constant = false;
    const struct btf_type *t = resolve(btf, pointer->type, &constant);
    if (constant && is_char(t) && strcmp(text(btf, t->name_off), "char") == 0)
        return FUNCTION_STRING;
    for (size_t i = 0; t && btf_is_struct(t) && i < G_N_ELEMENTS(looked_at); i++) {
        if (strcmp(text(btf, t->name_off), looked_at[i].name) == 0)
            return looked_at[i].kind;
    }
    return FUNCTION_HEX;
}

static uint8_t int_kind(const struct btf_type *t)
{
    uint8_t encoding = btf_int_encoding(t);
    if (encoding & BTF_INT_BOOL)
        return FUNCTION_BOOL;
    return encoding & BTF_INT_SIGNED ? FUNCTION_INT : FUNCTION_UINT;
}

static void value_of(struct reader *r, uint32_t id, struct function_value *value)
{
    const struct btf_type *t = resolve(r->btf, id, NULL);
    value->length_arg = value->most_arg = FUNCTION_NO_ARG;
    value->when = FUNCTION_IN;
    if (!t) {
        value->kind = FUNCTION_VOID;
        return;
    }
    value->size = t->size <= 255 ? (uint8_t)t->size : 0;
    if (btf_is_ptr(t)) {
        value->kind = pointer_kind(r->btf, t);
        value->size = 8;
    } else if (btf_is_int(t)) {
        value->kind = int_kind(t);
    } else if (btf_is_any_enum(t)) {
        value->kind = FUNCTION_ENUM;
        keep(value->type, text(r->btf, t->name_off));
        if (value->type[0])
            add_enum(r, t, value->type);
    } else {
        value->kind = FUNCTION_STRUCT;
        if (!btf_is_composite(t))
            value->size = 0;
        keep(value->type, text(r->btf, t->name_off));
    }
}

/* "const char *buf, size_t count" is no string: it need not end with a NUL. */
static void join_lengths(struct function_prototype *p)
{
    static const char *const lengths[] = {"count", "len", "length", "size", "n", "nbytes", "nr"};
    for (unsigned i = 0; i + 1 < p->n_args; i++) {
        const struct function_value *next = &p->arg[i + 1];
        bool number = next->kind == FUNCTION_INT || next->kind == FUNCTION_UINT;
        for (size_t k = 0; p->arg[i].kind == FUNCTION_STRING && number && k < G_N_ELEMENTS(lengths); k++) {
            if (strcmp(next->name, lengths[k]) == 0) {
                p->arg[i].kind = FUNCTION_BYTES;
                p->arg[i].length_arg = (uint8_t)(i + 1);
            }
        }
    }
}

static void prototype_of(struct reader *r, const struct btf_type *proto, struct function_prototype *p)
{
    const struct btf_param *param = btf_params(proto);
    memset(p, 0, sizeof(*p));
    p->convention = FUNCTION_SYSV;
    for (uint32_t i = 0; i < btf_vlen(proto); i++) {
        if (param[i].type == 0 || p->n_args == FUNCTION_ARGS_MAX) {
            p->variadic = 1;
            break;
        }
        keep(p->arg[p->n_args].name, text(r->btf, param[i].name_off));
        value_of(r, param[i].type, &p->arg[p->n_args++]);
    }
    value_of(r, proto->type, &p->result);
    p->result.may_fail = p->result.kind == FUNCTION_INT || p->result.kind >= FUNCTION_STRING ||
                         (p->result.kind == FUNCTION_HEX && p->result.size == 8);
    join_lengths(p);
    p->known = 1;
}

/* ---- members ---- */

struct member_at {
    uint32_t type, bits;
};

/* One member by name, looking through those without. */
static bool find_member(const struct btf *btf, const struct btf_type *t, const char *name, size_t len, int depth,
                        struct member_at *at)
{
    if (!t || !btf_is_composite(t) || depth > 8)
        return false;
    for (uint32_t i = 0; i < btf_vlen(t); i++) {
        const struct btf_member *m = btf_members(t) + i;
        const char *each = text(btf, m->name_off);
        uint32_t bits = btf_member_bit_offset(t, i);
        if (strlen(each) == len && len && memcmp(each, name, len) == 0 && btf_member_bitfield_size(t, i) == 0) {
            *at = (struct member_at){m->type, bits};
            return true;
        }
        if (!each[0] && find_member(btf, resolve(btf, m->type, NULL), name, len, depth + 1, at)) {
            at->bits += bits;
            return true;
        }
    }
    return false;
}

/* The type that a pointer leads to, or the type itself. */
static const struct btf_type *led_to(const struct btf *btf, const struct btf_type *t, bool *pointer)
{
    *pointer = t && btf_is_ptr(t);
    return *pointer ? resolve(btf, t->type, NULL) : t;
}

/* `rest` is what follows the argument's name: "f_path.dentry". */
static bool follow(struct reader *r, uint32_t type, const char *rest, struct function_member *to)
{
    bool pointer;
    const struct btf_type *t = led_to(r->btf, resolve(r->btf, type, NULL), &pointer);
    if (!pointer)
        return false;
    to->steps = 1;
    for (;;) {
        struct member_at at = {0};
        size_t len = strcspn(rest, ".");
        if (!find_member(r->btf, t, rest, len, 0, &at) || at.bits % 8 || at.bits / 8 > 65535)
            return false;
        to->offset[to->steps - 1] += at.bits / 8;
        if (!rest[len]) {
            keep(to->value.name, rest);
            value_of(r, at.type, &to->value);
            return true;
        }
        t = led_to(r->btf, resolve(r->btf, at.type, NULL), &pointer);
        if (pointer && to->steps++ == FUNCTION_STEPS_MAX)
            return false;
        rest += len + 1;
    }
}

static void expand(struct reader *r, const struct function_query *q, uint32_t function, const struct btf_type *proto)
{
    struct function_types *types = &r->answer->types;
    for (size_t p = 0; p < q->n_paths && p < 255; p++) {
        size_t head = strcspn(q->path[p], ".");
        for (uint32_t i = 0; q->path[p][head] && i < btf_vlen(proto) && i < FUNCTION_ARGS_MAX; i++) {
            const char *name = text(r->btf, btf_params(proto)[i].name_off);
            struct function_member *to = &types->member[types->n_members];
            if (strlen(name) != head || memcmp(name, q->path[p], head) != 0)
                continue;
            if (types->n_members == FUNCTION_EXPAND_MAX)
                return;
            memset(to, 0, sizeof(*to));
            to->function = function;
            to->arg = (uint8_t)i;
            to->path = (uint8_t)p;
            types->n_members += follow(r, btf_params(proto)[i].type, q->path[p] + head + 1, to);
        }
    }
}

/* ---- all of it, in the child ---- */

/* Two functions of one name, in different files of the kernel, may be different ones. */
static bool same(const struct function_prototype *a, const struct function_prototype *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static void take(struct reader *r, const struct function_query *q, uint32_t index, const struct btf_type *proto,
                 bool *differ)
{
    struct function_prototype *p = &r->answer->prototype[index], *other;
    if (!p->known) {
        prototype_of(r, proto, p);
        expand(r, q, index, proto);
        return;
    }
    other = g_new0(struct function_prototype, 1);
    prototype_of(r, proto, other);
    *differ |= !same(p, other);
    g_free(other);
}

static bool work(void *shared, const void *data)
{
    const struct function_query *q = data;
    struct reader r = {.answer = shared};
    g_autoptr(GHashTable) wanted = g_hash_table_new(g_str_hash, g_str_equal);
    g_autofree bool *differ = g_new0(bool, q->count + 1);
    struct btf *btf;
    libbpf_set_print(quiet);
    btf = btf__new(q->blob, (uint32_t)q->size);
    if (!btf || libbpf_get_error(btf))
        return false;
    r.btf = btf;
    for (size_t i = 0; i < q->count; i++)
        g_hash_table_insert(wanted, (gpointer)(uintptr_t)q->name[i], GUINT_TO_POINTER((guint)i + 1));
    for (uint32_t id = 1; id < btf__type_cnt(btf); id++) {
        const struct btf_type *t = btf__type_by_id(btf, id);
        const struct btf_type *proto = t && btf_is_func(t) ? btf__type_by_id(btf, t->type) : NULL;
        guint index = proto ? GPOINTER_TO_UINT(g_hash_table_lookup(wanted, text(btf, t->name_off))) : 0;
        if (index && btf_is_func_proto(proto))
            take(&r, q, index - 1, proto, &differ[index - 1]);
    }
    for (size_t i = 0; i < q->count; i++) {
        if (differ[i])
            memset(&r.answer->prototype[i], 0, sizeof(r.answer->prototype[i]));
    }
    return true;
}

/* ---- what came back ---- */

/* Names go to terminals and files later: they are C names, or they are cut where they are not. */
static void clean(char name[FUNCTION_NAME_MAX])
{
    size_t len = 0;
    while (len < FUNCTION_NAME_MAX - 1 && (g_ascii_isalnum(name[len]) || name[len] == '_'))
        len++;
    memset(name + len, 0, FUNCTION_NAME_MAX - len);
}

static void clean_value(struct function_value *value, unsigned n_args)
{
    clean(value->name);
    clean(value->type);
    value->may_fail = value->may_fail != 0;
    if (value->kind >= FUNCTION_KINDS)
        value->kind = FUNCTION_HEX;
    if (value->kind != FUNCTION_STRUCT && value->size > 16)
        value->size = 8;
    if (value->length_arg >= n_args && value->length_arg != FUNCTION_RETURN)
        value->length_arg = FUNCTION_NO_ARG;
    if (value->most_arg >= n_args)
        value->most_arg = FUNCTION_NO_ARG;
    value->when &= FUNCTION_INOUT;
    value->length = MIN(value->length, 65536);
}

static void clean_prototype(struct function_prototype *p)
{
    p->convention = FUNCTION_SYSV;
    p->known = p->known != 0;
    p->variadic = p->variadic != 0;
    p->n_args = (uint8_t)MIN(p->n_args, FUNCTION_ARGS_MAX);
    for (unsigned i = 0; i < FUNCTION_ARGS_MAX; i++)
        clean_value(&p->arg[i], p->n_args);
    clean_value(&p->result, p->n_args);
}

static void clean_types(struct function_types *types, const struct function_query *q)
{
    types->n_enums = MIN(types->n_enums, FUNCTION_ENUMS_MAX);
    types->n_items = MIN(types->n_items, FUNCTION_ITEMS_MAX);
    types->n_members = MIN(types->n_members, FUNCTION_EXPAND_MAX);
    for (uint32_t i = 0; i < types->n_items; i++)
        clean(types->item[i].name);
    for (uint32_t i = 0; i < types->n_enums; i++) {
        struct function_enum *e = &types->enums[i];
        clean(e->name);
        e->first = MIN(e->first, types->n_items);
        e->count = MIN(e->count, types->n_items - e->first);
    }
    for (uint32_t i = 0; i < types->n_members; i++) {
        struct function_member *m = &types->member[i];
        if (m->function >= q->count || m->arg >= FUNCTION_ARGS_MAX || m->path >= q->n_paths || m->steps < 1 ||
            m->steps > FUNCTION_STEPS_MAX) {
            types->n_members = i; /* a child that writes such things has written nothing good behind them */
            return;
        }
        clean_value(&m->value, 0);
        for (unsigned s = 0; s < FUNCTION_STEPS_MAX; s++)
            m->offset[s] &= 0x1ffff;
    }
}

bool functions__from_btf(const struct function_query *query, struct function_prototype *prototype,
                         struct function_types *types)
{
    size_t size = sizeof(struct answer) + query->count * sizeof(*prototype);
    struct answer *answer = child__shared(size);
    bool ok = answer && child__compute(work, answer, query);
    memset(prototype, 0, query->count * sizeof(*prototype));
    memset(types, 0, sizeof(*types));
    if (ok) {
        memcpy(prototype, answer->prototype, query->count * sizeof(*prototype));
        *types = answer->types;
        for (size_t i = 0; i < query->count; i++)
            clean_prototype(&prototype[i]);
        clean_types(types, query);
    }
    if (answer)
        munmap(answer, size);
    return ok;
}

const char *functions__enum_name(const struct function_types *types, const char *name, int64_t value)
{
    for (uint32_t i = 0; i < types->n_enums; i++) {
        const struct function_enum *e = &types->enums[i];
        for (uint32_t k = 0; strcmp(e->name, name) == 0 && k < e->count; k++) {
            if (types->item[e->first + k].value == value)
                return types->item[e->first + k].name;
        }
    }
    return NULL;
}
