/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Forms of their own, by family. What each shows is strace's form (6.1) of that struct or call. */
#ifndef QEBEK_SHOW_LINUX_FORMS_H
#define QEBEK_SHOW_LINUX_FORMS_H

#include "show/print.h"

#endif
