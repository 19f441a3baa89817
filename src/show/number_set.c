/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/number_set.h"

#include <string.h>

#include "decode/decode.h"

#define SIGNALS 64u

int number_set__signal(const char *word)
{
    for (unsigned signo = 1; signo <= SIGNALS; signo++) {
        const char *name = decode__signal_name(signo);

        if (name && (strcmp(name, word) == 0 || (g_str_has_prefix(name, "SIG") && strcmp(name + 3, word) == 0)))
            return (int)signo;
    }
    return -1;
}

static bool one(GArray *numbers, const char *word, number_set_fn named)
{
    char *end = NULL;
    guint64 n = *word >= '0' && *word <= '9' ? g_ascii_strtoull(word, &end, 10) : 0;
    int known = !end && named ? named(word) : -1;
    uint32_t number = known >= 0 ? (uint32_t)known : (uint32_t)n;

    if (known < 0 && (!end || *end || n > INT32_MAX))
        return false;
    g_array_append_val(numbers, number);
    return true;
}

bool number_set__parse(struct number_set *set, const char *text, number_set_fn named)
{
    bool negated = *text == '!', ok = true, all;
    g_auto(GStrv) words = g_strsplit(text + negated, ",", -1);
    GArray *numbers;

    all = strcmp(text + negated, "all") == 0;
    if (all || strcmp(text + negated, "none") == 0) {
        number_set__fill(set, all != negated);
        return true;
    }
    numbers = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    for (unsigned i = 0; ok && words[i]; i++)
        ok = one(numbers, words[i], named);
    if (!ok || numbers->len == 0) {
        g_array_free(numbers, TRUE);
        return false;
    }
    number_set__clear(set);
    *set = (struct number_set){.numbers = numbers, .others = negated};
    return true;
}

void number_set__fill(struct number_set *set, bool all)
{
    number_set__clear(set);
    set->others = all;
}

bool number_set__has(const struct number_set *set, uint32_t number)
{
    for (guint i = 0; set->numbers && i < set->numbers->len; i++) {
        if (g_array_index(set->numbers, uint32_t, i) == number)
            return !set->others;
    }
    return set->others;
}

bool number_set__empty(const struct number_set *set)
{
    return !set->others && !set->numbers;
}

void number_set__clear(struct number_set *set)
{
    if (set->numbers)
        g_array_free(set->numbers, TRUE);
    *set = (struct number_set){0};
}
