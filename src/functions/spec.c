/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a user names functions: WHERE:NAME, PROCESS:MODULE+0xOFFSET, 0xADDRESS, and a prototype behind any of them. */
#include <errno.h>
#include <string.h>

#include "functions/function.h"

#define SPEC_MAX 4096u

static bool wrong(GError **error, const char *text, const char *what)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "'%.200s': %s", text, what);
    return false;
}

/* Hexadecimal digits up to the end. */
static bool hex(const char *text, uint64_t *value)
{
    char *end = NULL;
    if (strncmp(text, "0x", 2) != 0 || !g_ascii_isxdigit(text[2]))
        return false;
    errno = 0;
    *value = g_ascii_strtoull(text + 2, &end, 16);
    return errno == 0 && *end == 0;
}

/* The upper 17 bits of an address are all alike; with 5-level paging the upper 8. */
static bool canonical(uint64_t address)
{
    int64_t upper = (int64_t)address >> 56;
    return upper == 0 || upper == -1;
}

static bool read_address(const char *text, const char *head, struct function_spec *spec, GError **error)
{
    spec->where = FUNCTION_ADDRESS;
    if (!hex(head, &spec->address))
        return wrong(error, text, "not an address: write 0x and up to 16 hexadecimal digits");
    return canonical(spec->address) ? true : wrong(error, text, "no processor has such an address");
}

/* PROCESS:MODULE+0xOFFSET; `plus` is where the plus stands. */
static bool read_offset(const char *text, const char *head, const char *plus, struct function_spec *spec,
                        GError **error)
{
    const char *colon = strchr(head, ':');
    spec->where = FUNCTION_OFFSET;
    if (!colon || colon == head || colon + 1 >= plus)
        return wrong(error, text, "an offset needs a process and a module: PROCESS:MODULE+0xOFFSET");
    if (!hex(plus + 1, &spec->address))
        return wrong(error, text, "not an offset: write + and 0x and hexadecimal digits");
    spec->process = g_strndup(head, (gsize)(colon - head));
    spec->module = g_strndup(colon + 1, (gsize)(plus - colon - 1));
    return true;
}

static enum function_where where_of(const char *module)
{
    if (strcmp(module, "kernel") == 0)
        return FUNCTION_KERNEL;
    return module[0] == '/' ? FUNCTION_FILE_PATH : FUNCTION_MODULE;
}

static bool read_name(const char *text, const char *head, struct function_spec *spec, GError **error)
{
    const char *colon = strrchr(head, ':');
    if (!colon)
        return wrong(error, text, "say where the function is: kernel:NAME, libc.so.6:NAME, /path/of/program:NAME");
    if (colon == head)
        return wrong(error, text, "nothing stands before the colon: kernel:NAME, libc.so.6:NAME, /path:NAME");
    if (!colon[1])
        return wrong(error, text, "no name of a function stands behind the colon ('*' for all of them)");
    spec->module = g_strndup(head, (gsize)(colon - head));
    spec->where = where_of(spec->module);
    if (spec->where != FUNCTION_FILE_PATH && strchr(spec->module, '/'))
        return wrong(error, text, "a path must begin with '/'; or name the file alone, as in libc.so.6:NAME");
    if (spec->where == FUNCTION_KERNEL)
        g_clear_pointer(&spec->module, g_free);
    spec->name = g_strdup(colon + 1);
    spec->wild = strpbrk(spec->name, "*?") != NULL;
    return true;
}

bool function__is_nt_image(const char *module)
{
    static const char *const ends[] = {".exe", ".dll", ".sys"};
    for (unsigned i = 0; i < G_N_ELEMENTS(ends); i++) {
        size_t len = strlen(module), end = strlen(ends[i]);
        if (len > end && g_ascii_strcasecmp(module + len - end, ends[i]) == 0)
            return true;
    }
    return false;
}

/* A plus with 0x behind it, the last one: libstdc++.so.6 has others. */
static const char *offset_in(const char *head)
{
    const char *last = strrchr(head, '+');
    return last && strncmp(last + 1, "0x", 2) == 0 ? last : NULL;
}

static bool read_head(const char *text, const char *head, struct function_spec *spec, GError **error)
{
    const char *plus = offset_in(head);
    for (const char *c = head; *c; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return wrong(error, text, "there is a space in the name (a prototype begins with '(')");
    }
    if (strncmp(head, "0x", 2) == 0 && !strchr(head, ':'))
        return read_address(text, head, spec, error);
    return plus ? read_offset(text, head, plus, spec, error) : read_name(text, head, spec, error);
}

bool function__read_spec(const char *text, struct function_spec *spec, GError **error)
{
    const char *slash = strrchr(text, '/');
    const char *open = strchr(slash ? slash : text, '(');
    g_autofree char *head = open ? g_strndup(text, (gsize)(open - text)) : g_strdup(text);
    memset(spec, 0, sizeof(*spec));
    g_strchomp(head);
    bool ok = strlen(text) > SPEC_MAX ? wrong(error, text, "too long: at most 4096 bytes") : true;
    ok = ok && (*head ? read_head(text, head, spec, error)
                      : wrong(error, text, "no function is named: kernel:NAME, libc.so.6:NAME, /path:NAME"));
    enum function_convention convention = spec->module && function__is_nt_image(spec->module) ? FUNCTION_MICROSOFT : FUNCTION_SYSV;
    spec->prototype.convention = (uint8_t)convention;
    if (ok && open && spec->wild)
        ok = wrong(error, text, "a prototype belongs to one function: it cannot stand behind a pattern");
    ok = ok && (!open || function__read_prototype(open, convention, &spec->prototype, error));
    if (!ok)
        function__spec_clear(spec);
    return ok;
}

void function__spec_clear(struct function_spec *spec)
{
    g_free(spec->process);
    g_free(spec->module);
    g_free(spec->name);
    memset(spec, 0, sizeof(*spec));
}
