#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# gen_numbers.sh CC OUTPUT: the system calls of the installed kernel headers, as two arrays of numbers and names.
set -e
list() {
    printf 'static const struct header_number %s[] = {\n' "$1"
    echo "#include <asm/$2>" | "$cc" -E -dM - | sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9]*\)$/    {\2, "\1"},/p'
    echo '};'
}
cc=$1
{
    echo 'struct header_number { uint32_t nr; const char *name; };'
    list header_x86_64 unistd_64.h
    list header_i386 unistd_32.h
} >"$2"
