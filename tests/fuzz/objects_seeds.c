/* SPDX-License-Identifier: GPL-2.0-or-later */
/* objects_seeds FOLDER: what fuzz_objects begins with: small kernels' memory, of each release and depth of tables. */
#include <glib.h>
#include <stdio.h>

#include "nt_world.h"

static bool save(const char *dir, bool is_64, unsigned build, unsigned level, uint8_t how)
{
    static const uint32_t builds[] = {2600, 7601, 9200, 9600, 14393, 19041, 22000, 26100};
    static struct world w;
    world__build(&w, is_64, builds[build], level);
    if (how & 8 && level) { /* a table all of whose entries lead away, to where there is nothing */
        const uint16_t limit = 0x400;
        memcpy(w.bytes + WORLD_TABLES + 2 * w.word, &limit, sizeof(limit));
        memset(w.bytes + 0xb000, 0x99, 0x1000);
    }
    g_autofree char *path = g_strdup_printf("%s/%u-%d-%u-%u", dir, builds[build], is_64, level, how);
    const uint8_t head[4] = {(uint8_t)(how | (is_64 ? 1 : 0)), (uint8_t)build, (uint8_t)(1 + level), 0};
    FILE *f = fopen(path, "wbe");
    bool ok =
        f && fwrite(head, 1, sizeof(head), f) == sizeof(head) && fwrite(w.bytes, 1, WORLD_BYTES, f) == WORLD_BYTES;
    return (!f || fclose(f) == 0) && ok;
}

int main(int argc, char **argv)
{
    bool ok = true;
    if (argc != 2 || g_mkdir_with_parents(argv[1], 0755) < 0) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    for (unsigned build = 0; build < 8; build++) {
        for (unsigned level = 0; level < 3; level++)
            ok &= save(argv[1], build != 0, build, level, (uint8_t)(build % 4 * 2)) &&
                  save(argv[1], build == 1, build, level, 8);
    }
    return !ok;
}
