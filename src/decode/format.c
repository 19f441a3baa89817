/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decode/format.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 4, 5))) static void add(char *buf, size_t size, size_t *len, const char *format, ...)
{
    va_list ap;
    if (*len + 1 >= size)
        return;
    va_start(ap, format);
    int n = vsnprintf(buf + *len, size - *len, format, ap);
    va_end(ap);
    if (n > 0)
        *len = *len + (size_t)n < size ? *len + (size_t)n : size - 1;
}

static void unknown(const struct decode_set *set, uint64_t value, char *buf, size_t size, size_t *len)
{
    add(buf, size, len, "%#" PRIx64, value);
    const char *comment = set->name[0] == '|' ? set->name + 1 : set->name;
    if (comment[0])
        add(buf, size, len, " /* %s */", comment);
}

/* A number beside the flags (SHIFTED of sets.h). */
static bool is_shifted(const struct decode_const *item)
{
    return item->name[0] == '<';
}

static uint64_t without_shifted(const struct decode_set *set, uint64_t value)
{
    for (size_t i = 0; i < set->count; i++) {
        if (is_shifted(&set->item[i]))
            value &= ~set->item[i].mask;
    }
    return value;
}

static void add_shifted(const struct decode_set *set, uint64_t value, char *buf, size_t size, size_t *len)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct decode_const *item = &set->item[i];
        if (is_shifted(item) && (value & item->mask))
            add(buf, size, len, "%s%" PRIu64 "%s", *len ? "|" : "", (value & item->mask) >> item->value, item->name);
    }
}

/* Does one of the values before item i name this field's? */
static bool has_value(const struct decode_set *set, size_t i, uint64_t value)
{
    for (size_t k = 0; k < i; k++) {
        if (set->item[k].mask == set->item[i].mask && (value & set->item[k].mask) == set->item[k].value)
            return true;
    }
    return false;
}

static size_t plain_flags(const struct decode_set *set, uint64_t value, char *buf, size_t size)
{
    uint64_t left = value;
    unsigned flags = 0; /* items that are not values of a field */
    size_t len = 0;
    buf[0] = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct decode_const *item = &set->item[i];
        if (is_shifted(item))
            continue;
        if (item->name[0] == '?') {
            if ((value & item->mask) && !has_value(set, i, value)) {
                add(buf, size, &len, "%s%#" PRIx64 " /* %s */", len ? "|" : "", value & item->mask, item->name + 1);
                left &= ~item->mask;
            }
            continue;
        }
        bool zero = item->value == 0 && item->mask == UINT64_MAX; /* a name for no flag at all */
        bool taken = item->value && (left & item->value) != item->value;
        if (zero ? value != 0 : (value & item->mask) != item->value || taken)
            continue;
        add(buf, size, &len, "%s%s", len ? "|" : "", item->name);
        left &= ~item->value;
        flags += item->mask == item->value;
    }
    if (len == 0 && value == 0)
        add(buf, size, &len, "0");
    else if (len == 0)
        unknown(set, value, buf, size, &len);
    else if (left)
        add(buf, size, &len, flags == 0 && set->name[0] == '|' ? "|%#" PRIx64 " /* %s */" : "|%#" PRIx64, left,
            set->name + 1);
    return len;
}

size_t decode__flags_text(const struct decode_set *set, uint64_t value, char *buf, size_t size)
{
    uint64_t plain = without_shifted(set, value);
    size_t len = 0;
    buf[0] = 0;
    if (plain || plain == value || set->item[0].mask != set->item[0].value) /* a field has a value always */
        len = plain_flags(set, plain, buf, size);
    add_shifted(set, value, buf, size, &len);
    return len;
}

size_t decode__enum_text(const struct decode_set *set, uint64_t value, char *buf, size_t size)
{
    size_t len = 0;
    buf[0] = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (set->item[i].value == (value & 0xffffffffu)) { /* commands are 32-bit in every ABI */
            add(buf, size, &len, "%s", set->item[i].name);
            return len;
        }
    }
    unknown(set, value, buf, size, &len);
    return len;
}
