/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of numbers as strace's options write them: "all", "none", "3,4", "!3,4". */
#ifndef QEBEK_SHOW_NUMBER_SET_H
#define QEBEK_SHOW_NUMBER_SET_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct number_set {
    GArray *numbers; /* uint32_t; NULL: none */
    bool others;     /* those that are not in it, instead */
};

/* The number of a word ("INT"), or -1. */
typedef int (*number_set_fn)(const char *word);

/* Replaces the set. `named` may be NULL. False if the text is no such set: the set is as before. */
bool number_set__parse(struct number_set *set, const char *text, number_set_fn named);
void number_set__fill(struct number_set *set, bool all);
bool number_set__has(const struct number_set *set, uint32_t number);
bool number_set__empty(const struct number_set *set);
void number_set__clear(struct number_set *set);

/* For number_set__parse: "SIGINT" or "INT". */
int number_set__signal(const char *word);

#endif
