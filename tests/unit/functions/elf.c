/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Functions of ELF files: of this program and of its C library, where the loader itself tells what is where. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "functions/elf_symbols.h"

struct loaded {
    uint8_t *bytes;
    size_t size;
    uint64_t base;
    struct function_elf elf;
};

static void load(struct loaded *l, const char *path, const void *base)
{
    g_autoptr(GError) error = NULL;
    char *bytes;
    if (!g_file_get_contents(path, &bytes, &l->size, &error) ||
        !functions__from_elf((uint8_t *)bytes, l->size, &l->elf, &error))
        fail_msg("%s: %s", path, error->message);
    l->bytes = (uint8_t *)bytes;
    l->base = (uint64_t)(uintptr_t)base;
}

static void unload(struct loaded *l)
{
    functions__elf_clear(&l->elf);
    g_free(l->bytes);
}

static GArray *match(const struct loaded *l, const char *name, GError **error)
{
    g_autofree char *text = g_strconcat("file:", name, NULL);
    struct function_spec spec;
    assert_true(function__read_spec(text, &spec, NULL));
    GArray *found = function__match(&spec, l->elf.symbol, l->elf.count, 10000, error);
    function__spec_clear(&spec);
    return found;
}

static guint only(const struct loaded *l, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) found = match(l, name, &error);
    if (!found)
        fail_msg("%s", error->message);
    assert_int_equal(found->len, 1);
    return g_array_index(found, guint, 0);
}

static void check_at(const struct loaded *l, const char *name, const void *where)
{
    guint i = only(l, name);
    if (l->base + l->elf.value[i] != (uint64_t)(uintptr_t)where)
        fail_msg("%s is said to be at %#llx", name, (unsigned long long)l->elf.value[i]);
    assert_true(l->elf.symbol[i].address <= l->size - 16);
    assert_memory_equal(l->bytes + l->elf.symbol[i].address, where, 16);
}

static struct loaded libc;
static void *handle;

static int open_libc(void **state)
{
    Dl_info info;
    (void)state;
    handle = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
    if (!handle || !dladdr(dlsym(handle, "getenv"), &info))
        return 1;
    load(&libc, info.dli_fname, info.dli_fbase);
    return 0;
}

static int close_libc(void **state)
{
    (void)state;
    unload(&libc);
    return dlclose(handle);
}

static void functions_of_libc_are_where_the_loader_has_them(void **state)
{
    static const char *const names[] = {"getenv", "malloc", "free",   "qsort", "fopen",  "printf",
                                        "setenv", "getpid", "strtol", "open",  "crypt_", "connect"};
    unsigned n = 0;
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        void *where = dlsym(handle, names[i]);
        if (!where)
            continue;
        check_at(&libc, names[i], where);
        n++;
    }
    assert_int_equal(n, 11); /* crypt_ is no function of it */
    assert_int_equal(strlen(libc.elf.build_id), 40);
    assert_true(libc.elf.is_64);
    assert_false(libc.elf.cut);
}

static void functions_that_choose_are_marked(void **state)
{
    (void)state;
    assert_true(libc.elf.symbol[only(&libc, "strlen")].flags & FUNCTION_INDIRECT);
    assert_false(libc.elf.symbol[only(&libc, "getenv")].flags & FUNCTION_INDIRECT);
}

/* pthread_cond_wait has had two forms since 2.3.2: a program that is linked today gets the newer. */
static void the_default_version_has_the_plain_name(void **state)
{
    (void)state;
    check_at(&libc, "pthread_cond_wait", dlvsym(handle, "pthread_cond_wait", "GLIBC_2.3.2"));
    check_at(&libc, "pthread_cond_wait@GLIBC_2.2.5", dlvsym(handle, "pthread_cond_wait", "GLIBC_2.2.5"));
    assert_int_not_equal(libc.elf.value[only(&libc, "pthread_cond_wait")],
                         libc.elf.value[only(&libc, "pthread_cond_wait@GLIBC_2.2.5")]);
}

static void unknown_names_have_near_ones(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) found = match(&libc, "getenvv", &error);
    (void)state;
    assert_null(found);
    assert_non_null(strstr(error->message, "near it: getenv"));
}

static void check_holds(const struct loaded *l, const char *name, const char *text)
{
    guint i = only(l, name);
    uint64_t at = l->elf.symbol[i].address;
    assert_int_not_equal(at, l->elf.value[i]);
    assert_true(at < l->size - 64);
    assert_non_null(memmem(l->bytes + at, 32, text, strlen(text)));
}

/* The library keeps both tables, and is linked to an address that is no offset in it. */
static void offsets_are_those_in_the_file(void **state)
{
    struct loaded sample = {0};
    (void)state;
    load(&sample, SAMPLE, NULL);
    check_holds(&sample, "thing", "the new thing");
    check_holds(&sample, "thing@V1", "the old thing");
    for (size_t i = 0; i < sample.elf.count; i++)
        assert_null(strstr(sample.elf.symbol[i].name, "@@"));
    unload(&sample);
}

static __attribute__((noinline)) int local_function(int x)
{
    __asm__ volatile("");
    return x + 1;
}

static void own_static_functions_are_found(void **state)
{
    struct loaded self = {0};
    Dl_info info;
    (void)state;
    assert_true(dladdr((void *)(uintptr_t)local_function, &info) && local_function(1) == 2);
    load(&self, "/proc/self/exe", info.dli_fbase);
    check_at(&self, "local_function", (void *)(uintptr_t)local_function);
    assert_true(self.elf.symbol[only(&self, "local_function")].flags & FUNCTION_LOCAL);
    unload(&self);
}

static void other_files_are_refused(void **state)
{
    uint8_t text[64] = "#!/bin/sh\n", head[64] = "\177ELF\2\1\1";
    g_autoptr(GError) one = NULL, other = NULL, none = NULL;
    struct function_elf elf;
    (void)state;
    assert_false(functions__from_elf(text, sizeof(text), &elf, &one));
    assert_string_equal(one->message, "not an ELF file");
    assert_false(functions__from_elf(head, sizeof(head), &elf, &other));
    assert_non_null(strstr(other->message, "no symbols of functions in it"));
    assert_false(functions__from_elf(text, 0, &elf, &none));
}

/* Damage in the headers and in the tables that they lead to; the child may die of it, we may not. */
static void damage_costs_the_answer_at_most(void **state)
{
    g_autofree uint8_t *bytes = g_memdup2(libc.bytes, libc.size);
    uint32_t seed = 7, answers = 0, rounds = 40;
    uint64_t sections;
    (void)state;
    memcpy(&sections, libc.bytes + 40, 8); /* e_shoff */
    assert_true(sections < libc.size);
    for (unsigned round = 0; round < rounds; round++) {
        struct function_elf elf;
        size_t from = round % 2 ? sections : 16, span = round % 2 ? libc.size - sections : 40000;
        for (unsigned k = 0; k < 24; k++) {
            seed = seed * 1664525u + 1013904223u;
            bytes[from + (seed >> 8) % span] = (uint8_t)(seed >> 3);
        }
        if (functions__from_elf(bytes, libc.size, &elf, NULL)) {
            answers++;
            for (size_t i = 0; i < elf.count; i++)
                assert_true(strlen(elf.symbol[i].name) < 512);
            functions__elf_clear(&elf);
        }
        memcpy(bytes + from, libc.bytes + from, span);
    }
    assert_true(answers > 0 && answers < rounds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_of_libc_are_where_the_loader_has_them),
        cmocka_unit_test(functions_that_choose_are_marked),
        cmocka_unit_test(the_default_version_has_the_plain_name),
        cmocka_unit_test(unknown_names_have_near_ones),
        cmocka_unit_test(offsets_are_those_in_the_file),
        cmocka_unit_test(own_static_functions_are_found),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(damage_costs_the_answer_at_most),
    };
    return cmocka_run_group_tests(tests, open_libc, close_libc);
}
