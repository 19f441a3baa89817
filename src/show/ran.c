/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/ran.h"

#include <inttypes.h>
#include <string.h>

#include "decode/decode.h"
#include "show/json.h"
#include "trace/record.h"

#define LINUX_ARGS 6u

static bool find(const struct model_call *call, struct qbk_ran *ran)
{
    const uint8_t *bytes;
    const struct qbk_snippet *s = call->ret ? record__find(&call->ret->h, QBK_SNIP_RAN, 0, &bytes) : NULL;
    if (!s || s->have < sizeof(*ran))
        return false;
    memcpy(ran, bytes, sizeof(*ran));
    return true;
}

static const struct decode_service *service_of(const struct model_call *call, const struct qbk_ran *ran)
{
    return call->abi < QBK_ABIS && ran->nr <= UINT32_MAX ? decode__service((enum qbk_abi)call->abi, (uint32_t)ran->nr)
                                                         : NULL;
}

static unsigned count_args(const struct decode_service *service)
{
    return service && service->nargs < LINUX_ARGS ? service->nargs : LINUX_ARGS;
}

void ran__text(GString *to, const struct model_call *call)
{
    struct qbk_ran ran;
    if (!find(call, &ran))
        return;
    if (ran.nr < 0) {
        g_string_append(to, " [not run]");
        return;
    }
    const struct decode_service *service = service_of(call, &ran);
    if (service)
        g_string_append_printf(to, " [ran %s(", service->name);
    else
        g_string_append_printf(to, " [ran syscall_%#" PRIx64 "(", (uint64_t)ran.nr);
    for (unsigned i = 0; i < count_args(service); i++)
        g_string_append_printf(to, i ? ", %#" PRIx64 : "%#" PRIx64, ran.args[i]);
    g_string_append(to, ")]");
}

void ran__json(GString *to, const struct model_call *call)
{
    struct qbk_ran ran;
    if (!find(call, &ran))
        return;
    if (ran.nr < 0) {
        g_string_append(to, ",\"ran\":null");
        return;
    }
    const struct decode_service *service = service_of(call, &ran);
    g_string_append_printf(to, ",\"ran\":{\"nr\":%" PRId64, ran.nr);
    if (service)
        json__key_word(to, "name", service->name);
    g_string_append(to, ",\"args\":[");
    for (unsigned i = 0; i < count_args(service); i++)
        g_string_append_printf(to, i ? ",\"%#" PRIx64 "\"" : "\"%#" PRIx64 "\"", ran.args[i]);
    g_string_append(to, "]}");
}
