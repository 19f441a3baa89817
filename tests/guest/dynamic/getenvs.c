// SPDX-License-Identifier: GPL-2.0-or-later
/* Calls getenv COUNT times, and prints what it was given. */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 1;
    const char *path = "";
    for (int i = 0; i < n; i++)
        path = getenv(i % 2 ? "NOTHING" : "PATH");
    printf("%p %d\n", (const void *)path, n);
    return 0;
}
