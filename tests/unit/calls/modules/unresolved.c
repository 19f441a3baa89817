// SPDX-License-Identifier: GPL-2.0-or-later
/* A module that needs a function which is nowhere. */
#include <qebek/module.h>

int nobody_has_this(void);

int qebek_module_init(const struct qebek_host *host, const char *args)
{
    (void)host, (void)args;
    return nobody_has_this();
}
