#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Serves the bench over the second serial line: runs one command a line until "quit". Each answers with a line that
# begins with "= "; the first line says that the shell is there.
exec </dev/ttyS1 >/dev/ttyS1 2>/dev/ttyS0
stty raw -echo
echo "= ready"
while read -r line; do
    [ "$line" != quit ] || break
    # shellcheck disable=SC2086 # words
    set -- $line
    "$@" || echo "= failed"
done
