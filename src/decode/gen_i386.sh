#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Numbers and names of the 32-bit interface, out of the installed kernel header: gen_i386.sh COMPILER OUTPUT
set -eu
echo '#include <asm/unistd_32.h>' | "$1" -E -dM - |
    sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9][0-9]*\)$/{\2, "\1"},/p' | sort -t'{' -k2 -n >"$2"
test -s "$2"
