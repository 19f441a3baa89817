// SPDX-License-Identifier: GPL-2.0-or-later
/* Has an init, but was not built with qebek's header. */
struct qebek_host;
__attribute__((visibility("default"))) int qebek_module_init(const struct qebek_host *host, const char *args);

int qebek_module_init(const struct qebek_host *host, const char *args)
{
    (void)host, (void)args;
    return 0;
}
