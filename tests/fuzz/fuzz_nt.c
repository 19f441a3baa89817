/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hostile NT kernels: PE images (headers, exports, the code of getters and stubs, debug records), symbol tables, and
 * what calls carry in memory. The first byte says which; of an image the next says which of its pages are absent.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "decode/nt/message.h"
#include "decode/nt/nt.h"
#include "guest/find/nt/isf.h"
#include "guest/find/nt/nt.h"

#define PAGE      4096u
#define PAGES_MAX 16u

static void as_image(const uint8_t *data, size_t size, uint8_t absent)
{
    static struct find_nt nt;
    static struct link_found found;
    size_t pages = (size + PAGE - 1) / PAGE;
    uint8_t present[2] = {(uint8_t)~absent, (uint8_t)~absent}, *bytes;
    if (pages == 0 || pages > PAGES_MAX)
        return;
    bytes = calloc(pages, PAGE);
    if (!bytes)
        abort();
    memcpy(bytes, data, size);
    for (unsigned i = 0; i < pages; i++) { /* as the copy has them */
        if (!(present[i / 8] >> (i % 8) & 1))
            memset(bytes + (size_t)i * PAGE, 0, PAGE);
    }
    const struct find_image image = {
        .base = 0xfffff80000000000u, .pages = pages, .bytes = bytes, .present = present, .extra = bytes};
    memset(&found, 0, sizeof(found));
    if (find_nt__kernel(&nt, &image, NULL, &found) && !nt_layout__valid(&nt.layout))
        abort();
    nt.known = true;
    nt.layout.is_64 = absent & 1;
    if (!nt.how) { /* no kernel before: its stubs are looked at all the same */
        nt.how = g_string_new(NULL);
        nt.missing = g_string_new(NULL);
        nt.profile = g_string_new(NULL);
    }
    (void)find_nt__stubs(&nt, &image, &found);
    if (found.text_len > sizeof(found.text))
        abort();
    find_nt__clear(&nt);
    free(bytes);
}

static void as_table(const uint8_t *data, size_t size)
{
    struct isf isf;
    GError *error = NULL;
    if (!isf__parse(data, size, &isf, &error) && !error)
        abort();
    g_clear_error(&error);
}

struct memory {
    const uint8_t *bytes;
    size_t size;
    uint64_t data;
};

/* The input lies at address 4096 of the program. */
static const uint8_t *look(void *user, uint64_t address, size_t len, bool data, size_t *have)
{
    struct memory *m = user;
    *have = 0;
    m->data += data ? len : 0;
    if (address < PAGE || address - PAGE >= m->size)
        return NULL;
    *have = len < m->size - (address - PAGE) ? len : m->size - (size_t)(address - PAGE);
    return m->bytes + (address - PAGE);
}

static void as_message(const uint8_t *data, size_t size, uint8_t how)
{
    static const uint32_t rows[] = {DECODE_NT_DeviceIoControlFile, DECODE_NT_RequestWaitReplyPort,
                                    DECODE_NT_AlpcSendWaitReceivePort, DECODE_NT_DeviceIoControlFile};
    uint64_t args[20] = {0};
    struct memory m = {.bytes = data, .size = size};
    struct nt_message out;
    if (size < sizeof(args))
        return;
    memcpy(args, data, sizeof(args));
    const struct nt_message_call call = {.abi = how & 4 ? QBK_ABI_NT_X64 : QBK_ABI_NT_X86,
                                         .row = rows[how & 3],
                                         .args = args,
                                         .at_return = how & 8,
                                         .read = look,
                                         .user = &m};
    if (nt_message__decode(&call, &out) && (out.parts > NT_MESSAGE_PARTS || m.data > NT_MESSAGE_BYTES))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    switch (data[0] % 3) {
    case 0:
        as_image(data + 2, size - 2, data[1]);
        break;
    case 1:
        as_table(data + 2, size - 2);
        break;
    default:
        as_message(data + 2, size - 2, data[1]);
    }
    return 0;
}
