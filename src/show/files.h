/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options of the files output. */
#ifndef QEBEK_SHOW_FILES_H
#define QEBEK_SHOW_FILES_H

#include "show/files/store.h"

/* "SIZE", "SIZE,COUNT" or "SIZE,COUNT,TOTAL", k, M and G behind a number: false if it is something else. */
bool files_limits__parse(const char *text, struct store_limits *limits);

#endif
