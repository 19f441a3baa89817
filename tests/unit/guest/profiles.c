/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layouts of NT kernels, derived and told: getters as the compilers write them with the offsets of eight real kernels,
 * symbol tables that agree and that do not, and the public tables themselves where QEBEK_WINDOWS_ISF names their
 * folder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <lzma.h>
#include <string.h>
#include <unistd.h>

#include "guest/find/nt/isf.h"
#include "guest/find/nt/nt.h"
#include "pe_build.h"
#include "windows.h"

/* ---- getters ---- */

enum form { OF_ARGUMENT, ADDRESS, OF_THREAD };

/* As MSVC writes it, as clang and gcc do for the same target, and MSVC without optimisation. */
#define SHAPES 3u

static uint32_t put_code(uint8_t *to, const char *code, size_t len, uint32_t offset)
{
    memcpy(to, code, len);
    put(to + len, offset, 4);
    return (uint32_t)len + 4;
}
#define PUT(to, code, offset) put_code(to, code, sizeof(code) - 1, offset)

static uint32_t getter(uint8_t *to, enum form form, uint32_t offset, unsigned shape)
{
    uint32_t n = 0;
    if (form == OF_THREAD) {
        n = put_code(to, "\x65\x48\x8b\x04\x25", 5, 0x188);         /* mov rax, gs:[188h] */
        n += PUT(to + n, "\x48\x8b\x80", offset);                   /* mov rax, [rax+N] */
    } else if (shape == 2) {                                        /* the argument goes through its home */
        memcpy(to, "\x48\x89\x4c\x24\x08\x48\x8b\x44\x24\x08", 10); /* mov [rsp+8], rcx; mov rax, [rsp+8] */
        return 0;                                                   /* not a shape that is understood */
    } else if (form == ADDRESS) {
        n = shape ? PUT(to, "\x48\x81\xc1", offset)
                  : PUT(to, "\x48\x8d\x81", offset); /* add rcx, N; lea rax, [rcx+N] */
        if (shape)
            memcpy(to + n, "\x48\x89\xc8", 3); /* mov rax, rcx */
        n += shape ? 3 : 0;
    } else {
        n = PUT(to, "\x48\x8b\x81", offset); /* mov rax, [rcx+N] */
    }
    to[n++] = 0xc3;
    return n;
}

static const struct {
    const char *name;
    enum form form;
    enum nt_offset offset;
    uint32_t plus;
} getters[] = {{"PsGetCurrentProcess", OF_THREAD, NT_THREAD_PROCESS, 0},
               {"PsGetThreadTeb", OF_ARGUMENT, NT_THREAD_TEB, 0},
               {"PsGetThreadProcessId", OF_ARGUMENT, NT_THREAD_CID, 0},
               {"PsGetThreadId", OF_ARGUMENT, NT_THREAD_CID, 8},
               {"PsGetProcessId", OF_ARGUMENT, NT_PROCESS_ID, 0},
               {"PsGetProcessInheritedFromUniqueProcessId", OF_ARGUMENT, NT_PROCESS_PARENT, 0},
               {"PsGetProcessImageFileName", ADDRESS, NT_PROCESS_NAME, 0},
               {"PsGetProcessPeb", OF_ARGUMENT, NT_PROCESS_PEB, 0},
               {"PsGetProcessCreateTimeQuadPart", OF_ARGUMENT, NT_PROCESS_CREATE_TIME, 0},
               {"PsGetProcessExitStatus", OF_ARGUMENT, NT_PROCESS_EXIT_STATUS, 0},
               {"IoGetInitialStack", OF_THREAD, NT_THREAD_INITIAL_STACK, 0},
               {"PsGetCurrentThreadStackLimit", OF_THREAD, NT_THREAD_STACK_LIMIT, 0},
               {"PsGetCurrentThreadStackBase", OF_THREAD, NT_THREAD_STACK_BASE, 0}};

static void put_id(struct built *b, const char *id)
{
    uint8_t *r = b->bytes + DEBUG + 0x40;
    unsigned part[8];
    uint32_t a, age;
    unsigned short c, d;
    assert_int_equal(sscanf(id, "%8x%4hx%4hx%2x%2x%2x%2x%2x%2x%2x%2x-%x", &a, &c, &d, &part[0], &part[1], &part[2],
                            &part[3], &part[4], &part[5], &part[6], &part[7], &age),
                     12);
    memcpy(r, "RSDS", 4);
    put(r + 4, a, 4);
    put(r + 8, c, 2);
    put(r + 10, d, 2);
    for (unsigned i = 0; i < 8; i++)
        r[12 + i] = (uint8_t)part[i];
    put(r + 20, age, 4);
    memcpy(r + 24, "ntkrnlmp.pdb", 13);
    put(b->bytes + DEBUG + 12, 2, 4);
    put(b->bytes + DEBUG + 20, DEBUG + 0x40, 4);
}

static struct built *kernel_of(const struct windows *w, unsigned shape)
{
    struct built *b = build(true, "ntkrnlmp.exe");
    for (size_t i = 0; i < G_N_ELEMENTS(getters); i++) {
        char code[SLOT] = {0};
        uint32_t len = getter((uint8_t *)code, getters[i].form, w->offset[getters[i].offset] + getters[i].plus, shape);
        export(b, getters[i].name, code, len ? len : 10);
    }
    put_id(b, w->pdb_id);
    return b;
}

struct answer {
    struct find_nt nt;
    struct link_found found;
};

static struct answer *find(const struct windows *w, unsigned shape, const char *isf)
{
    struct built *b = kernel_of(w, shape);
    struct answer *a = calloc(1, sizeof(*a));
    const struct find_options options = {.isf_file = isf};
    assert_non_null(a);
    assert_true(find_nt__kernel(&a->nt, &b->image, &options, &a->found));
    free(b);
    return a;
}

static void answer_free(struct answer *a)
{
    find_nt__clear(&a->nt);
    free(a);
}

static void derived(void **state)
{
    (void)state;
    for (size_t k = 0; k < G_N_ELEMENTS(windows); k++) {
        for (unsigned shape = 0; shape < 2; shape++) {
            struct answer *a = find(&windows[k], shape, NULL);
            assert_memory_equal(a->nt.layout.offset, windows[k].offset, sizeof(windows[k].offset));
            assert_string_equal(value_of(&a->found, "pdb_id"), windows[k].pdb_id);
            answer_free(a);
        }
    }
}

/* A shape that is not understood is refused: what is missing is told, and tracing falls back. */
static void refused(void **state)
{
    (void)state;
    struct answer *a = find(&windows[0], 2, NULL);
    assert_false(nt_layout__usable(&a->nt.layout));
    for (unsigned i = 0; i < NT_OFFSETS; i++) {
        if (i == NT_THREAD_PROCESS || i == NT_THREAD_INITIAL_STACK || i == NT_THREAD_STACK_LIMIT ||
            i == NT_THREAD_STACK_BASE)
            continue; /* their getters have no argument */
        assert_int_equal(a->nt.layout.offset[i], NT_NONE);
        assert_non_null(strstr(value_of(&a->found, "missing"), isf__offset_name(i)));
    }
    answer_free(a);
}

/* ---- tables ---- */

static char *json_of(const struct windows *w)
{
    static const char *const fields[NT_OFFSETS] = {
        [NT_PROCESS_ID] = "UniqueProcessId",     [NT_PROCESS_PARENT] = "InheritedFromUniqueProcessId",
        [NT_PROCESS_NAME] = "ImageFileName",     [NT_PROCESS_PEB] = "Peb",
        [NT_PROCESS_CREATE_TIME] = "CreateTime", [NT_PROCESS_EXIT_STATUS] = "ExitStatus"};
    g_autoptr(GString) s = g_string_new(NULL);
    g_string_append_printf(s,
                           "{\"metadata\":{\"windows\":{\"pdb\":{\"GUID\":\"%.32s\",\"age\":%s,\"database\":"
                           "\"ntkrnlmp.pdb\",\"machine_type\":34404}}},\"user_types\":{\"_KTHREAD\":{\"fields\":{"
                           "\"ApcState\":{\"offset\":%u},\"Teb\":{\"offset\":%u},\"InitialStack\":{\"offset\":%u},"
                           "\"StackLimit\":{\"offset\":%u},"
                           "\"StackBase\":{\"offset\":%u}}},\"_KAPC_STATE\":{\"fields\":{"
                           "\"Process\":{\"offset\":32}}},\"_ETHREAD\":{\"fields\":{\"Cid\":{\"offset\":%u}}},"
                           "\"_HANDLE_TABLE\":{\"fields\":{\"TableCode\":{\"offset\":%u},\"QuotaProcess\":{"
                           "\"offset\":%u}}},\"_EPROCESS\":{\"fields\":{\"ObjectTable\":{\"offset\":%u}",
                           w->pdb_id, w->pdb_id + 33, w->offset[NT_THREAD_PROCESS] - 32, w->offset[NT_THREAD_TEB],
                           w->offset[NT_THREAD_INITIAL_STACK], w->offset[NT_THREAD_STACK_LIMIT],
                           w->offset[NT_THREAD_STACK_BASE], w->offset[NT_THREAD_CID], w->table_code, w->quota_process,
                           w->object_table);
    for (unsigned i = 0; i < NT_OFFSETS; i++) {
        if (fields[i])
            g_string_append_printf(s, ",\"%s\":{\"offset\":%u}", fields[i], w->offset[i]);
    }
    g_string_append(s, "}}}}");
    return g_strdup(s->str);
}

static void is_as_known(const struct isf *isf, const struct windows *w)
{
    assert_string_equal(isf->pdb, "ntkrnlmp.pdb");
    assert_string_equal(isf->pdb_id, w->pdb_id);
    assert_true(isf->is_64);
    assert_memory_equal(isf->offset, w->offset, sizeof(w->offset));
    assert_int_equal(isf->object_table, w->object_table);
    assert_int_equal(isf->table_code, w->table_code);
    assert_int_equal(isf->quota_process, w->quota_process);
}

/* Plain, and packed with xz. */
static void tables(void **state)
{
    (void)state;
    for (size_t k = 0; k < G_N_ELEMENTS(windows); k++) {
        g_autofree char *json = json_of(&windows[k]);
        uint8_t packed[8192];
        size_t size = 0;
        struct isf isf;
        assert_true(isf__parse((const uint8_t *)json, strlen(json), &isf, NULL));
        is_as_known(&isf, &windows[k]);
        assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, NULL, (const uint8_t *)json, strlen(json), packed,
                                                 &size, sizeof(packed)),
                         LZMA_OK);
        assert_true(isf__parse(packed, size, &isf, NULL));
        is_as_known(&isf, &windows[k]);
        for (size_t cut = 0; cut < size; cut++)
            assert_false(isf__parse(packed, cut, &isf, NULL));
    }
}

static void refused_tables(void **state)
{
    static const struct {
        const char *json, *why;
    } wrong[] = {
        {"", "not JSON"},
        {"{", "not JSON"},
        {"[]", "no user_types"},
        {"{\"user_types\":[]}", "no user_types"},
        {"{\"user_types\":{}}", "_ETHREAD.Cid"},
        {"{\"user_types\":{\"_ETHREAD\":{\"fields\":{\"Cid\":{\"offset\":-8}}}}}", "_ETHREAD.Cid"},
        {"{\"user_types\":{\"_ETHREAD\":{\"fields\":{\"Cid\":{\"offset\":9223372036854775807}}}}}", "_ETHREAD.Cid"},
        {"{\"user_types\":{\"_ETHREAD\":{\"fields\":{\"Cid\":{\"offset\":\"8\"}}}}}", "_ETHREAD.Cid"}};
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        struct isf isf;
        assert_false(isf__parse((const uint8_t *)wrong[i].json, strlen(wrong[i].json), &isf, &error));
        if (!strstr(error->message, wrong[i].why))
            fail_msg("%s: %s", wrong[i].json, error->message);
    }
    struct isf isf;
    assert_false(isf__read("/nonexistent.json", &isf, NULL));
}

/* A small file that unpacks to a large one costs no more than the limit. */
static void bomb(void **state)
{
    g_autofree uint8_t *zeros = g_malloc0(80u << 20), *packed = g_malloc(1u << 20);
    size_t size = 0;
    struct isf isf;
    (void)state;
    assert_int_equal(lzma_easy_buffer_encode(0, LZMA_CHECK_NONE, NULL, zeros, 80u << 20, packed, &size, 1u << 20),
                     LZMA_OK);
    assert_false(isf__parse(packed, size, &isf, NULL));
}

/* ---- both ---- */

static char *save(const struct windows *w)
{
    g_autofree char *json = json_of(w);
    char *path = NULL;
    int fd = g_file_open_tmp("qebek-isf-XXXXXX.json", &path, NULL);
    assert_true(fd >= 0);
    close(fd);
    assert_true(g_file_set_contents(path, json, -1, NULL));
    return path;
}

static struct answer *with_table(const struct windows *kernel, unsigned shape, const struct windows *table)
{
    g_autofree char *path = save(table);
    struct answer *a = find(kernel, shape, path);
    g_unlink(path);
    return a;
}

static void agree(void **state)
{
    (void)state;
    for (size_t k = 0; k < G_N_ELEMENTS(windows); k++) {
        struct answer *a = with_table(&windows[k], 0, &windows[k]);
        assert_non_null(strstr(value_of(&a->found, "how"), "profile (agrees on 12 offsets, adds 0)"));
        assert_string_equal(value_of(&a->found, "profile"), "");
        answer_free(a);
    }
    struct answer *a =
        with_table(&windows[1], 2, &windows[1]); /* nothing could be derived but what is of the running thread */
    assert_non_null(strstr(value_of(&a->found, "how"), "profile (agrees on 4 offsets, adds 8)"));
    assert_memory_equal(a->nt.layout.offset, windows[1].offset, sizeof(windows[1].offset));
    assert_string_equal(
        value_of(&a->found, "offsets"), /* what was derived alone */
        "KTHREAD.ApcState.Process 0xb8, KTHREAD.InitialStack 0x28, KTHREAD.StackLimit 0x30, KTHREAD.StackBase 0x38");
    answer_free(a);
}

static void disagree(void **state)
{
    struct windows other = windows[2];
    (void)state;
    other.offset[NT_THREAD_TEB] += 8;
    struct answer *a = with_table(&windows[2], 0, &other);
    assert_string_equal(value_of(&a->found, "profile"), "KTHREAD.Teb is 0xf0 by its getter, 0xf8 in the profile");
    answer_free(a);
    a = with_table(&windows[2], 0, &windows[3]); /* another kernel's table changes nothing */
    assert_non_null(strstr(value_of(&a->found, "missing"), "it is of kernel"));
    assert_memory_equal(a->nt.layout.offset, windows[2].offset, sizeof(windows[2].offset));
    answer_free(a);
    a = find(&windows[2], 0, "/nonexistent.json");
    assert_non_null(strstr(value_of(&a->found, "missing"), "profile (it cannot be opened)"));
    answer_free(a);
}

/* The public tables themselves, which are no part of the sources. */
static void real_tables(void **state)
{
    const char *path = g_getenv("QEBEK_WINDOWS_ISF"), *name;
    g_autoptr(GDir) dir = path ? g_dir_open(path, 0, NULL) : NULL;
    unsigned compared = 0;
    (void)state;
    while (dir && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        struct isf isf;
        if (!g_str_has_suffix(name, ".json.xz") || !isf__read(file, &isf, NULL))
            continue;
        for (size_t k = 0; k < G_N_ELEMENTS(windows); k++) {
            if (strcmp(isf.pdb_id, windows[k].pdb_id) != 0)
                continue;
            is_as_known(&isf, &windows[k]);
            for (unsigned shape = 0; shape < 2; shape++) {
                struct answer *a = find(&windows[k], shape, file);
                assert_non_null(strstr(value_of(&a->found, "how"), "profile (agrees on 12 offsets, adds 0)"));
                answer_free(a);
            }
            compared++;
        }
    }
    if (path)
        assert_int_equal(compared, G_N_ELEMENTS(windows));
    print_message("%u of the %zu real tables compared%s\n", compared, G_N_ELEMENTS(windows),
                  path ? "" : " (QEBEK_WINDOWS_ISF names no folder)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(derived),  cmocka_unit_test(refused),
                                       cmocka_unit_test(tables),   cmocka_unit_test(refused_tables),
                                       cmocka_unit_test(bomb),     cmocka_unit_test(agree),
                                       cmocka_unit_test(disagree), cmocka_unit_test(real_tables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
