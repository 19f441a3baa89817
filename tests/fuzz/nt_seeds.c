/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nt_seeds FOLDER: what fuzz_nt begins with: images of both widths, a symbol table, messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glib.h>
#include <lzma.h>
#include <stdio.h>

#include "pe_build.h"

static int save(const char *dir, const char *name, uint8_t kind, uint8_t how, const void *bytes, size_t len)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    FILE *f = fopen(path, "wbe");
    bool ok = f && fputc(kind, f) != EOF && fputc(how, f) != EOF && fwrite(bytes, 1, len, f) == len;
    return (f && fclose(f) != 0) || !ok;
}

static struct built *image(bool is_64, const char *name)
{
    struct built *b = build_kernel(is_64, name);
    EXPORT(b, "PsGetThreadTeb", "\x8b\xff\x55\x8b\xec\x8b\x45\x08\x8b\x80\x84\x00\x00\x00\x5d\xc2\x04\x00");
    EXPORT(b, "PsGetProcessImageFileName", "\x48\x8d\x81\xa8\x05\x00\x00\xc3");
    EXPORT(b, "ZwClose", "\xb8\x19\x00\x00\x00\xba\x00\x03\xfe\x7f\xff\x12\xc2\x04\x00");
    EXPORT(b, "NtClose", "\x4c\x8b\xd1\xb8\x0f\x00\x00\x00\x0f\x05\xc3");
    EXPORT(b, "KiUserApcDispatcher", "\x90");
    return b;
}

static int save_image(const char *dir, bool is_64, const char *name)
{
    struct built *b = image(is_64, name);
    g_autofree char *file = g_strdup_printf("%s-%d", name, is_64 ? 64 : 32);
    int status = save(dir, file, 0, is_64 ? 1 : 0, b->bytes, sizeof(b->bytes));
    free(b);
    return status;
}

static int save_tables(const char *dir)
{
    static const char json[] =
        "{\"metadata\":{\"windows\":{\"pdb\":{\"GUID\":\"0102030405060708090A0B0C0D0E0F10\",\"age\":1,\"database\":"
        "\"k.pdb\",\"machine_type\":34404}}},\"user_types\":{\"_ETHREAD\":{\"fields\":{\"Cid\":{\"offset\":1144}}},"
        "\"_KTHREAD\":{\"fields\":{\"ApcState\":{\"offset\":152},\"Teb\":{\"offset\":240}}},\"_KAPC_STATE\":{"
        "\"fields\":{"
        "\"Process\":{\"offset\":32}}}}}";
    uint8_t packed[2048];
    size_t size = 0;
    if (lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, (const uint8_t *)json, sizeof(json) - 1, packed, &size,
                                sizeof(packed)) != LZMA_OK)
        return 1;
    return save(dir, "table", 1, 0, json, sizeof(json) - 1) | save(dir, "table-xz", 1, 0, packed, size);
}

/* The arguments come first, and lie with all else from address 4096 on. */
static int save_messages(const char *dir)
{
    uint64_t words[96] = {[4] = 4096 + 160, [5] = 0x500016, [6] = 4096 + 200, [7] = 64, [8] = 4096 + 400, [9] = 200};
    int status;
    words[25] = 0x64;
    words[26] = 2; /* inputs */
    words[27] = 16;
    words[28] = 4096 + 300;
    words[29] = 12;
    words[30] = 4096 + 400;
    put((uint8_t *)words + 300, 0x1000006, 4);
    status = save(dir, "condrv", 2, 4, words, sizeof(words));
    words[5] = 0x12023;
    words[1] = words[2] = 4096 + 200;
    put((uint8_t *)words + 200 + 0x1c, 0x2021e, 4);
    status |= save(dir, "send_to", 2, 4, words, sizeof(words)) | save(dir, "lpc", 2, 1, words, sizeof(words));
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 2 || g_mkdir_with_parents(argv[1], 0755) < 0) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    int status = save_image(argv[1], true, "ntkrnlmp.exe") | save_image(argv[1], false, "ntoskrnl.exe");
    status |= save_image(argv[1], true, "ntdll.dll") | save_image(argv[1], false, "win32u.dll");
    return status | save_tables(argv[1]) | save_messages(argv[1]);
}
