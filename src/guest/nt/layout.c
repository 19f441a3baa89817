/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/nt/layout.h"

#include <stddef.h>

#include "decode/decode.h"

#define OFFSET_MAX 65536u /* of a kernel's objects; real ones are below 4 KiB */

bool nt_layout__valid(const struct nt_layout *layout)
{
    uint32_t rows = decode__service_end(QBK_ABI_NT_X64);
    if (layout->version != NT_LAYOUT_VERSION || layout->size != sizeof(*layout))
        return false;
    for (unsigned i = 0; i < NT_OFFSETS; i++) {
        if (layout->offset[i] != NT_NONE && layout->offset[i] >= OFFSET_MAX)
            return false;
    }
    for (unsigned i = 0; i < NT_TYPES; i++) {
        uint64_t at = layout->type_variable[i];
        if (at != 0 && (at < layout->image_start || at >= layout->image_end))
            return false;
    }
    for (unsigned t = 0; t < NT_TABLES; t++) {
        for (unsigned n = 0; n < NT_TABLE_SIZE; n++) {
            if (layout->row[t][n] > rows)
                return false;
        }
    }
    return layout->image_start < layout->image_end;
}

bool nt_layout__usable(const struct nt_layout *layout)
{
    return layout->offset[NT_THREAD_CID] != NT_NONE;
}
