// SPDX-License-Identifier: GPL-2.0-or-later
/* What passes as a record, and what is found in one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "trace/record.h"

/* A number that no type of record has yet. */
static bool is_unknown(unsigned type)
{
    return strcmp(record__type_name((enum qbk_type)type), "unknown") == 0;
}

static void test_sample_valid(void **state)
{
    struct build b;
    bool seen[QBK_TYPES] = {false};

    (void)state;
    build__init(&b);
    build__sample(&b);
    build__gap(&b, 1, 0, 0);
    for (unsigned i = 0; i < b.records->len; i++) {
        const struct qbk_record *rec = b.records->pdata[i];

        assert_true(record__valid(rec, rec->size));
        assert_false(record__valid(rec, rec->size - 8));
        assert_false(record__valid(rec, 8));
        assert_false(record__valid(rec, 0));
        seen[rec->type] = true;
    }
    for (unsigned type = QBK_META; type < QBK_TYPES; type++)
        assert_true(seen[type] || is_unknown(type));
    build__free(&b);
}

/* Cut each record to each shorter length, by its own size field: a fixed part that is not whole is refused. */
static void test_short_records(void **state)
{
    static const size_t least[QBK_TYPES] = {
        0,
        sizeof(struct qbk_text),
        sizeof(struct qbk_text),
        offsetof(struct qbk_thread, ns_pid),
        sizeof(struct qbk_thread_exit),
        sizeof(struct qbk_enter),
        sizeof(struct qbk_return),
        sizeof(struct qbk_signal),
        sizeof(struct qbk_name),
        sizeof(struct qbk_gap),
        sizeof(struct qbk_text),
        sizeof(struct qbk_text),
        sizeof(struct qbk_summary),
        sizeof(struct qbk_object),
        sizeof(struct qbk_completion),
        sizeof(struct qbk_file),
        sizeof(struct qbk_pages),
        sizeof(struct qbk_function),
        sizeof(struct qbk_function_enter),
        sizeof(struct qbk_function_return),
        sizeof(struct qbk_code),
        sizeof(struct qbk_blocks),
        sizeof(struct qbk_layer),
        sizeof(struct qbk_layer_bytes),
        sizeof(struct qbk_mapping),
    };

    (void)state;
    for (unsigned type = QBK_META; type < QBK_TYPES; type++) {
        if (is_unknown(type))
            continue;
        for (uint32_t size = 0; size <= 256; size++) {
            uint64_t room[32] = {0};
            struct qbk_record *rec = (struct qbk_record *)room;

            rec->size = size;
            rec->type = (uint16_t)type;
            bool good = size % 8 == 0 && size >= least[type];

            /* What follows the fixed part of these is snippets, here empty ones, and nothing else. */
            if (type == QBK_ENTER || type == QBK_RETURN || type == QBK_COMPLETION || type == QBK_FUNCTION_ENTER ||
                type == QBK_FUNCTION_RETURN)
                good = good && (size - least[type]) % sizeof(struct qbk_snippet) == 0;
            if (type == QBK_FUNCTION || type == QBK_CODE) /* one without a name, or an instruction, is refused */
                good = false;
            assert_int_equal(record__valid(rec, sizeof(room)), good);
        }
    }
}

/* Instructions must be as long as they can be, and make up the code; blocks must lie inside. */
static void test_code(void **state)
{
    struct build b;
    struct qbk_code *code;
    struct qbk_blocks *blocks;

    (void)state;
    build__init(&b);
    build__code(&b, 1, 0x401000);
    code = build__last(&b);
    assert_true(record__valid(code, code->h.size));
    code->bytes[6] = 2;
    assert_false(record__valid(code, code->h.size));
    code->bytes[6] = 0;
    code->bytes[7] = 4;
    assert_false(record__valid(code, code->h.size));
    code->bytes[6] = 1;
    code->bytes[7] = 3;
    code->len = UINT32_MAX - 2;
    assert_false(record__valid(code, code->h.size));
    code->len = 6;
    code->insns = UINT16_MAX;
    assert_false(record__valid(code, code->h.size));
    code->insns = 3;
    code->id = 0;
    assert_false(record__valid(code, code->h.size));
    build__blocks(&b, 1, (struct qbk_block[]){{0x401000, 1, 3, 0}}, 1);
    blocks = build__last(&b);
    assert_true(record__valid(blocks, blocks->h.size));
    blocks->count = 2;
    assert_false(record__valid(blocks, blocks->h.size));
    blocks->count = UINT32_MAX;
    assert_false(record__valid(blocks, blocks->h.size));
    build__free(&b);
}

/* Names and arguments must lie inside. */
static void test_functions(void **state)
{
    struct build b;
    struct qbk_function *function;
    struct qbk_function_enter *enter;

    (void)state;
    build__init(&b);
    build__function(&b, 1, "vfs_read");
    function = build__last(&b);
    assert_true(record__valid(function, function->h.size));
    function->module_len = 1;
    assert_false(record__valid(function, function->h.size));
    function->name_len = 7;
    assert_true(record__valid(function, function->h.size));
    function->module_len = 0xffff;
    assert_false(record__valid(function, function->h.size));
    build__function_enter(&b, 1, 1, 0, 5);
    enter = build__last(&b);
    assert_true(record__valid(enter, enter->h.size));
    enter->nargs = 2;
    assert_false(record__valid(enter, enter->h.size));
    enter->nargs = 255;
    assert_false(record__valid(enter, enter->h.size));
    build__free(&b);
}

static void test_sizes(void **state)
{
    uint64_t *room = calloc(1, QBK_RECORD_MAX + 8);
    struct qbk_record *rec = (struct qbk_record *)room;

    (void)state;
    rec->type = 999; /* unknown types pass */
    rec->size = QBK_RECORD_MAX;
    assert_true(record__valid(rec, QBK_RECORD_MAX + 8));
    rec->size = QBK_RECORD_MAX + 8;
    assert_false(record__valid(rec, QBK_RECORD_MAX + 8));
    rec->size = 0xfffffff8u;
    assert_false(record__valid(rec, QBK_RECORD_MAX + 8));
    free(room);
}

/* Every count inside a record, one too large. */
static void test_counts(void **state)
{
    struct build b;
    struct qbk_enter *e;
    struct qbk_text *t;
    struct qbk_name *n;
    struct qbk_summary *s;
    struct qbk_signal *g;

    (void)state;
    build__init(&b);
    build__enter(&b, 1, 1, 2, (uint64_t[]){1, 2});
    e = build__last(&b);
    assert_true(record__valid(e, e->h.size));
    e->nargs = 3;
    assert_false(record__valid(e, e->h.size));
    e->nargs = 255;
    assert_false(record__valid(e, e->h.size));
    build__text(&b, QBK_ERROR, "12345678");
    t = build__last(&b);
    t->len = 9;
    assert_false(record__valid(t, t->h.size));
    t->len = 0xffffffffu;
    assert_false(record__valid(t, t->h.size));
    build__name(&b, 1, 1, "12345678");
    n = build__last(&b);
    n->len = 9;
    assert_false(record__valid(n, n->h.size));
    build__summary(&b);
    s = build__last(&b);
    s->count++;
    assert_false(record__valid(s, s->h.size));
    s->count = 0x20000000u; /* times 8 is 0 in 32 bits */
    assert_false(record__valid(s, s->h.size));
    build__signal(&b, 1, 9, 0, QBK_SIGNAL_FATAL);
    g = build__last(&b);
    g->info_len = sizeof(g->info) + 1;
    assert_false(record__valid(g, g->h.size));
    build__free(&b);
}

static void test_snippet_bounds(void **state)
{
    static const uint32_t bad[] = {17, 24, 0x7fffffff, 0xfffffff0, 0xfffffff8, 0xffffffff};
    struct build b;
    struct qbk_return *r;
    struct qbk_snippet *s;

    (void)state;
    build__init(&b);
    build__return(&b, 1, 1, QBK_END_RETURNED, 0);
    build__snippet(&b, QBK_SNIP_MEM, 0x1000, "0123456789", 10, 10, 0, 0, 0);
    r = build__last(&b);
    s = (struct qbk_snippet *)(r + 1);
    assert_true(record__valid(r, r->h.size));
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        s->have = bad[i];
        assert_false(record__valid(r, r->h.size));
    }
    s->have = 0; /* then 16 bytes are left, too few for a snippet */
    assert_false(record__valid(r, r->h.size));
    build__free(&b);
}

static void test_memory(void **state)
{
    struct build b;
    const struct qbk_record *rec;
    const uint8_t *bytes = NULL;

    (void)state;
    build__init(&b);
    build__enter(&b, 1, 1, 0, NULL);
    build__snippet(&b, QBK_SNIP_FD, 0x1000, "not memory", 10, 10, 0, 0, 0);
    build__snippet(&b, QBK_SNIP_MEM, 0x1000, "abcdef", 6, 100, QBK_SNIP_TRUNCATED, 1, 0);
    build__snippet(&b, QBK_SNIP_MEM, 0x1002, "cdefgh", 6, 6, 0, 2, 0);
    build__snippet(&b, QBK_SNIP_MEM, UINT64_MAX - 1, "yz", 2, 2, 0, 2, 0);
    rec = build__last(&b);
    assert_int_equal(record__memory(rec, 0x1000, 6, &bytes), 6);
    assert_memory_equal(bytes, "abcdef", 6);
    assert_int_equal(record__memory(rec, 0x1000, 100, &bytes), 6);
    assert_int_equal(record__memory(rec, 0x1003, 100, &bytes), 5); /* the second snippet reaches further */
    assert_memory_equal(bytes, "defgh", 5);
    assert_int_equal(record__memory(rec, 0x1005, 1, &bytes), 1);
    assert_int_equal(*bytes, 'f');
    assert_int_equal(record__memory(rec, 0x0fff, 2, &bytes), 0);
    assert_int_equal(record__memory(rec, 0x1008, 2, &bytes), 0);
    assert_int_equal(record__memory(rec, UINT64_MAX, 8, &bytes), 1);
    assert_int_equal(*bytes, 'z');
    assert_int_equal(record__memory(rec, 0x1000, 0, &bytes), 0);
    build__free(&b);
}

static void test_find(void **state)
{
    struct build b;
    const struct qbk_snippet *s;
    const uint8_t *bytes = NULL;

    (void)state;
    build__init(&b);
    build__return(&b, 1, 1, QBK_END_RETURNED, 0);
    build__snippet(&b, QBK_SNIP_FD, 3, "/etc/passwd", 11, 11, 0, 0, 0);
    build__snippet(&b, QBK_SNIP_MEM, 3, "xyz", 3, 3, 0, 0, 0);
    s = record__find(build__last(&b), QBK_SNIP_FD, 3, &bytes);
    assert_non_null(s);
    assert_int_equal(s->have, 11);
    assert_memory_equal(bytes, "/etc/passwd", 11);
    s = record__find(build__last(&b), QBK_SNIP_MEM, 3, &bytes);
    assert_non_null(s);
    assert_memory_equal(bytes, "xyz", 3);
    assert_null(record__find(build__last(&b), QBK_SNIP_MEM, 4, &bytes));
    assert_null(record__find(build__last(&b), QBK_SNIP_CWD, 0, &bytes));
    build__text(&b, QBK_LOG, "no snippets here");
    assert_null(record__find(build__last(&b), QBK_SNIP_MEM, 3, &bytes));
    build__free(&b);
}

static void test_text(void **state)
{
    struct build b;
    struct qbk_text *t;
    const char *key = NULL;
    const char *value = NULL;
    size_t pos = 0;

    (void)state;
    build__init(&b);
    build__meta(&b, "a", "1", "empty", "", "b", "2", NULL);
    t = build__last(&b);
    assert_string_equal(record__text_get(t, "a"), "1");
    assert_string_equal(record__text_get(t, "empty"), "");
    assert_string_equal(record__text_get(t, "b"), "2");
    assert_null(record__text_get(t, "2"));
    assert_null(record__text_get(t, "c"));
    for (unsigned i = 0; i < 3; i++)
        assert_true(record__text_next(t, &pos, &key, &value));
    assert_string_equal(key, "b");
    assert_false(record__text_next(t, &pos, &key, &value));
    /* Without the last NUL, and without a value at all: those pairs are not there. */
    t->len--;
    assert_null(record__text_get(t, "b"));
    assert_string_equal(record__text_get(t, "empty"), "");
    t->len = 1;
    assert_null(record__text_get(t, "a"));
    t->len = 2;
    assert_null(record__text_get(t, "a"));
    t->len = 0;
    assert_null(record__text_get(t, "a"));
    build__free(&b);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(record__type_name(QBK_ENTER), "enter");
    assert_string_equal(record__type_name(QBK_SUMMARY), "summary");
    assert_string_equal(record__type_name(QBK_TYPES), "unknown");
    assert_string_equal(record__end_name(QBK_END_RETURNED), "returned");
    assert_string_equal(record__end_name(QBK_END_ORPHANED), "orphaned");
    assert_string_equal(record__end_name((enum qbk_end)200), "unknown");
    assert_string_equal(record__abi_name(QBK_ABI_NT_X86), "nt-x86");
    assert_string_equal(record__abi_name((enum qbk_abi)5), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions),      cmocka_unit_test(test_code),   cmocka_unit_test(test_sample_valid),
        cmocka_unit_test(test_short_records),  cmocka_unit_test(test_sizes),  cmocka_unit_test(test_counts),
        cmocka_unit_test(test_snippet_bounds), cmocka_unit_test(test_memory), cmocka_unit_test(test_find),
        cmocka_unit_test(test_text),           cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
