/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A library that is not linked to where it lies in its file, with two versions of one function. */
void thing_old(void);
void thing_new(void);

__asm__(".symver thing_old, thing@V1");
__asm__(".symver thing_new, thing@@V2");

void thing_old(void)
{
    __asm__ volatile(".ascii \"the old thing\"");
}

void thing_new(void)
{
    __asm__ volatile(".ascii \"the new thing\"");
}
