// SPDX-License-Identifier: GPL-2.0-or-later
/* Writes seeds for fuzz_show into a directory: the sample as records, and every call of both ABIs as streams. */
#include <glib.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#include "build.h"
#include "decode/decode.h"
#include "stream.h"

#define EACH 24u /* calls in a seed */

static int put(const char *dir, const char *name, const GByteArray *bytes)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    return g_file_set_contents(path, (const char *)bytes->data, (gssize)bytes->len, NULL) ? 0 : 1;
}

static void add(GByteArray *to, unsigned byte)
{
    guint8 b = (guint8)byte;

    g_byte_array_append(to, &b, 1);
}

/* Memory at page `page`: `words` words that are pointers into the next page, small numbers and text in turn. */
static void add_snippet(GByteArray *to, unsigned page, unsigned arg, unsigned level, unsigned words, bool string)
{
    static const char text[] = "/etc/passwd\0";

    add(to, string ? QBK_SNIP_STRING << 3 : 0);
    add(to, STREAM_POINTER | page);
    add(to, string ? sizeof(text) : words * 8);
    add(to, 0);
    add(to, arg | level << 3);
    for (unsigned i = 0; string && i < sizeof(text); i++)
        add(to, (guint8)text[i]);
    for (unsigned i = 0; !string && i < words * 8; i++)
        add(to, i % 24 == 0 ? STREAM_INSIDE : i % 24 == 1 ? page + 1 : i % 8 == 0 ? i / 8 + 1 : 0);
}

static void add_snippets(GByteArray *to, const struct decode_service *service, enum decode_dir dir)
{
    GByteArray *mine = g_byte_array_new();
    unsigned n = 0;

    for (unsigned i = 0; i < service->nargs && i < 6 && n < 6; i++) {
        if (service->arg[i].type < T_POINTERS || !(service->arg[i].dir & dir))
            continue;
        add_snippet(mine, i, i, 0, 18, service->arg[i].len_from == L_STRING);
        add_snippet(mine, i + 1, i, 1, 4, false);
        n += 2;
    }
    add(to, n);
    g_byte_array_append(to, mine->data, mine->len);
    g_byte_array_free(mine, TRUE);
}

static void add_call(GByteArray *to, enum qbk_abi abi, uint32_t nr, unsigned index)
{
    const struct decode_service *service = decode__service(abi, nr);

    add(to, STREAM_ENTER);
    add(to, 1u | (unsigned)abi << 2);
    add(to, nr & 0xff);
    add(to, nr >> 8);
    add(to, service->nargs);
    for (unsigned i = 0; i < service->nargs; i++)
        add(to, service->arg[i].type >= T_POINTERS ? STREAM_POINTER | i : 35 + i);
    add_snippets(to, service, DIR_IN);
    add(to, STREAM_RETURN);
    add(to, index % 16);
    add(to, 1u | QBK_END_RETURNED << 2);
    add(to, QBK_RETURN_HAS_RESULT);
    add(to, 0);
    add(to, 32 + 3);
    add_snippets(to, service, DIR_OUT);
}

static void begin(GByteArray *to)
{
    g_byte_array_set_size(to, 0);
    add(to, 0);
    add(to, 0);
    add(to, STREAM_THREAD);
    add(to, 1);
    for (unsigned i = 0; i < 6; i++)
        add(to, 33 + i % 3);
    g_byte_array_append(to, (const guint8 *)"cat\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32);
}

static int calls(const char *dir, enum qbk_abi abi)
{
    GByteArray *seed = g_byte_array_new();
    unsigned n = 0;
    int status = 0;

    begin(seed);
    for (uint32_t nr = 0; nr < decode__service_end(abi); nr++) {
        if (!decode__service(abi, nr))
            continue;
        add_call(seed, abi, nr, n++);
        if (n % EACH == 0 || nr + 1 == decode__service_end(abi)) {
            g_autofree char *name = g_strdup_printf("calls-%d-%u", (int)abi, nr);

            status |= put(dir, name, seed);
            begin(seed);
            n = 0;
        }
    }
    g_byte_array_free(seed, TRUE);
    return status;
}

static int sample(const char *dir)
{
    GByteArray *seed = g_byte_array_new();
    struct build b;
    int status;

    build__init(&b);
    build__sample(&b);
    add(seed, 1);
    add(seed, 0);
    for (unsigned i = 0; i < b.records->len; i++)
        g_byte_array_append(seed, b.records->pdata[i], ((const struct qbk_record *)b.records->pdata[i])->size);
    status = put(dir, "sample", seed);
    g_byte_array_free(seed, TRUE);
    build__free(&b);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 2 || g_mkdir_with_parents(argv[1], 0755) < 0) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    return sample(argv[1]) | calls(argv[1], QBK_ABI_LINUX_X86_64) | calls(argv[1], QBK_ABI_LINUX_I386);
}
