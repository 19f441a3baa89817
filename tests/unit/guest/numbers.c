/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers of services by release: against the numbers that the test machine has of four releases, and against the
 * public tables themselves where QEBEK_NT_NUMBERS names their folder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glib.h>
#include <string.h>

#include "decode/decode.h"
#include "decode/nt/nt.h"
#include "guest/find/nt/numbers.h"

static const char *known[NT_TABLES][NT_TABLE_SIZE];

static struct numbers *find(bool is_64, uint32_t build, uint32_t major, uint32_t minor)
{
    static struct numbers numbers;
    const struct numbers_query query = {is_64, build, major, minor, known};
    numbers__find(&query, &numbers);
    return &numbers;
}

static bool is(const struct numbers_name *name, const char *with_nt)
{
    return name->at && strlen(with_nt) == name->len + 2 && strncmp(with_nt + 2, name->at, name->len) == 0;
}

/* ---- what the machine has ---- */

struct service {
    const char *name;
    uint32_t nr;
};
#define S(name, nr, nargs) {"Nt" #name, nr},
#define G(name, nr, nargs) {"Nt" #name, nr},
static const struct service xp[] = {
#include "services-xp.def"
};
static const struct service seven[] = {
#include "services-7.def"
};
static const struct service ten[] = {
#include "services-10.def"
};
static const struct service eleven[] = {
#include "services-11.def"
};
#undef S
#undef G

static unsigned agree(const struct numbers *numbers, const struct service *services, size_t n)
{
    unsigned unnamed = 0;
    for (size_t i = 0; i < n; i++) {
        const struct numbers_name *name = &numbers->name[services[i].nr >> 12][services[i].nr & 0xfff];
        if (!name->at)
            unnamed++;
        else if (!is(name, services[i].name))
            fail_msg("%#x is not %s but %.*s", services[i].nr, services[i].name, (int)name->len, name->at);
    }
    return unnamed;
}

static void four_releases(void **state)
{
    (void)state;
    assert_int_equal(agree(find(false, 2600, 0, 0), xp, G_N_ELEMENTS(xp)), 0);
    assert_int_equal(agree(find(true, 7601, 0, 0), seven, G_N_ELEMENTS(seven)), 0);
    assert_int_equal(agree(find(true, 22000, 0, 0), eleven, G_N_ELEMENTS(eleven)), 0);
    /* Updates have brought other numbers to this build: those have no name. */
    assert_in_range(agree(find(true, 19041, 0, 0), ten, G_N_ELEMENTS(ten)), 1, G_N_ELEMENTS(ten) / 2);
}

static void by_version(void **state)
{
    (void)state;
    assert_int_equal(agree(find(true, 0, 6, 1), seven, G_N_ELEMENTS(seven)), 0);
    assert_int_equal(find(true, 0, 6, 1)->releases, 2); /* with and without the service pack */
    assert_int_equal(agree(find(false, 0, 5, 1), xp, G_N_ELEMENTS(xp)), 0);
    assert_int_equal(find(true, 0, 0, 0)->releases, 0);
    assert_int_equal(find(true, 2600, 0, 0)->releases, 0); /* that was never there with 64 bits */
    assert_int_equal(find(true, 12345, 0, 0)->releases, 0);
    assert_false(find(true, 12345, 0, 0)->refuted);
}

/* What the guest itself tells decides between releases of one build, and against all of them. */
static void the_guest_decides(void **state)
{
    (void)state;
    for (size_t i = 0; i < 40; i++)
        known[ten[i].nr >> 12][ten[i].nr & 0xfff] = ten[i].name;
    assert_int_equal(agree(find(true, 19041, 0, 0), ten, G_N_ELEMENTS(ten)), 0);
    assert_int_equal(find(true, 19041, 0, 0)->releases, 1);
    assert_int_equal(find(true, 19045, 0, 0)->releases, 0);
    assert_true(find(true, 19045, 0, 0)->refuted);
    known[0][ten[0].nr] = "NtOneOther"; /* one other of so many may be */
    assert_int_equal(find(true, 19041, 0, 0)->releases, 1);
    memset(known, 0, sizeof(known));
}

/* Names alone, each of them in our tables, so that it can be asked for. */
static void all_names_have_rows(void **state)
{
    static const uint32_t builds[] = {2600,  3790,  6000,  6001,  6002,  7600,  7601,  9200,
                                      9600,  10240, 10586, 14393, 15063, 16299, 17134, 17763,
                                      18362, 19045, 20348, 22000, 22621, 25398, 26100};
    (void)state;
    for (size_t b = 0; b < G_N_ELEMENTS(builds); b++) {
        for (int is_64 = 0; is_64 < 2; is_64++) {
            const struct numbers *numbers = find(is_64, builds[b], 0, 0);
            for (unsigned i = 0; numbers->releases && i < NT_TABLES * NT_TABLE_SIZE; i++) {
                const struct numbers_name *name = &numbers->name[i / NT_TABLE_SIZE][i % NT_TABLE_SIZE];
                g_autofree char *text = g_strdup_printf("Nt%.*s", (int)name->len, name->at ? name->at : "");
                int row = name->at ? decode__number(QBK_ABI_NT_X64, text) : 0;
                if (row < 0 || (name->at && (row >= DECODE_NT_GRAPHICS) != (i >= NT_TABLE_SIZE)))
                    fail_msg("build %u, %#x, %s: row %d", builds[b], i, text, row);
            }
        }
    }
}

/* ---- the public tables ---- */

static const struct {
    const char *column;
    uint32_t build;
    bool sure; /* no other release has the same build and other numbers; for graphics there is one more exception */
} columns[] = {
    {"Windows XP (SP3)", 2600, true},
    {"Windows XP (SP2)", 0, true},
    {"Windows Vista (SP2)", 6002, true},
    {"Windows 7 (SP1)", 7601, true},
    {"Windows 8 (8.0)", 9200, true},
    {"Windows 8 (8.1)", 9600, true},
    {"Windows 10 (1507)", 10240, true},
    {"Windows 10 (1607)", 14393, true},
    {"Windows 10 (1709)", 16299, true},
    {"Windows 10 (1809)", 17763, true},
    {"Windows 10 (1909)", 18363, true},
    {"Windows 10 (2004)", 19041, false},
    {"Windows 10 (22H2)", 19045, true},
    {"Windows 11 and Server (11 21H2)", 22000, true},
    {"Windows 11 and Server (11 23H2)", 22631, true},
    {"Windows 11 and Server (11 24H2)", 26100, false},
};

static unsigned column_at(const char *head, const char *name)
{
    g_auto(GStrv) words = g_strsplit(head, ",", -1);
    for (unsigned i = 0; words[i]; i++) {
        if (strcmp(g_strstrip(words[i]), name) == 0)
            return i;
    }
    return 0;
}

static void check_column(char **lines, unsigned at, const struct numbers *numbers, bool sure)
{
    unsigned named = 0, all = 0;
    for (unsigned i = 1; lines[i] && *lines[i]; i++) {
        g_auto(GStrv) cells = g_strsplit(lines[i], ",", -1);
        if (g_strv_length(cells) <= at || !*g_strstrip(cells[at]))
            continue;
        guint64 nr = g_ascii_strtoull(cells[at], NULL, 16);
        const struct numbers_name *name = &numbers->name[nr >> 12 & 1][nr & 0x7ff];
        if (name->at && !is(name, cells[0]))
            fail_msg("%#x is not %s but %.*s", (unsigned)nr, cells[0], (int)name->len, name->at);
        all++;
        named += name->at != NULL;
    }
    if (all < 200 || (sure ? named < all : named < 10))
        fail_msg("column %u: %u of %u have names", at, named, all);
}

static void public_tables(void **state)
{
    const char *folder = g_getenv("QEBEK_NT_NUMBERS");
    unsigned compared = 0;
    (void)state;
    if (!folder)
        skip();
    for (unsigned f = 0; f < 4; f++) {
        g_autofree char *path = g_strdup_printf("%s/%s-%s.csv", folder, f & 1 ? "win32k" : "nt", f & 2 ? "x86" : "x64");
        g_autofree char *text = NULL;
        assert_true(g_file_get_contents(path, &text, NULL, NULL));
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        for (size_t c = 0; c < G_N_ELEMENTS(columns); c++) {
            unsigned at = column_at(lines[0], columns[c].column);
            const struct numbers *numbers = find(!(f & 2), columns[c].build, 0, 0);
            if (!at || !numbers->releases)
                continue;
            check_column(lines, at, numbers, columns[c].sure && !(f == 3 && columns[c].build == 2600));
            compared++;
        }
    }
    assert_true(compared >= 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(four_releases), cmocka_unit_test(by_version),
                                       cmocka_unit_test(the_guest_decides), cmocka_unit_test(all_names_have_rows),
                                       cmocka_unit_test(public_tables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
