/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What NtCreateUserProcess is to run: RTL_USER_PROCESS_PARAMETERS and PS_ATTRIBUTE_LIST. */
#include "decode/nt/message_parts.h"

#define PARAMETERS     8u /* arguments */
#define ATTRIBUTES     10u
#define ATTRIBUTES_MAX 24u
#define CLIENT_ID      0x10003u /* attributes: the new thread's ids come back here */
#define IMAGE_NAME     0x20005u
#define NORMALIZED     1u /* pointers in the parameters are addresses, not distances */
#define TEXT_MAX       65535u

/* The same in all releases of a width. */
static const struct parameters {
    unsigned flags, directory, image, command, size;
} parameters_of[2] = {{0x8, 0x24, 0x38, 0x40, 0x48}, {0x8, 0x38, 0x60, 0x70, 0x80}};

static void set_part(struct nt_message *m, unsigned i, uint64_t address, uint64_t length)
{
    if (length == 0 || length > TEXT_MAX || length % 2 || address == 0)
        return;
    m->part[i].address = address;
    m->part[i].length = length;
}

static bool read_parameters(const struct nt_message_call *c, struct nt_message *m)
{
    unsigned word = message__word(c);
    const struct parameters *p = &parameters_of[word == 8];
    uint64_t base = c->args[PARAMETERS];
    const uint8_t *b = message__read(c, base, p->size);
    const unsigned at[NT_PROCESS_PARTS] = {p->image, p->command, p->directory};
    for (unsigned i = 0; b && i < NT_PROCESS_PARTS; i++) {
        uint64_t buffer = message__load(b + at[i] + word, word);
        if (buffer && !(message__load(b + p->flags, 4) & NORMALIZED) && buffer < base)
            buffer += base;
        set_part(m, i, buffer, message__load(b + at[i], 2));
    }
    return b != NULL;
}

/* Its length, then attributes of four words each: what, size, value or address, where its length comes back. */
static bool read_attributes(const struct nt_message_call *c, struct nt_message *m)
{
    unsigned word = message__word(c);
    uint64_t base = c->args[ATTRIBUTES];
    const uint8_t *head = message__read(c, base, word);
    uint64_t count = head ? (message__load(head, word) - word) / (4u * word) : 0;
    if (count == 0 || count > ATTRIBUTES_MAX)
        return false;
    const uint8_t *b = message__read(c, base + word, (size_t)count * 4 * word), *id;
    for (uint64_t i = 0; b && i < count; i++) {
        const uint8_t *one = b + i * 4 * word;
        uint64_t what = message__load(one, word), size = message__load(one + word, word),
                 value = message__load(one + 2 * word, word);
        if (what == IMAGE_NAME) /* what is really run; the name in the parameters is for the program to see */
            set_part(m, NT_PROCESS_IMAGE, value, size);
        else if (what == CLIENT_ID && c->at_return && (id = message__read(c, value, word)) != NULL)
            m->other = message__load(id, word);
    }
    return b != NULL;
}

bool message__process(const struct nt_message_call *c, struct nt_message *m)
{
    bool parameters = c->args[PARAMETERS] && read_parameters(c, m);
    bool attributes = c->args[ATTRIBUTES] && read_attributes(c, m);
    m->kind = NT_MESSAGE_PROCESS;
    m->wide = true;
    m->parts = NT_PROCESS_PARTS;
    return parameters || attributes;
}
