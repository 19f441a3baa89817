// SPDX-License-Identifier: GPL-2.0-or-later
/* Built for an interface that is not there yet; must be refused before any of its code runs. */
#include <stdlib.h>

struct qebek_host;
__attribute__((visibility("default"))) extern const int qebek_module_abi;
__attribute__((visibility("default"))) int qebek_module_init(const struct qebek_host *host, const char *args);

const int qebek_module_abi = 1000;

int qebek_module_init(const struct qebek_host *host, const char *args)
{
    (void)host, (void)args;
    abort();
}
