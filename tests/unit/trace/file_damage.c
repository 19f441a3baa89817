// SPDX-License-Identifier: GPL-2.0-or-later
/* Kept traces that are cut, damaged, or none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build.h"
#include "file_help.h"
#include "trace/file.h"
#include "trace/file_layout.h"

static void test_cut_everywhere(void **state)
{
    struct file_small s;
    char *cut = file_help__path("cut.qbk");

    (void)state;
    file_help__small_make(&s);
    for (size_t len = 0; len < s.len; len++) {
        enum trace_status status;
        char *message = NULL;
        unsigned n;

        file_help__put(cut, s.bytes, len);
        n = file_help__read_back(cut, &s.b, &status, &message);
        assert_non_null(message);
        if (len < sizeof(struct file_header)) {
            assert_int_equal(status, TRACE_FAILED);
            assert_non_null(strstr(message, len == 0 ? "empty" : "cut off"));
        } else {
            assert_int_equal(status, TRACE_CUT);
            assert_int_equal(n, s.whole[len]);
            assert_non_null(strstr(message, "byte"));
        }
        g_free(message);
    }
    g_free(cut);
    file_help__small_free(&s);
}

/* A bit wrong anywhere: found, and never a wrong record. */
static void test_flip_everywhere(void **state)
{
    struct file_small s;
    char *bad = file_help__path("flip.qbk");

    (void)state;
    file_help__small_make(&s);
    for (size_t i = 0; i < s.len; i++) {
        enum trace_status status;
        char *message = NULL;
        unsigned n;

        s.bytes[i] ^= (uint8_t)(1u << (i % 8));
        file_help__put(bad, s.bytes, s.len);
        s.bytes[i] ^= (uint8_t)(1u << (i % 8));
        n = file_help__read_back(bad, &s.b, &status, &message);
        assert_non_null(message);
        assert_int_equal(status, i < sizeof(struct file_header) ? TRACE_FAILED : TRACE_DAMAGED);
        assert_int_equal(n, i < sizeof(struct file_header) ? 0 : s.whole[i]);
        g_free(message);
    }
    g_free(bad);
    file_help__small_free(&s);
}

static void test_not_a_trace(void **state)
{
    char *path = file_help__path("other");
    struct file_header h = {.magic = FILE_MAGIC, .version = QBK_FORMAT_VERSION + 1};
    GError *error = NULL;
    char *none = file_help__path("none");

    (void)state;
    file_help__put(path, "", 0);
    file_help__message(path, "empty file");
    file_help__put(path, "#!/bin/sh\necho this is no trace, but longer\n", 43);
    file_help__message(path, "not a qebek trace");
    file_help__put(path, "QEBEx", 5);
    file_help__message(path, "not a qebek trace");
    file_help__put(path, "QEBEKTRC", 8);
    file_help__message(path, "cut off in its first bytes");
    h.crc = file__crc(&h, offsetof(struct file_header, crc));
    file_help__put(path, &h, sizeof(h));
    file_help__message(path, "another version: 2; this qebek reads 1");
    h.crc++;
    file_help__put(path, &h, sizeof(h));
    file_help__message(path, "damaged header");
    file_help__message(file_help__dir(), "directory");
    file_help__message(none, "No such file");
    assert_null(trace__create(file_help__dir(), NULL, &error));
    file_help__tells(&error, file_help__dir(), "");
    g_free(none);
    g_free(path);
}

/* Bytes that are right by every checksum and still lie. */
static void test_lies(void **state)
{
    struct file_small s;
    char *path = file_help__path("lie.qbk");
    struct file_block b;
    uint8_t *at;
    char *message = NULL;
    enum trace_status status;

    (void)state;
    file_help__small_make(&s);
    at = s.bytes + sizeof(struct file_header);
    memcpy(&b, at, sizeof(b));
    for (unsigned lie = 0; lie < 6; lie++) {
        struct file_block l = b;

        l.raw += lie == 0 ? 8 : 0;
        l.records += lie == 1;
        l.first += lie == 2;
        l.last += lie == 3;
        l.raw = lie == 4 ? 0xffffffffu : l.raw;
        l.stored = lie == 5 ? 0xffffffffu : l.stored;
        l.header_crc = file__crc(&l, offsetof(struct file_block, header_crc));
        memcpy(at, &l, sizeof(l));
        file_help__put(path, s.bytes, s.len);
        file_help__read_back(path, &s.b, &status, &message);
        assert_int_equal(status, TRACE_DAMAGED);
        g_free(message);
    }
    memcpy(at, &b, sizeof(b));
    /* An end mark that counts one record too many; something after the end. */
    at = s.bytes + s.len - sizeof(b);
    memcpy(&b, at, sizeof(b));
    b.first++;
    b.header_crc = file__crc(&b, offsetof(struct file_block, header_crc));
    memcpy(at, &b, sizeof(b));
    file_help__put(path, s.bytes, s.len);
    assert_int_equal(file_help__read_back(path, &s.b, &status, &message), s.b.records->len);
    assert_int_equal(status, TRACE_DAMAGED);
    g_free(message);
    file_help__put(path, s.bytes, s.len);
    g_free(path);
    file_help__small_free(&s);
}

static void test_trailing(void **state)
{
    struct file_small s;
    char *path = file_help__path("trail.qbk");
    char *message;
    enum trace_status status;

    (void)state;
    file_help__small_make(&s);
    s.bytes = g_realloc(s.bytes, s.len + 1);
    s.bytes[s.len] = 0;
    file_help__put(path, s.bytes, s.len + 1);
    assert_int_equal(file_help__read_back(path, &s.b, &status, &message), s.b.records->len);
    assert_int_equal(status, TRACE_DAMAGED);
    g_free(message);
    g_free(path);
    file_help__small_free(&s);
}

static void test_follow_bad(void **state)
{
    struct file_small s;
    char *path = file_help__path("grow.qbk");
    struct trace_reader *r;
    const struct qbk_record *rec = NULL;
    GError *error = NULL;

    (void)state;
    file_help__small_make(&s);
    file_help__put(path, "#!/", 3);
    assert_null(trace__open(path, true, &error));
    g_clear_error(&error);
    file_help__put(path, "QEB", 3);
    r = trace__open(path, true, NULL);
    assert_non_null(r);
    file_help__put(path, "QEBXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", 36);
    assert_int_equal(trace__read(r, &rec, &error), TRACE_DAMAGED);
    g_clear_error(&error);
    trace__close(r);
    file_help__put(path, s.bytes, s.len - 10);
    r = trace__open(path, true, NULL);
    assert_non_null(r);
    while (trace__read(r, &rec, NULL) == TRACE_OK)
        ;
    assert_int_equal(trace__read(r, &rec, NULL), TRACE_AGAIN);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(trace__read(r, &rec, &error), TRACE_DAMAGED);
    file_help__tells(&error, "shorter", "");
    trace__close(r);
    g_free(path);
    file_help__small_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_everywhere), cmocka_unit_test(test_flip_everywhere),
        cmocka_unit_test(test_not_a_trace),    cmocka_unit_test(test_lies),
        cmocka_unit_test(test_trailing),       cmocka_unit_test(test_follow_bad),
    };

    return cmocka_run_group_tests(tests, file_help__make_dir, file_help__remove_dir);
}
