/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of NTSTATUS values. */
#include "decode/decode.h"

#define S(value, name) {value, #name},
static const struct {
    uint32_t value;
    const char *name;
} statuses[] = {
/* In the order of their values; blank lines keep it from being sorted. */
#include "decode/nt/status_success.def"

#include "decode/nt/status_warning.def"

#include "decode/nt/status_error.def"

#include "decode/nt/status_error_facility.def"
};
#define STATUSES (sizeof(statuses) / sizeof(statuses[0]))

const char *decode__status_name(uint32_t status)
{
    size_t low = 0, high = STATUSES;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (statuses[middle].value < status)
            low = middle + 1;
        else
            high = middle;
    }
    return low < STATUSES && statuses[low].value == status ? statuses[low].name : NULL;
}

bool decode__status_at(size_t index, uint32_t *status, const char **name)
{
    if (index >= STATUSES)
        return false;
    *status = statuses[index].value;
    *name = statuses[index].name;
    return true;
}
