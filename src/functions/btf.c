/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "functions/btf.h"

#include <bpf/libbpf.h>
#include <string.h>
#include <sys/mman.h>

#include "functions/btf_internal.h"
#include "guest/find/child.h"

#define DEPTH_MAX 32

/* What the child writes; the prototypes stand behind it. */
struct answer {
    struct function_types types;
    struct function_prototype prototype[];
};

static int quiet(enum libbpf_print_level level, const char *format, va_list ap)
{
    (void)level;
    (void)format;
    (void)ap;
    return 0;
}

const char *btf_read__text(const struct btf *btf, uint32_t offset)
{
    const char *name = btf__name_by_offset(btf, offset);
    return name ? name : "";
}

void btf_read__keep(char to[FUNCTION_NAME_MAX], const char *name)
{
    g_strlcpy(to, name, FUNCTION_NAME_MAX);
}

const struct btf_type *btf_read__resolve(const struct btf *btf, uint32_t id, unsigned *qualifiers)
{
    for (int i = 0; i < DEPTH_MAX; i++) {
        const struct btf_type *t = id ? btf__type_by_id(btf, id) : NULL;
        if (!t || !(btf_is_mod(t) || btf_is_typedef(t) || btf_is_type_tag(t)))
            return t;
        if (qualifiers && btf_is_const(t))
            *qualifiers |= BTF_READ_CONST;
        if (qualifiers && btf_is_volatile(t))
            *qualifiers |= BTF_READ_VOLATILE;
        id = t->type;
    }
    return NULL;
}

/* ---- enumerations ---- */

static void add_items(struct btf_reader *r, const struct btf_type *t, struct function_enum *to)
{
    struct function_types *types = r->types;
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
            btf_read__keep(item->name, btf_read__text(r->btf, e->name_off));
        } else {
            const struct btf_enum64 *e = btf_enum64(t) + i;
            item->value = (int64_t)((uint64_t)e->val_hi32 << 32 | e->val_lo32);
            btf_read__keep(item->name, btf_read__text(r->btf, e->name_off));
        }
    }
}

static void add_enum(struct btf_reader *r, const struct btf_type *t, const char *name)
{
    struct function_types *types = r->types;
    for (uint32_t i = 0; i < types->n_enums; i++) {
        if (strncmp(types->enums[i].name, name, FUNCTION_NAME_MAX - 1) == 0)
            return;
    }
    if (types->n_enums == FUNCTION_ENUMS_MAX)
        return;
    struct function_enum *to = &types->enums[types->n_enums++];
    btf_read__keep(to->name, name);
    add_items(r, t, to);
}

/* ---- values ---- */

bool btf_read__is_char(const struct btf_type *t)
{
    return t && btf_is_int(t) && t->size == 1 && !(btf_int_encoding(t) & BTF_INT_BOOL);
}

/* Structs that are told by a path. */
uint8_t btf_read__object(const struct btf *btf, const struct btf_type *t)
{
    static const struct {
        const char *name;
        uint8_t kind;
    } looked_at[] = {{"file", FUNCTION_FILE}, {"path", FUNCTION_PATH}, {"dentry", FUNCTION_DENTRY}};
    for (size_t i = 0; t && btf_is_struct(t) && i < G_N_ELEMENTS(looked_at); i++) {
        if (strcmp(btf_read__text(btf, t->name_off), looked_at[i].name) == 0)
            return looked_at[i].kind;
    }
    return FUNCTION_HEX;
}

/*
 * What an argument points at. A constant can only be read by the function; what is not may be written, too. What is
 * volatile may be a device.
 */
static void pointer_of(const struct btf *btf, const struct btf_type *pointer, struct function_value *value)
{
    unsigned qualifiers = 0;
    const struct btf_type *t = btf_read__resolve(btf, pointer->type, &qualifiers);
    bool constant = qualifiers & BTF_READ_CONST;
    value->size = 8;
    value->kind = btf_read__object(btf, t);
    value->when = constant ? FUNCTION_IN : FUNCTION_INOUT;
    if (value->kind != FUNCTION_HEX || (qualifiers & BTF_READ_VOLATILE))
        value->when = FUNCTION_IN;
    else if (constant && btf_read__is_char(t) && strcmp(btf_read__text(btf, t->name_off), "char") == 0)
        value->kind = FUNCTION_STRING;
    else if (t && btf_is_int(t) && t->size > 1 && t->size <= 8) {
        value->kind = btf_int_encoding(t) & BTF_INT_SIGNED ? FUNCTION_TO_INT : FUNCTION_TO_UINT;
        value->length = t->size;
    }
}

static uint8_t int_kind(const struct btf_type *t)
{
    uint8_t encoding = btf_int_encoding(t);
    if (encoding & BTF_INT_BOOL)
        return FUNCTION_BOOL;
    return encoding & BTF_INT_SIGNED ? FUNCTION_INT : FUNCTION_UINT;
}

void btf_read__value(struct btf_reader *r, uint32_t id, struct function_value *value)
{
    const struct btf_type *t = btf_read__resolve(r->btf, id, NULL);
    value->length_arg = value->most_arg = FUNCTION_NO_ARG;
    value->when = FUNCTION_IN;
    if (!t) {
        value->kind = FUNCTION_VOID;
        return;
    }
    value->size = t->size <= 255 ? (uint8_t)t->size : 0;
    if (btf_is_ptr(t)) {
        pointer_of(r->btf, t, value);
    } else if (btf_is_int(t)) {
        value->kind = int_kind(t);
    } else if (btf_is_any_enum(t)) {
        value->kind = FUNCTION_ENUM;
        btf_read__keep(value->type, btf_read__text(r->btf, t->name_off));
        if (value->type[0])
            add_enum(r, t, value->type);
    } else {
        value->kind = FUNCTION_STRUCT;
        if (!btf_is_composite(t))
            value->size = 0;
        value->length = btf_is_composite(t) ? t->size : 0;
        btf_read__keep(value->type, btf_read__text(r->btf, t->name_off));
    }
}

/* Void, through all qualifiers; not a type that is nonsense. */
static bool nothing(const struct btf *btf, uint32_t id)
{
    for (int i = 0; id && i < DEPTH_MAX; i++) {
        const struct btf_type *t = btf__type_by_id(btf, id);
        if (!t || !(btf_is_mod(t) || btf_is_typedef(t) || btf_is_type_tag(t)))
            return false;
        id = t->type;
    }
    return id == 0;
}

/* Is it the length of what stands before it? */
static bool is_length(const struct function_value *v)
{
    static const char *const names[] = {"count", "len", "length", "size", "n", "nbytes", "nr", "bytes", "bufsize"};
    for (size_t i = 0; (v->kind == FUNCTION_INT || v->kind == FUNCTION_UINT) && i < G_N_ELEMENTS(names); i++) {
        if (strcmp(v->name, names[i]) == 0)
            return true;
    }
    return false;
}

/* Bytes, or nothing that BTF tells. */
static bool is_buffer(const struct btf *btf, uint32_t type, unsigned *qualifiers)
{
    const struct btf_type *t = btf_read__resolve(btf, type, NULL);
    if (!t || !btf_is_ptr(t))
        return false;
    const struct btf_type *to = btf_read__resolve(btf, t->type, qualifiers);
    return !(*qualifiers & BTF_READ_VOLATILE) && (btf_read__is_char(to) || (!to && nothing(btf, t->type)));
}

/*
 * "const char *buf, size_t count" is no string: it need not end with a NUL. "char *buf, size_t count" of a function
 * whose result is a number gets as many bytes as that says, if the function is of the kind that read is.
 */
static void join_lengths(const struct btf *btf, const struct btf_param *param, struct function_prototype *p)
{
    for (unsigned i = 0; i + 1 < p->n_args; i++) {
        struct function_value *v = &p->arg[i];
        unsigned qualifiers = 0;
        if (!is_length(&p->arg[i + 1]) || !is_buffer(btf, param[i].type, &qualifiers))
            continue;
        if (qualifiers & BTF_READ_CONST) {
            v->kind = FUNCTION_BYTES;
            v->when = FUNCTION_IN;
            v->length_arg = (uint8_t)(i + 1);
        } else if (p->result.kind == FUNCTION_INT) {
            v->kind = FUNCTION_BYTES;
            v->when = FUNCTION_OUT;
            v->length_arg = FUNCTION_RETURN;
            v->most_arg = (uint8_t)(i + 1);
        }
    }
}

static void prototype_of(struct btf_reader *r, const struct btf_type *proto, struct function_prototype *p)
{
    const struct btf_param *param = btf_params(proto);
    memset(p, 0, sizeof(*p));
    p->convention = FUNCTION_SYSV;
    for (uint32_t i = 0; i < btf_vlen(proto); i++) {
        if (param[i].type == 0 || p->n_args == FUNCTION_ARGS_MAX) {
            p->variadic = 1;
            break;
        }
        btf_read__keep(p->arg[p->n_args].name, btf_read__text(r->btf, param[i].name_off));
        btf_read__value(r, param[i].type, &p->arg[p->n_args++]);
    }
    btf_read__value(r, proto->type, &p->result);
    p->result.may_fail = p->result.kind == FUNCTION_INT || p->result.kind >= FUNCTION_STRING ||
                         (p->result.kind == FUNCTION_HEX && p->result.size == 8);
    join_lengths(r->btf, param, p);
    p->known = 1;
}

/* ---- all of it, in the child ---- */

/* Two functions of one name, in different files of the kernel, may be different ones. */
static bool same(const struct function_prototype *a, const struct function_prototype *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static void take(struct btf_reader *r, struct answer *answer, const struct function_query *q, uint32_t index,
                 const struct btf_type *proto, bool *differ)
{
    struct function_prototype *p = &answer->prototype[index], *other;
    if (!p->known) {
        prototype_of(r, proto, p);
        btf_read__members(r, q, index, proto);
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
    struct answer *answer = shared;
    struct btf_reader r = {.types = &answer->types};
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
        guint index = proto ? GPOINTER_TO_UINT(g_hash_table_lookup(wanted, btf_read__text(btf, t->name_off))) : 0;
        if (index && btf_is_func_proto(proto))
            take(&r, answer, q, index - 1, proto, &differ[index - 1]);
    }
    for (size_t i = 0; i < q->count; i++) {
        if (differ[i])
            memset(&answer->prototype[i], 0, sizeof(answer->prototype[i]));
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
    for (size_t i = 0; i < G_N_ELEMENTS(types->path); i++) {
        clean(types->path[i].type);
        clean(types->path[i].member);
        for (size_t n = 0; n < FUNCTION_NEAR_MAX; n++)
            clean(types->path[i].near[n]);
    }
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
        bool field = m->flags & FUNCTION_MEMBER_FIELD;
        if (m->function >= q->count || m->arg >= FUNCTION_ARGS_MAX ||
            (m->path >= q->n_paths && m->path != FUNCTION_NO_PATH) || (!field && m->steps < 1) ||
            m->steps > FUNCTION_STEPS_MAX || (field && m->parent >= i)) {
            types->n_members = i; /* a child that writes such things has written nothing good behind them */
            return;
        }
        clean_value(&m->value, 0);
        for (unsigned s = 0; s < FUNCTION_STEPS_MAX; s++)
            m->offset[s] = MIN(m->offset[s], 0xffff);
        m->bit &= 7;
        m->bits = (uint8_t)MIN(m->bits, 64);
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
