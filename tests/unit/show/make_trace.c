// SPDX-License-Identifier: GPL-2.0-or-later
/* make-trace PATH CALLS SEED: a whole trace of so many calls of four threads, with data that does not compress. */
#include <stdio.h>
#include <stdlib.h>

#include "build.h"
#include "trace/file.h"

#define THREADS 4u

static struct build records;

static void one_call(GRand *rand, uint64_t open[THREADS], unsigned n)
{
    unsigned thread = (unsigned)g_rand_int_range(rand, 0, THREADS);
    uint8_t data[256];

    if (open[thread]) { /* calls overlap */
        build__return(&records, thread + 1, open[thread], QBK_END_RETURNED, sizeof(data));
        open[thread] = 0;
        return;
    }
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)g_rand_int(rand);
    open[thread] = build__enter(&records, thread + 1, 1, 3, (uint64_t[]){n, 0x1000, sizeof(data)});
    build__snippet(&records, QBK_SNIP_MEM, 0x1000, data, sizeof(data), sizeof(data), 0, 1, 0);
}

int main(int argc, char **argv)
{
    struct trace_writer *w = argc == 4 ? trace__create(argv[1], NULL, NULL) : NULL;
    uint64_t open[THREADS] = {0};
    int status = 0;

    if (!w)
        return 2;
    GRand *rand = g_rand_new_with_seed((guint32)strtoul(argv[3], NULL, 10));
    build__init(&records);
    build__meta(&records, "qebek", "test", "seed", argv[3], "string_limit", "4096", "fd_names", "no", NULL);
    for (unsigned t = 0; t < THREADS; t++)
        build__thread(&records, t + 1, (int32_t)(100 + t), "writer");
    for (unsigned n = 0; n < strtoul(argv[2], NULL, 10); n++)
        one_call(rand, open, n);
    for (unsigned t = 0; t < THREADS; t++) {
        if (open[t])
            build__return(&records, t + 1, open[t], QBK_END_IN_FLIGHT, 0);
    }
    build__summary(&records);
    for (unsigned i = 0; i < records.records->len; i++)
        status |= trace__write(w, records.records->pdata[i], NULL);
    status |= trace__finish(w, NULL);
    build__free(&records);
    g_rand_free(rand);
    return status ? 1 : 0;
}
