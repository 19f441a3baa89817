#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# gen_numbers.sh OUTPUT CC...: the system calls of the installed kernel headers, as two arrays of numbers and names.
# CC may be several words (a compiler behind ccache).
set -e
output=$1
shift
list() {
    printf 'static const struct header_number %s[] = {\n' "$1"
    header=$2
    shift 2
    macros=$(echo "#include <asm/$header>" | "$@" -E -dM -)
    printf '%s\n' "$macros" | sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9]*\)$/    {\2, "\1"},/p'
    echo '};'
}
{
    echo 'struct header_number { uint32_t nr; const char *name; };'
    list header_x86_64 unistd_64.h "$@"
    list header_i386 unistd_32.h "$@"
} >"$output"
