/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/nt/origin.h"

#include <inttypes.h>
#include <string.h>

#include "show/json.h"
#include "show/output.h"
#include "trace/record.h"

/* A call is direct, and what is known of where it came from; *name: of the image, *len bytes, hostile. */
static bool find(const struct model_call *call, struct qbk_origin *origin, const char **name, size_t *len)
{
    const uint8_t *bytes;
    if (!call->enter || !(call->enter->flags & QBK_ENTER_DIRECT))
        return false;
    const struct qbk_snippet *s = record__find(&call->enter->h, QBK_SNIP_ORIGIN, 0, &bytes);
    *origin = (struct qbk_origin){0};
    *len = 0;
    if (s && s->have >= sizeof(*origin)) {
        memcpy(origin, bytes, sizeof(*origin));
        *name = (const char *)bytes + sizeof(*origin);
        *len = s->have - sizeof(*origin);
    }
    return true;
}

void origin__text(GString *to, const struct model_call *call)
{
    struct qbk_origin origin;
    const char *name;
    size_t len;
    if (!find(call, &origin, &name, &len))
        return;
    g_string_append(to, " [direct, from ");
    if (len)
        print__safe(to, name, len);
    else
        g_string_append(to, "no image");
    g_string_append_printf(to, " at %#" PRIx64 "]", origin.address);
}

void origin__json(GString *to, const struct model_call *call)
{
    struct qbk_origin origin;
    const char *name;
    size_t len;
    if (!find(call, &origin, &name, &len))
        return;
    json__key_true(to, "direct");
    json__key_uint(to, "from", origin.address);
    if (len)
        json__key_text(to, "module", name, len);
}
