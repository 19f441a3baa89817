// SPDX-License-Identifier: GPL-2.0-or-later
/* A shared object that is no module. */
__attribute__((visibility("default"))) int nothing(void);

int nothing(void)
{
    return 0;
}
