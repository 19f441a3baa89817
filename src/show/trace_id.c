/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/trace_id.h"

#include <glib.h>

void trace_id__make(char id[TRACE_ID_SIZE], const struct qbk_record *meta)
{
    g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)meta, meta->size);

    (void)g_strlcpy(id, sum, TRACE_ID_SIZE);
}
