/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program whose threads call the functions of xt.c, in ntdll and through the kernel; each at its end dies in one. */
#include "lib.h"
#include "xt.h"

typedef void run_function(word, word);
typedef word XT_CALL two_words(word, word);

static word of_ntdll(const char *name)
{
    return find_export(((const struct start *)self())->stubs_nt, name);
}

void thread_main(word param)
{
    const struct start *s = self();
    u64 random = s->seed;
    (void)param;
    for (word i = 0; i < s->calls; i++)
        ((run_function *)of_ntdll("XtRun"))(random_below(&random, 1u << 20), 3);
    if (s->seed & 1)
        ((two_words *)of_ntdll("XtDie"))(1, s->seed);
    else
        ((two_words *)of_ntdll("XtDeeper"))(1000, 0); /* the kernel's own function ends it */
    __asm__ volatile("hlt");
}

/* What the kernel asks for. */
static u32 callback(word buffer, word len)
{
    word value = *(const word *)buffer;
    (void)len;
    ((run_function *)of_ntdll("XtRun"))(value >> 8, value & 0xff);
    return 0;
}

void *const callbacks[] = {(void *)callback};

void thread_hook(word context)
{
    (void)context;
}

void exception_hook(word record, word context)
{
    (void)record;
    (void)context;
    __asm__ volatile("hlt");
}

void raised_hook(word status)
{
    (void)status;
}
