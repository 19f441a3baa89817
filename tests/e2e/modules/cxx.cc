// SPDX-License-Identifier: GPL-2.0-or-later
// A module in C++: the name of each program that is executed, and whether that worked.
#include <cstdint>
#include <string>

#include <qebek/module.h>

namespace
{
const qebek_host *host;

void after(qebek_call *call, void *, void *)
{
    qebek_thread thread;
    std::uint64_t result;

    if (host->result(call, &result) != 0)
        return;
    host->thread(call, &thread);
    std::string line = result == 0 ? "cxx: runs " : "cxx: does not run, still ";
    host->log(host, call, (line + thread.comm).c_str());
}
} // namespace

int qebek_module_init(const qebek_host *h, const char *)
{
    qebek_hook hook = {};

    host = h;
    hook.size = sizeof hook;
    hook.post = after;
    return h->hook_service(h, "execve", &hook);
}
