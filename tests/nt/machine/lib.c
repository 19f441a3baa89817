/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib.h"

void *memset(void *to, int value, size_t len)
{
    for (volatile u8 *p = to; len; len--)
        *p++ = (u8)value;
    return to;
}

void *memcpy(void *to, const void *from, size_t len)
{
    volatile u8 *p = to;
    for (const u8 *q = from; len; len--)
        *p++ = *q++;
    return to;
}

void *self(void)
{
    void *me;
#ifdef __x86_64__
    __asm__ volatile("movq %%gs:0x1480, %0" : "=r"(me));
#else
    __asm__ volatile("movl %%fs:0xe10, %0" : "=r"(me));
#endif
    return me;
}

u32 random_below(u64 *state, u32 n)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return (u32)(*state >> 33) % n;
}

static bool same(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

word find_export(word base, const char *name)
{
    const u8 *pe = (const u8 *)base + *(u32 *)(base + 0x3c);
    const u32 *dir = (const u32 *)(base + *(const u32 *)(pe + 24 + (sizeof(word) == 8 ? 112 : 96)));
    const u32 *names = (const u32 *)(base + dir[8]), *functions = (const u32 *)(base + dir[7]);
    const u16 *ordinals = (const u16 *)(base + dir[9]);
    for (u32 i = 0; i < dir[6]; i++) {
        if (same((const char *)base + names[i], name))
            return base + functions[ordinals[i]];
    }
    return 0;
}

void program_entry(void);
void program_entry(void)
{
}
