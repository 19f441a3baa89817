/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prototypes as users write them: "(fd: int, buf: bytes[count], count: size_t) -> ssize_t [sysv]". */
#include <errno.h>
#include <string.h>

#include "functions/function.h"

#define WORD 0xffu /* as many bytes as a word of the convention has */
#define LONG 0xfeu /* 4 in code of Windows and in 32-bit code, else 8 */

static const struct type_row {
    const char *name;
    uint8_t kind, size;
} types[] = {
    {"void", FUNCTION_VOID, 0},        {"int", FUNCTION_INT, 4},         {"unsigned", FUNCTION_UINT, 4},
    {"short", FUNCTION_INT, 2},        {"ushort", FUNCTION_UINT, 2},     {"long", FUNCTION_INT, LONG},
    {"ulong", FUNCTION_UINT, LONG},    {"int8", FUNCTION_INT, 1},        {"uint8", FUNCTION_UINT, 1},
    {"int16", FUNCTION_INT, 2},        {"uint16", FUNCTION_UINT, 2},     {"int32", FUNCTION_INT, 4},
    {"uint32", FUNCTION_UINT, 4},      {"int64", FUNCTION_INT, 8},       {"uint64", FUNCTION_UINT, 8},
    {"size_t", FUNCTION_UINT, WORD},   {"ssize_t", FUNCTION_INT, WORD},  {"bool", FUNCTION_BOOL, 1},
    {"char", FUNCTION_CHAR, 1},        {"hex", FUNCTION_HEX, WORD},      {"pointer", FUNCTION_HEX, WORD},
    {"string", FUNCTION_STRING, WORD}, {"wstring", FUNCTION_WIDE, WORD}, {"bytes", FUNCTION_BYTES, WORD},
};
#define TYPES_LISTED                                                                                                   \
    "void, int, unsigned, short, long, ulong, int8 to uint64, size_t, ssize_t, bool, char, pointer, string, wstring, " \
    "bytes[N], bytes[ARGUMENT], and int* (or another number with a star)"

static const char *const conventions[FUNCTION_CONVENTIONS] = {"sysv", "microsoft", "cdecl", "stdcall", "fastcall"};

#define BYTES_MAX 65536u

struct reader {
    const char *text, *at;
    GError **error;
    struct function_prototype *to;
    char of[FUNCTION_ARGS_MAX][2][FUNCTION_NAME_MAX]; /* what says how long this argument is; "": nothing */
};

static bool wrong(const struct reader *r, const char *what, const char *which)
{
    g_set_error(r->error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "prototype '%.200s': %s%s%.60s%s", r->text, what,
                which ? " '" : "", which ? which : "", which ? "'" : "");
    return false;
}

static void skip_spaces(struct reader *r)
{
    while (*r->at == ' ' || *r->at == '\t')
        r->at++;
}

static bool take(struct reader *r, const char *token)
{
    skip_spaces(r);
    if (strncmp(r->at, token, strlen(token)) != 0)
        return false;
    r->at += strlen(token);
    return true;
}

/* Letters, digits and underscores, not a digit first (unless in brackets). */
static bool word(struct reader *r, char to[FUNCTION_NAME_MAX])
{
    size_t len = 0;
    skip_spaces(r);
    while (g_ascii_isalnum(r->at[len]) || r->at[len] == '_')
        len++;
    if (len >= FUNCTION_NAME_MAX)
        return wrong(r, "a name has more than 39 characters", NULL);
    memcpy(to, r->at, len);
    to[len] = 0;
    r->at += len;
    return true;
}

unsigned function__word(enum function_convention convention)
{
    return convention == FUNCTION_SYSV || convention == FUNCTION_MICROSOFT ? 8 : 4;
}

/* A number, an argument, which may come later, or `ret`, the result. */
static bool read_count(struct reader *r, struct function_value *value, char of[2][FUNCTION_NAME_MAX])
{
    char name[FUNCTION_NAME_MAX], *end = NULL;
    if (!word(r, name))
        return false;
    if (!name[0])
        return wrong(r, "a number or a name is missing in the brackets of bytes[…]", NULL);
    if (!g_ascii_isdigit(name[0])) {
        memcpy(of[of[0][0] ? 1 : 0], name, sizeof(name));
        return true;
    }
    guint64 n = g_ascii_strtoull(name, &end, 10);
    if (*end || n < 1 || n > BYTES_MAX)
        return wrong(r, "not a number from 1 to 65536:", name);
    value->length = (uint32_t)n;
    return true;
}

/* What stands behind `bytes`: [64], [count], [min(ret, count)]. */
static bool read_length(struct reader *r, struct function_value *value, char of[2][FUNCTION_NAME_MAX])
{
    if (!take(r, "["))
        return wrong(r, "say how many: bytes[64], or bytes[count] where count is another argument", NULL);
    bool least = take(r, "min(");
    if (!read_count(r, value, of))
        return false;
    if (least && take(r, ",") && !read_count(r, value, of))
        return false;
    if (least && (!(of[1][0] || value->length) || !take(r, ")")))
        return wrong(r, "the lesser of two is written bytes[min(ret, count)]", NULL);
    return take(r, "]") ? true : wrong(r, "there is no ']' behind", of[0][0] ? of[0] : "bytes[");
}

/* `int*`: the number that lies there is shown, too. */
static bool read_star(struct reader *r, struct function_value *value, const char *name)
{
    if (!take(r, "*"))
        return true;
    if (value->kind != FUNCTION_INT && value->kind != FUNCTION_UINT)
        return wrong(r, "a star stands behind numbers only (write 'pointer' for any other address), not behind", name);
    value->kind = value->kind == FUNCTION_INT ? FUNCTION_TO_INT : FUNCTION_TO_UINT;
    value->length = value->size;
    value->size = WORD;
    return true;
}

static bool read_type(struct reader *r, struct function_value *value, char of[2][FUNCTION_NAME_MAX])
{
    char name[FUNCTION_NAME_MAX];
    const struct type_row *row = NULL;
    value->length_arg = value->most_arg = FUNCTION_NO_ARG;
    of[0][0] = of[1][0] = 0;
    if (!word(r, name))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        if (strcmp(types[i].name, name) == 0)
            row = &types[i];
    }
    if (strcmp(name, "float") == 0 || strcmp(name, "double") == 0)
        return wrong(r, "floating-point values are not read: leave them out at the end, or write no prototype", NULL);
    if (!row)
        return wrong(r, "the types are " TYPES_LISTED ", not", name);
    value->kind = row->kind;
    value->size = row->size;
    return row->kind == FUNCTION_BYTES ? read_length(r, value, of) : read_star(r, value, name);
}

/* When an argument's memory is looked at: at the beginning unless it says otherwise. */
static void read_when(struct reader *r, struct function_value *value)
{
    static const struct {
        const char *name;
        uint8_t when;
    } rows[] = {{"inout ", FUNCTION_INOUT}, {"out ", FUNCTION_OUT}, {"in ", FUNCTION_IN}};
    value->when = FUNCTION_IN;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (take(r, rows[i].name)) {
            value->when = rows[i].when;
            return;
        }
    }
}

static bool read_argument(struct reader *r)
{
    struct function_prototype *p = r->to;
    struct function_value *value = &p->arg[p->n_args];
    if (take(r, "...")) {
        p->variadic = 1;
        return true;
    }
    if (p->n_args == FUNCTION_ARGS_MAX)
        return wrong(r, "at most 12 arguments are read; write '...' for the rest", NULL);
    if (!word(r, value->name))
        return false;
    if (!value->name[0] || g_ascii_isdigit(value->name[0]) || !take(r, ":"))
        return wrong(r, "an argument is written 'name: type', not", value->name[0] ? value->name : r->at);
    for (unsigned i = 0; i < p->n_args; i++) {
        if (strcmp(p->arg[i].name, value->name) == 0)
            return wrong(r, "two arguments have the name", value->name);
    }
    read_when(r, value);
    if (!read_type(r, value, r->of[p->n_args]))
        return false;
    if (value->kind == FUNCTION_VOID)
        return wrong(r, "only a result can be void, not argument", value->name);
    if (value->when != FUNCTION_IN && value->kind < FUNCTION_STRING)
        return wrong(r, "'out' and 'inout' are for what is pointed at (string, bytes[…], int*), not for argument",
                     value->name);
    p->n_args++;
    return true;
}

static bool read_arguments(struct reader *r)
{
    if (!take(r, "("))
        return wrong(r, "it begins with '('", NULL);
    if (take(r, ")"))
        return true;
    do {
        if (r->to->variadic)
            return wrong(r, "nothing may follow '...'", NULL);
        if (!read_argument(r))
            return false;
    } while (take(r, ","));
    return take(r, ")") ? true : wrong(r, "there is no ',' or ')' before", *r->at ? r->at : "the end");
}

static bool read_convention(struct reader *r)
{
    char name[FUNCTION_NAME_MAX];
    if (!take(r, "["))
        return true;
    if (!word(r, name))
        return false;
    for (unsigned i = 0; i < FUNCTION_CONVENTIONS; i++) {
        if (strcmp(name, conventions[i]) == 0) {
            r->to->convention = (uint8_t)i;
            return take(r, "]") ? true : wrong(r, "there is no ']' behind", name);
        }
    }
    return wrong(r, "the conventions are sysv, microsoft, cdecl, stdcall and fastcall, not", name);
}

/* The number of what says how long a value is. */
static bool find_count(struct reader *r, const struct function_value *value, const char *of, uint8_t *number)
{
    struct function_prototype *p = r->to;
    bool result = p->result.kind == FUNCTION_INT || p->result.kind == FUNCTION_UINT;
    for (unsigned i = 0; i < p->n_args; i++) {
        if (strcmp(p->arg[i].name, of) == 0 && (p->arg[i].kind == FUNCTION_INT || p->arg[i].kind == FUNCTION_UINT)) {
            *number = (uint8_t)i;
            return true;
        }
    }
    if (strcmp(of, "ret") != 0 || value == &p->result)
        return wrong(r, "no argument that is a number has the name", of);
    if (!result)
        return wrong(r, "'ret' is for functions whose result is a number", NULL);
    if (value->when != FUNCTION_OUT)
        return wrong(r, "only when a function has returned 'ret' is known: write 'out' before the type of",
                     value->name);
    *number = FUNCTION_RETURN;
    return true;
}

/* Now that the convention and all names are known. */
static bool settle(struct reader *r, struct function_value *value, char of[2][FUNCTION_NAME_MAX])
{
    struct function_prototype *p = r->to;
    unsigned word_size = function__word((enum function_convention)p->convention);
    unsigned long_size = p->convention == FUNCTION_SYSV ? 8 : 4;
    bool points = value->kind == FUNCTION_TO_INT || value->kind == FUNCTION_TO_UINT;
    if (points && value->length == WORD)
        value->length = word_size;
    else if (points && value->length == LONG)
        value->length = long_size;
    if (value->size == WORD)
        value->size = (uint8_t)word_size;
    else if (value->size == LONG)
        value->size = (uint8_t)long_size;
    return (!of[0][0] || find_count(r, value, of[0], &value->length_arg)) &&
           (!of[1][0] || find_count(r, value, of[1], &value->most_arg));
}

bool function__read_prototype(const char *text, enum function_convention convention,
                              struct function_prototype *prototype, GError **error)
{
    struct reader r = {.text = text, .at = text, .error = error, .to = prototype};
    char of[2][FUNCTION_NAME_MAX] = {"", ""};
    memset(prototype, 0, sizeof(*prototype));
    prototype->convention = (uint8_t)convention;
    prototype->result.length_arg = prototype->result.most_arg = FUNCTION_NO_ARG;
    if (!read_arguments(&r) || (take(&r, "->") && !read_type(&r, &prototype->result, of)) || !read_convention(&r))
        return false;
    skip_spaces(&r);
    if (*r.at)
        return wrong(&r, "behind its end stands", r.at);
    for (unsigned i = 0; i < prototype->n_args; i++) {
        if (!settle(&r, &prototype->arg[i], r.of[i]))
            return false;
    }
    prototype->known = 1;
    return settle(&r, &prototype->result, of);
}

/* ---- places ---- */

struct placing {
    const uint8_t *registers;
    unsigned n_registers;
    unsigned word;
    unsigned used; /* of the registers */
    unsigned at;   /* the next argument on the stack, from the stack pointer */
};

static void place_on_stack(struct placing *p, struct function_place *place, unsigned bytes)
{
    unsigned words = (bytes + p->word - 1) / p->word;
    *place = (struct function_place){.where = FUNCTION_STACK, .words = words > 1 ? 2 : 1, .offset = (uint16_t)p->at};
    p->at += (words ? words : 1) * p->word;
}

static bool place_in_registers(struct placing *p, struct function_place *place, unsigned words)
{
    if (words > p->n_registers - p->used)
        return false;
    *place = (struct function_place){.where = p->registers[p->used], .words = (uint8_t)words};
    p->used += words;
    return true;
}

unsigned function__places(const struct function_prototype *prototype, struct function_place place[FUNCTION_ARGS_MAX])
{
    static const uint8_t sysv[] = {FUNCTION_RDI, FUNCTION_RSI, FUNCTION_RDX, FUNCTION_RCX, FUNCTION_R8, FUNCTION_R9};
    static const uint8_t microsoft[] = {FUNCTION_RCX, FUNCTION_RDX, FUNCTION_R8, FUNCTION_R9};
    static const uint8_t fastcall[] = {FUNCTION_RCX, FUNCTION_RDX};
    static const struct {
        const uint8_t *registers;
        uint8_t n, home; /* home: bytes that the caller leaves free on the stack for the registers' copies */
    } rows[FUNCTION_CONVENTIONS] = {
        [FUNCTION_SYSV] = {sysv, sizeof(sysv), 0},
        [FUNCTION_MICROSOFT] = {microsoft, sizeof(microsoft), 32},
        [FUNCTION_FASTCALL] = {fastcall, sizeof(fastcall), 0},
    };
    enum function_convention c =
        prototype->convention < FUNCTION_CONVENTIONS ? (enum function_convention)prototype->convention : FUNCTION_SYSV;
    struct placing p = {.registers = rows[c].registers, .n_registers = rows[c].n, .word = function__word(c)};
    p.at = p.word + rows[c].home;
    unsigned first = p.at;
    for (unsigned i = 0; i < prototype->n_args && i < FUNCTION_ARGS_MAX; i++) {
        unsigned size = prototype->arg[i].size, words = size > p.word ? 2 : 1;
        /* Microsoft's: what is larger than a word goes by address. System V: structs above 16 bytes go by stack. */
        if (c == FUNCTION_MICROSOFT)
            words = 1, size = size > p.word ? p.word : size;
        bool fits = c == FUNCTION_SYSV ? prototype->arg[i].kind != FUNCTION_STRUCT || (size > 0 && size <= 16)
                                       : words == 1 && prototype->arg[i].kind != FUNCTION_STRUCT;
        fits = fits || c == FUNCTION_MICROSOFT;
        if (!fits || !place_in_registers(&p, &place[i], words))
            place_on_stack(&p, &place[i], size);
    }
    return c == FUNCTION_STDCALL || c == FUNCTION_FASTCALL ? p.at - first : 0;
}
