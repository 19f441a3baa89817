/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/typed/line.h"

#include <string.h>

#define ESCAPE    0x1b
#define BACKSPACE 0x7f

void line__init(struct line *l)
{
    memset(l, 0, sizeof(*l));
    l->text = g_string_new(NULL);
}

void line__clear(struct line *l)
{
    g_string_free(l->text, TRUE);
    l->text = NULL;
}

void line__reset(struct line *l)
{
    GString *text = l->text;
    bool after_cr = l->after_cr;
    memset(l, 0, sizeof(*l));
    l->after_cr = after_cr;
    l->text = g_string_truncate(text, 0);
}

/* ---- moves and edits ---- */

static bool continues(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

static gsize before(const struct line *l)
{
    gsize at = l->cursor;
    while (at > 0 && continues(l->text->str[--at]))
        ;
    return at;
}

static gsize behind(const struct line *l)
{
    gsize at = l->cursor;
    if (at < l->text->len)
        at++;
    while (at < l->text->len && continues(l->text->str[at]))
        at++;
    return at;
}

static void erase(struct line *l, gsize from, gsize to)
{
    g_string_erase(l->text, (gssize)from, (gssize)(to - from));
    l->cursor = from;
}

static gsize word_begin(const struct line *l)
{
    gsize at = l->cursor;
    while (at > 0 && g_ascii_isspace(l->text->str[at - 1]))
        at--;
    while (at > 0 && !g_ascii_isspace(l->text->str[at - 1]))
        at--;
    return at;
}

static gsize word_end(const struct line *l)
{
    gsize at = l->cursor;
    while (at < l->text->len && g_ascii_isspace(l->text->str[at]))
        at++;
    while (at < l->text->len && !g_ascii_isspace(l->text->str[at]))
        at++;
    return at;
}

static void go_left(struct line *l)
{
    l->cursor = before(l);
}

static void go_right(struct line *l)
{
    l->cursor = behind(l);
}

static void go_home(struct line *l)
{
    l->cursor = 0;
}

static void go_end(struct line *l)
{
    l->cursor = l->text->len;
}

static void word_left(struct line *l)
{
    l->cursor = word_begin(l);
}

static void word_right(struct line *l)
{
    l->cursor = word_end(l);
}

static void erase_before(struct line *l)
{
    erase(l, before(l), l->cursor);
}

static void erase_here(struct line *l)
{
    erase(l, l->cursor, behind(l));
}

static void erase_word(struct line *l)
{
    erase(l, word_begin(l), l->cursor);
}

static void erase_word_behind(struct line *l)
{
    erase(l, l->cursor, word_end(l));
}

static void erase_to_begin(struct line *l)
{
    erase(l, 0, l->cursor);
}

static void erase_to_end(struct line *l)
{
    erase(l, l->cursor, l->text->len);
}

static void history(struct line *l)
{
    l->history = true;
    g_string_truncate(l->text, 0);
    l->cursor = 0;
}

static void search(struct line *l)
{
    l->history = true;
}

static void complete(struct line *l)
{
    l->completion = true;
}

static void nothing(struct line *l)
{
    (void)l;
}

typedef void (*edit_fn)(struct line *l);

#define CTRL(c) ((c)&0x1f)

static const edit_fn controls[32] = {
    [CTRL('A')] = go_home,      [CTRL('B')] = go_left,        [CTRL('D')] = erase_here,   [CTRL('E')] = go_end,
    [CTRL('F')] = go_right,     [CTRL('G')] = nothing,        [CTRL('H')] = erase_before, [CTRL('I')] = complete,
    [CTRL('K')] = erase_to_end, [CTRL('L')] = nothing,        [CTRL('N')] = history,      [CTRL('P')] = history,
    [CTRL('R')] = search,       [CTRL('U')] = erase_to_begin, [CTRL('W')] = erase_word,   [CTRL('Q')] = nothing,
    [CTRL('S')] = nothing,
};

/* Keys that send several bytes, without the escape before them: those of xterm, of the Linux console and of rxvt. */
static const struct {
    const char *bytes;
    edit_fn edit;
} keys[] = {
    {"[D", go_left},      {"OD", go_left},       {"[C", go_right},     {"OC", go_right},   {"[A", history},
    {"OA", history},      {"[B", history},       {"OB", history},      {"[H", go_home},    {"OH", go_home},
    {"[1~", go_home},     {"[7~", go_home},      {"[F", go_end},       {"OF", go_end},     {"[4~", go_end},
    {"[8~", go_end},      {"[3~", erase_here},   {"b", word_left},     {"f", word_right},  {"d", erase_word_behind},
    {"[1;5D", word_left}, {"[1;5C", word_right}, {"\x7f", erase_word}, {"\b", erase_word},
};

/* Is the key whole? A CSI ends with a byte from '@' on, an SS3 with its one byte, others are one byte. */
static bool is_whole(const char *bytes, unsigned len)
{
    char last = bytes[len - 1];
    if (bytes[0] == '[')
        return len > 1 && last >= '@' && last <= '~';
    if (bytes[0] == 'O')
        return len > 1;
    return true;
}

static void escape_goes_on(struct line *l, char byte)
{
    unsigned len = l->escape_len - 1; /* bytes behind the escape */
    l->escape[len++] = byte;
    l->escape_len = len + 1;
    if (!is_whole(l->escape, len) && len < sizeof(l->escape) - 1)
        return;
    l->escape_len = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (strlen(keys[i].bytes) == len && memcmp(keys[i].bytes, l->escape, len) == 0)
            keys[i].edit(l);
    }
}

/* ---- bytes ---- */

static void insert(struct line *l, char byte)
{
    if (l->text->len >= LINE_MAX_BYTES) {
        l->cut = true;
        return;
    }
    g_string_insert_c(l->text, (gssize)l->cursor, byte);
    l->cursor++;
}

static bool ends_line(struct line *l, char byte)
{
    bool second = byte == '\n' && l->after_cr;
    l->after_cr = byte == '\r';
    return !second && (byte == '\r' || byte == '\n');
}

enum line_step line__key(struct line *l, char byte)
{
    bool second = byte == '\n' && l->after_cr;
    if (ends_line(l, byte))
        return LINE_ENTERED;
    if (second)
        return LINE_GOES_ON;
    if (byte == CTRL('C'))
        return LINE_INTERRUPTED;
    if (l->escape_len)
        escape_goes_on(l, byte);
    else if (byte == ESCAPE)
        l->escape_len = 1;
    else if (byte == BACKSPACE)
        erase_before(l);
    else if ((unsigned char)byte < 32 && controls[(unsigned char)byte])
        controls[(unsigned char)byte](l);
    else
        insert(l, byte);
    return LINE_GOES_ON;
}

enum line_step line__plain(struct line *l, char byte)
{
    if (byte == '\n')
        return LINE_ENTERED;
    insert(l, byte);
    return LINE_GOES_ON;
}
