/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hostile names and files of functions: what a user writes, the names of a kernel that it is looked for in, and ELF
 * files. The children in which parsers run otherwise are calls here, so that what they do is seen.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "functions/elf_symbols.h"
#include "guest/find/child.h"

void *child__shared(size_t size)
{
    void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return shared == MAP_FAILED ? NULL : shared;
}

bool child__compute(bool (*work)(void *shared, const void *data), void *shared, const void *data)
{
    return work(shared, data);
}

/* An error is one line, not endless, and only where something failed. */
static void check_error(const GError *error, bool failed)
{
    if (failed != (error != NULL) || (error && (!error->message[0] || strlen(error->message) > 4000)))
        abort();
}

static void check_prototype(const struct function_prototype *p)
{
    struct function_place place[FUNCTION_ARGS_MAX];
    if (p->n_args > FUNCTION_ARGS_MAX || p->convention >= FUNCTION_CONVENTIONS)
        abort();
    (void)function__places(p, place);
    for (unsigned i = 0; i < p->n_args; i++) {
        const struct function_value *v = &p->arg[i];
        bool length = v->length_arg < p->n_args || v->length_arg == FUNCTION_NO_ARG;
        if (strnlen(v->name, FUNCTION_NAME_MAX) == FUNCTION_NAME_MAX || v->kind == FUNCTION_VOID ||
            v->kind > FUNCTION_DENTRY || !length || v->size == 0 || v->size > 8 || place[i].where > FUNCTION_STACK)
            abort();
        if (v->kind == FUNCTION_BYTES && v->length_arg == FUNCTION_NO_ARG && v->length == 0)
            abort();
    }
}

/* The first line is a SPEC, those that follow are names of symbols. */
static void as_names(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 2000);
    g_autofree struct function_symbol *symbols = g_new0(struct function_symbol, g_strv_length(lines) + 1);
    g_autoptr(GError) error = NULL, none = NULL;
    struct function_spec spec;
    size_t n = 0;
    bool ok = function__read_spec(lines[0] ? lines[0] : "", &spec, &error);
    check_error(error, !ok);
    if (!ok)
        return;
    check_prototype(&spec.prototype);
    for (; lines[0] && lines[n + 1]; n++)
        symbols[n] = (struct function_symbol){.name = lines[n + 1], .address = n / 2};
    if (spec.name) {
        g_autoptr(GArray) found = function__match(&spec, symbols, n, 100, &none);
        check_error(none, !found);
        for (guint i = 0; found && i < found->len; i++) {
            if (g_array_index(found, guint, i) >= n)
                abort();
        }
    }
    function__spec_clear(&spec);
}

static void as_elf(const uint8_t *data, size_t size)
{
    g_autofree uint8_t *bytes = g_memdup2(data, size);
    g_autoptr(GError) error = NULL;
    struct function_elf elf;
    bool ok = functions__from_elf(bytes, size, &elf, &error);
    check_error(error, !ok);
    for (size_t i = 0; i < elf.count; i++) {
        if (strlen(elf.symbol[i].name) > 511 ||
            (elf.symbol[i].address != FUNCTION_NOT_IN_FILE && elf.symbol[i].address >= size))
            abort();
    }
    functions__elf_clear(&elf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 4 && memcmp(data, "\177ELF", 4) == 0)
        as_elf(data, size);
    else
        as_names(data, size);
    return 0;
}
