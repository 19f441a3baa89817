/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qebek doctor TRACE: what was found of the guest's kernel, how, and what is missing. */
#include "cmd/doctor_trace.h"

#include <stdio.h>
#include <string.h>

#include "cmd/chain.h"
#include "cmd/cmd.h"
#include "cmd/confine.h"
#include "show/output.h"
#include "trace/file_layout.h"
#include "trace/record.h"

static const struct {
    const char *key, *title;
} lines[] = {{"os", "guest"},        {"release", "release"}, {"version", "version"}, {"pdb", "PDB"},
             {"pdb_id", "PDB id"},   {"base", "image at"},   {"how", "found by"},    {"offsets", "offsets"},
             {"profile", "differs"}, {"missing", "missing"}, {"pairing", "calls by"}};

bool doctor_trace__is(const char *file)
{
    char magic[sizeof(FILE_MAGIC) - 1];
    FILE *f = fopen(file, "rbe");
    bool is = f && fread(magic, 1, sizeof(magic), f) == sizeof(magic) && memcmp(magic, FILE_MAGIC, sizeof(magic)) == 0;

    if (f) {
        fclose(f);
    }
    return is;
}

static void print_line(const char *title, const char *value)
{
    g_autoptr(GString) text = g_string_new(NULL);

    print__safe(text, value, strlen(value));
    printf("%-10s%s\n", title, text->str);
}

static unsigned count_services(const char *list)
{
    unsigned n = list && *list ? 1 : 0;

    for (; list && *list; list++) {
        n += *list == ',';
    }
    return n;
}

/* The last word on each kernel, for what is found later replaces what was. */
struct said {
    struct qbk_text *text; /* owned; NULL: nothing */
    bool known;            /* a kernel, and its threads */
};

static void print_kernel(struct said *said)
{
    for (size_t i = 0; said->text && i < sizeof(lines) / sizeof(lines[0]); i++) {
        const char *value = record__text_get(said->text, lines[i].key);

        if (value) {
            print_line(lines[i].title, value);
        }
    }
    if (said->text && record__text_get(said->text, "services")) {
        printf("%-10s%u\n", "names", count_services(record__text_get(said->text, "services")));
    }
    g_clear_pointer(&said->text, g_free);
}

static bool is_another(const struct said *said, const struct qbk_text *text)
{
    const char *a = said->text ? record__text_get(said->text, "version") : NULL, *b = record__text_get(text, "version");

    return said->text && g_strcmp0(a, b) != 0;
}

static enum trace_status read_trace(struct chain *chain, struct said *said, GError **error)
{
    const struct qbk_record *rec = NULL;
    enum trace_status status;

    while ((status = chain__read(chain, &rec, error)) == TRACE_OK) {
        const struct qbk_text *text = (const void *)rec;
        const char *hooked = rec->type == QBK_GUEST ? record__text_get(text, "hooked") : NULL;

        if (rec->type != QBK_GUEST || (!hooked && !record__text_get(text, "how"))) {
            continue;
        }
        if (hooked) {
            print_line("hooked", hooked);
            continue;
        }
        if (is_another(said, text)) {
            print_kernel(said);
            printf("\n");
        }
        g_free(said->text);
        said->text = g_memdup2(rec, rec->size);
        said->known = !record__text_get(said->text, "pairing");
    }
    return status;
}

int doctor_trace(const char *file)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) files = g_ptr_array_new();
    const struct confine confine = {.read_files = files};
    struct chain *chain = chain__open(file, false, &error);
    struct said said = {0};

    if (!chain) {
        return cmd__failed("%s", error->message);
    }
    if (chain__dir(chain)) {
        g_ptr_array_add(files, (char *)(uintptr_t)chain__dir(chain));
    }
    (void)confine__now(&confine); /* as good as the host has it; doctor tells */
    enum trace_status status = read_trace(chain, &said, &error);
    bool any = said.text != NULL;
    print_kernel(&said);
    chain__close(chain);
    if (status != TRACE_END) {
        return cmd__failed("%s: %s", file, error ? error->message : "the trace is cut off");
    }
    printf(!any         ? "The trace tells of no kernel.\n"
           : said.known ? "The kernel was found.\n"
                        : "Too little of the kernel was found: calls are paired by stack.\n");
    return any && said.known ? CMD_OK : CMD_FAILED;
}
