/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes that threads make, and end. */
#include "program.h"

#ifdef __x86_64__
static const struct {
    u16 standard, directory, image, command;
} params_at = {0x20, 0x38, 0x60, 0x70};
#else
static const struct {
    u16 standard, directory, image, command;
} params_at = {0x18, 0x24, 0x38, 0x40};
#endif
#define PARAMS_BYTES 0x800u
#define USER_PEB     0x10000000u /* as the kernel has it */
#define USER_PARAMS  0x10008000u

static const u16 *const images[] = {u"\\??\\C:\\Windows\\System32\\csrss.exe",
                                    u"\\??\\C:\\Windows\\System32\\winlogon.exe",
                                    u"\\??\\C:\\Windows\\explorer.exe",
                                    u"\\??\\C:\\Windows\\System32\\cmd.exe",
                                    u"\\??\\D:\\a long name of a program.exe",
                                    u"\\??\\C:\\Temp\\p\u00e4th\\x.exe",
                                    u"\\??\\C:\\Temp\\missing.exe"};
#define IMAGES 6u

static word text_length(const u16 *text)
{
    word n = 0;
    while (text[n])
        n++;
    return 2 * n;
}

/* A UNICODE_STRING of the parameters; its text goes to *end, which moves on. Distances where the flags say so. */
static void put_string(word params, u32 at, const u16 *text, word bytes, word *end, bool distances)
{
    memcpy((void *)*end, text, bytes);
    set(params + at, bytes, 2);
    set(params + at + 2, bytes + 2, 2);
    set(params + at + sizeof(word), distances ? *end - params : *end, sizeof(word));
    *end += bytes + 2;
}

/* RTL_USER_PROCESS_PARAMETERS with a command line of any length. */
static void make_parameters(struct me *me, word params, u32 image, bool distances)
{
    static const u16 start[] = u"\"C:\\Windows\\System32\\cmd.exe\" /c echo \u00e4\U0001f600 ";
    u16 command[400];
    word end = params + 0x100, n = sizeof(start) / 2 - 1;
    memcpy(command, start, sizeof(start));
    for (u32 more = chance(me, 300); more > 0; more--)
        command[n++] = (u16)('!' + chance(me, 90));
    memset((void *)params, 0, 0x100);
    set(params, PARAMS_BYTES, 4);
    set(params + 4, PARAMS_BYTES, 4);
    set(params + 8, distances ? 0 : 1, 4);
    for (u32 i = 0; i < 3; i++)
        set(params + params_at.standard + i * sizeof(word), 0x20 + 4 * i, sizeof(word));
    put_string(params, params_at.directory, u"C:\\Users\\", 18, &end, distances);
    put_string(params, params_at.image, images[image] + 4, text_length(images[image]) - 8, &end, distances);
    put_string(params, params_at.command, command, 2 * n, &end, distances);
}

#ifdef __x86_64__
static word make_process(struct me *me, u32 image)
{
    volatile word *out = (word *)area(me);
    word params = area(me) + 0x200, list = area(me) + 0x100, *at = (word *)list;
    const word attributes[] = {
        9 * sizeof(word), 0x20005, text_length(images[image]), (word)images[image], 0, 0x10003, 16, area(me) + 0x40, 0};
    word args[20] = {(word)out, (word)(out + 1), 0x2000000, 0x2000000, 0, 0, 0x200, 1, params, area(me) + 0x80, list};
    const struct seen seen[2] = {{0, false, (word)out, sizeof(word)}, {1, false, (word)(out + 1), sizeof(word)}};
    make_parameters(me, params, image, false);
    memcpy(at, attributes, sizeof(attributes));
    out[0] = out[1] = 0;
    return call(me, NtCreateUserProcess, args, NULL, seen, image == IMAGES ? 0 : 2) == 0 ? out[0] : 0;
}
#else
/* As XP does it: a section, a process, its parameters, a thread. */
static word make_process(struct me *me, u32 image)
{
    volatile word *out = (word *)area(me);
    word params = area(me) + 0x200;
    struct plan makes = new_plan(0);
    const word there = USER_PARAMS;
    word section[20] = {(word)out, 0xf001f, 0, 0, 0x10, 0x1000000, 0},
         process[20] = {(word)(out + 1), 0x1fffff, 0, -1u, 4};
    const struct seen seen[3] = {{0, false, (word)out, sizeof(word)},
                                 {0, false, (word)(out + 1), sizeof(word)},
                                 {0, false, (word)(out + 2), sizeof(word)}};
    out[0] = out[1] = out[2] = 0;
    add(&makes, OP_IMAGE, image, (word)out, 0);
    call(me, NtCreateSection, section, &makes, &seen[0], 1);
    process[5] = out[0];
    if (call(me, NtCreateProcessEx, process, NULL, &seen[1], 1) != 0)
        return 0;
    make_parameters(me, params, image, true);
    memcpy((void *)(area(me) + 0x10), &there, sizeof(there));
    word block[20] = {out[1], USER_PARAMS, params, PARAMS_BYTES, 0};
    word pointer[20] = {out[1], USER_PEB + 0x10, area(me) + 0x10, sizeof(word), 0};
    call(me, NtWriteVirtualMemory, block, NULL, NULL, 0);
    call(me, NtWriteVirtualMemory, pointer, NULL, NULL, 0);
    word thread[20] = {(word)(out + 2), 0x1fffff, 0, out[1], 0, (word)thread_main, 8 + chance(me, 32), 1};
    call(me, NtCreateThread, thread, NULL, &seen[2], 1);
    return out[1];
}
#endif

/* Only the first threads make processes, so that they do not become ever more. */
void creates(struct me *me)
{
    word process, kill[20] = {0, 0xc000013a};
    u32 image = chance(me, sizeof(word) == 8 ? IMAGES + 1 : IMAGES);
    if (me->made >= 4 || me->start.calls < 100)
        return;
    me->made++;
    process = make_process(me, image);
    some_more(me, 3);
    if (process && chance(me, 3) == 0) {
        kill[0] = process;
        call(me, NtTerminateProcess, kill, NULL, NULL, 0);
    }
}
