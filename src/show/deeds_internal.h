/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between deeds.c and nt/deeds.c. A deed is cleared, and has its outcome, before these are called. */
#ifndef QEBEK_SHOW_DEEDS_INTERNAL_H
#define QEBEK_SHOW_DEEDS_INTERNAL_H

#include "show/deeds.h"

/* "loopback", "private" or "public"; family: AF_INET or AF_INET6; `at`: the address, in network order. */
const char *deed__scope(unsigned family, const uint8_t *at);
/* What a call of NT did, once that is known. False: nothing that is told. */
bool deeds_nt__call(struct deed *deed, const struct model_event *event);
/* A process of NT runs an image. */
bool deeds_nt__process(struct deed *deed, const struct model_event *event);

#endif
