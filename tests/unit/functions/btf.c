/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prototypes from type information that is built here, and from damaged copies of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>
#include <cmocka.h>

#include "functions/btf.h"

static const char *const names[] = {"vfs_read", "strcmp_it", "made",    "printk",
                                    "differs",  "by_value",  "nowhere", "many"};
enum { VFS_READ, STRCMP_IT, MADE, PRINTK, DIFFERS, BY_VALUE, NOWHERE, MANY, NAMES };
static const char *const paths[] = {
    "file.f_path.dentry.d_name.name", "file.f_mode", "file.f_nothing", "file.flag", "file", "count.x",
    "file.f_path.dentry.d_name",      "file.inner"};

static int proto(struct btf *btf, int result)
{
    return btf__add_func_proto(btf, result);
}

static void function(struct btf *btf, const char *name, int proto_id)
{
    assert_true(btf__add_func(btf, name, BTF_FUNC_STATIC, proto_id) > 0);
}

/* struct qstr in struct dentry in struct path in struct file, as far as the tests look. */
static int file_type(struct btf *btf, int text, int mode)
{
    int qstr, dentry, path, file, dentry_ptr, anonymous;
    qstr = btf__add_struct(btf, "qstr", 16);
    assert_int_equal(btf__add_field(btf, "name", text, 64, 0), 0);
    dentry = btf__add_struct(btf, "dentry", 64);
    assert_int_equal(btf__add_field(btf, "d_name", qstr, 8 * 32, 0), 0);
    dentry_ptr = btf__add_ptr(btf, dentry);
    path = btf__add_struct(btf, "path", 16);
    assert_int_equal(btf__add_field(btf, "dentry", dentry_ptr, 64, 0), 0);
    anonymous = btf__add_struct(btf, NULL, 8);
    assert_int_equal(btf__add_field(btf, "inner", mode, 8 * 4, 0), 0);
    file = btf__add_struct(btf, "file", 128);
    assert_int_equal(btf__add_field(btf, "f_path", path, 8 * 16, 0), 0);
    assert_int_equal(btf__add_field(btf, "f_mode", mode, 8 * 68, 0), 0);
    assert_int_equal(btf__add_field(btf, NULL, anonymous, 8 * 72, 0), 0);
    assert_int_equal(btf__add_field(btf, "flag", mode, 8 * 80, 3), 0); /* three bits */
    return file;
}

static struct btf *build(void)
{
    struct btf *btf = btf__new_empty();
    int i_char = btf__add_int(btf, "char", 1, BTF_INT_SIGNED), i_int = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
    int i_uint = btf__add_int(btf, "unsigned int", 4, 0), i_ulong = btf__add_int(btf, "long unsigned int", 8, 0);
    int i_long = btf__add_int(btf, "long int", 8, BTF_INT_SIGNED), i_bool = btf__add_int(btf, "_Bool", 1, BTF_INT_BOOL);
    int size_t_id = btf__add_typedef(btf, "size_t", i_ulong), ssize_t_id = btf__add_typedef(btf, "ssize_t", i_long);
    int text = btf__add_ptr(btf, btf__add_const(btf, i_char)), buf = btf__add_ptr(btf, i_char);
    int mode = btf__add_typedef(btf, "fmode_t", i_uint);
    int file = btf__add_ptr(btf, file_type(btf, text, mode)), position = btf__add_ptr(btf, i_long), colour, big, p;
    colour = btf__add_enum(btf, "colour", 4);
    assert_int_equal(btf__add_enum_value(btf, "RED", 0), 0);
    assert_int_equal(btf__add_enum_value(btf, "NO_COLOUR", -1), 0);
    big = btf__add_struct(btf, "big", 24);

    p = proto(btf, ssize_t_id);
    assert_int_equal(btf__add_func_param(btf, "file", file), 0);
    assert_int_equal(btf__add_func_param(btf, "buf", buf), 0);
    assert_int_equal(btf__add_func_param(btf, "count", size_t_id), 0);
    assert_int_equal(btf__add_func_param(btf, "pos", position), 0);
    function(btf, "unrelated", p);
    return btf__add_func(btf, "vfs_read", BTF_FUNC_GLOBAL, p) > 0 && i_int && i_bool && colour && big ? btf : NULL;
}

static int id_of(struct btf *btf, const char *name, unsigned kind)
{
    int id = btf__find_by_name_kind(btf, name, kind);
    assert_true(id > 0);
    return id;
}

static void build_rest(struct btf *btf)
{
    int i_int = id_of(btf, "int", BTF_KIND_INT), i_bool = id_of(btf, "_Bool", BTF_KIND_INT), p;
    int text = btf__add_ptr(btf, btf__add_const(btf, id_of(btf, "char", BTF_KIND_INT)));
    int size_t_id = id_of(btf, "size_t", BTF_KIND_TYPEDEF);

    p = proto(btf, i_bool);
    btf__add_func_param(btf, "one", text);
    btf__add_func_param(btf, "other", text);
    btf__add_func_param(btf, "len", size_t_id);
    function(btf, "strcmp_it", p);
    p = proto(btf, id_of(btf, "colour", BTF_KIND_ENUM));
    btf__add_func_param(btf, "c", id_of(btf, "colour", BTF_KIND_ENUM));
    function(btf, "made", p);
    p = proto(btf, i_int);
    btf__add_func_param(btf, "fmt", text);
    btf__add_func_param(btf, NULL, 0);
    function(btf, "printk", p);
    p = proto(btf, 0);
    btf__add_func_param(btf, "a", i_int);
    function(btf, "differs", p);
    p = proto(btf, 0);
    btf__add_func_param(btf, "a", size_t_id);
    function(btf, "differs", p);
    p = proto(btf, 0);
    btf__add_func_param(btf, "b", id_of(btf, "big", BTF_KIND_STRUCT));
    btf__add_func_param(btf, "a", i_int);
    function(btf, "by_value", p);
    p = proto(btf, 0);
    for (int i = 0; i < 14; i++) {
        char name[8];
        g_snprintf(name, sizeof(name), "a%d", i);
        btf__add_func_param(btf, name, i_int);
    }
    function(btf, "many", p);
}

struct made {
    struct btf *btf;
    uint8_t *bytes;
    size_t size;
    struct function_prototype prototype[NAMES];
    struct function_types *types;
};

static bool ask(struct made *m)
{
    const struct function_query query = {.blob = m->bytes,
                                         .size = m->size,
                                         .name = names,
                                         .count = NAMES,
                                         .path = paths,
                                         .n_paths = G_N_ELEMENTS(paths)};
    return functions__from_btf(&query, m->prototype, m->types);
}

static int setup(void **state)
{
    struct made *m = g_new0(struct made, 1);
    uint32_t size;
    m->btf = build();
    build_rest(m->btf);
    const void *raw = btf__raw_data(m->btf, &size);
    m->bytes = g_memdup2(raw, size);
    m->size = size;
    m->types = g_new0(struct function_types, 1);
    *state = m;
    return ask(m) ? 0 : 1;
}

static int teardown(void **state)
{
    struct made *m = *state;
    btf__free(m->btf);
    g_free(m->bytes);
    g_free(m->types);
    g_free(m);
    return 0;
}

static void check(const struct function_value *v, const char *name, unsigned kind, unsigned size)
{
    assert_string_equal(v->name, name);
    assert_int_equal(v->kind, kind);
    assert_int_equal(v->size, size);
}

static void arguments_have_names_and_kinds(void **state)
{
    const struct made *m = *state;
    const struct function_prototype *p = &m->prototype[VFS_READ];
    assert_int_equal(p->known, 1);
    assert_int_equal(p->n_args, 4);
    check(&p->arg[0], "file", FUNCTION_FILE, 8);
    check(&p->arg[1], "buf", FUNCTION_BYTES, 8); /* as read fills it */
    assert_int_equal(p->arg[1].when, FUNCTION_OUT);
    assert_int_equal(p->arg[1].length_arg, FUNCTION_RETURN);
    assert_int_equal(p->arg[1].most_arg, 2);
    check(&p->arg[2], "count", FUNCTION_UINT, 8);
    check(&p->arg[3], "pos", FUNCTION_TO_INT, 8);
    assert_int_equal(p->arg[3].when, FUNCTION_INOUT);
    assert_int_equal(p->arg[3].length, 8);
    check(&p->result, "", FUNCTION_INT, 8);
    assert_int_equal(p->result.may_fail, 1);
}

static void strings_with_a_length_are_bytes(void **state)
{
    const struct made *m = *state;
    const struct function_prototype *p = &m->prototype[STRCMP_IT];
    check(&p->arg[0], "one", FUNCTION_STRING, 8);
    check(&p->arg[1], "other", FUNCTION_BYTES, 8);
    assert_int_equal(p->arg[1].length_arg, 2);
    assert_int_equal(p->arg[1].when, FUNCTION_IN);
    check(&p->result, "", FUNCTION_BOOL, 1);
    assert_int_equal(p->result.may_fail, 0);
}

static void enumerations_have_names(void **state)
{
    const struct made *m = *state;
    const struct function_prototype *p = &m->prototype[MADE];
    check(&p->arg[0], "c", FUNCTION_ENUM, 4);
    assert_string_equal(functions__enum_name(m->types, p->result.type, 0), "RED");
    assert_string_equal(functions__enum_name(m->types, "colour", -1), "NO_COLOUR");
    assert_null(functions__enum_name(m->types, "colour", 7));
    assert_null(functions__enum_name(m->types, "color", 0));
    assert_int_equal(m->types->n_enums, 1);
}

static void the_rest_is_said_as_it_is(void **state)
{
    const struct made *m = *state;
    struct function_place place[FUNCTION_ARGS_MAX];
    assert_int_equal(m->prototype[PRINTK].n_args, 1);
    assert_int_equal(m->prototype[PRINTK].variadic, 1);
    assert_int_equal(m->prototype[DIFFERS].known, 0);
    assert_int_equal(m->prototype[NOWHERE].known, 0);
    assert_int_equal(m->prototype[MANY].n_args, FUNCTION_ARGS_MAX);
    assert_int_equal(m->prototype[MANY].variadic, 1);
    check(&m->prototype[BY_VALUE].arg[0], "b", FUNCTION_STRUCT, 24);
    check(&m->prototype[BY_VALUE].result, "", FUNCTION_VOID, 0);
    (void)function__places(&m->prototype[BY_VALUE], place);
    assert_int_equal(place[0].where, FUNCTION_STACK);
    assert_int_equal(place[1].where, FUNCTION_RDI);
}

static const struct function_member *member(const struct made *m, unsigned path)
{
    for (uint32_t i = 0; i < m->types->n_members; i++) {
        if (m->types->member[i].path == path && m->types->member[i].function == VFS_READ)
            return &m->types->member[i];
    }
    return NULL;
}

static void members_are_found_by_their_paths(void **state)
{
    const struct made *m = *state;
    const struct function_member *name = member(m, 0), *mode = member(m, 1), *whole = member(m, 6);
    const struct function_member *inner = member(m, 7);
    assert_non_null(name);
    assert_int_equal(name->steps, 2);
    assert_int_equal(name->offset[0], 16 + 8);
    assert_int_equal(name->offset[1], 32 + 8);
    check(&name->value, "name", FUNCTION_STRING, 8);
    assert_non_null(mode);
    assert_int_equal(mode->steps, 1);
    assert_int_equal(mode->offset[0], 68);
    check(&mode->value, "f_mode", FUNCTION_UINT, 4);
    assert_non_null(whole);
    check(&whole->value, "d_name", FUNCTION_STRUCT, 16);
    assert_non_null(inner); /* in an unnamed struct */
    assert_int_equal(inner->offset[0], 72 + 4);
    for (unsigned p = 2; p <= 5; p++) {
        if (p != 4)
            assert_null(member(m, p));
    }
}

/* "file": all of them, with those of the unnamed struct in it, and the three bits. */
static void a_struct_is_told_by_its_fields(void **state)
{
    static const struct {
        const char *name;
        unsigned kind, offset, bits;
    } rows[] = {{"f_path", FUNCTION_STRUCT, 16, 0},
                {"f_mode", FUNCTION_UINT, 68, 0},
                {"inner", FUNCTION_UINT, 76, 0},
                {"flag", FUNCTION_UINT, 80, 3}};
    const struct made *m = *state;
    const struct function_member *whole = member(m, 4);
    assert_non_null(whole);
    check(&whole->value, "", FUNCTION_STRUCT, 0);
    assert_int_equal(whole->value.length, 128);
    assert_int_equal(whole->flags, FUNCTION_MEMBER_STANDS);
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        const struct function_member *field = whole + 1 + i;
        assert_string_equal(field->value.name, rows[i].name);
        assert_int_equal(field->value.kind, rows[i].kind);
        assert_int_equal(field->flags, FUNCTION_MEMBER_FIELD);
        assert_int_equal(field->parent, (uint32_t)(whole - m->types->member));
        assert_int_equal(field->offset[0], rows[i].offset);
        assert_int_equal(field->bits, rows[i].bits);
    }
    assert_int_equal(whole[5].path, 6); /* the next path's */
}

/* … and said where it leads nowhere. */
static void what_became_of_paths_is_known(void **state)
{
    const struct made *m = *state;
    const struct function_path *path = m->types->path;
    assert_int_equal(path[0].found, 1);
    assert_int_equal(path[2].args, 1); /* "file.f_nothing" */
    assert_int_equal(path[2].found, 0);
    assert_string_equal(path[2].type, "file");
    assert_string_equal(path[2].member, "f_nothing");
    assert_int_equal(path[3].found, 0); /* "file.flag" is no whole bytes */
    assert_string_equal(path[3].near[0], "flag");
    assert_int_equal(path[5].args, 1); /* "count.x" */
    assert_string_equal(path[5].member, "");
}

static bool sound(const struct function_value *v)
{
    return v->kind < FUNCTION_KINDS && strnlen(v->name, FUNCTION_NAME_MAX) < FUNCTION_NAME_MAX &&
           strpbrk(v->name, "\033\n\"") == NULL;
}

/* Whatever libbpf makes of it, or dies of: we live, and what we are told can be used. */
static void damage_costs_the_answer_at_most(void **state)
{
    const struct made *whole = *state;
    struct made m = {.size = whole->size, .types = g_new0(struct function_types, 1)};
    uint32_t seed = 1, answers = 0;
    m.bytes = g_memdup2(whole->bytes, whole->size);
    for (unsigned round = 0; round < 60; round++) {
        memcpy(m.bytes, whole->bytes, whole->size);
        for (unsigned k = 0; k < 4; k++) {
            seed = seed * 1664525u + 1013904223u;
            m.bytes[24 + (seed >> 8) % (whole->size - 24)] = (uint8_t)(seed >> 3);
        }
        answers += ask(&m);
        for (unsigned i = 0; i < NAMES; i++) {
            assert_true(m.prototype[i].n_args <= FUNCTION_ARGS_MAX);
            for (unsigned a = 0; a < m.prototype[i].n_args; a++)
                assert_true(sound(&m.prototype[i].arg[a]));
        }
    }
    assert_true(answers > 0 && answers < 60);
    m.size = 10;
    assert_false(ask(&m));
    assert_int_equal(m.prototype[VFS_READ].known, 0);
    g_free(m.bytes);
    g_free(m.types);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_have_names_and_kinds),   cmocka_unit_test(strings_with_a_length_are_bytes),
        cmocka_unit_test(enumerations_have_names),          cmocka_unit_test(the_rest_is_said_as_it_is),
        cmocka_unit_test(members_are_found_by_their_paths), cmocka_unit_test(a_struct_is_told_by_its_fields),
        cmocka_unit_test(what_became_of_paths_is_known),    cmocka_unit_test(damage_costs_the_answer_at_most),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
