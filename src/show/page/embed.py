#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""embed.py OUT.c NAME=FILE…: each file as an array of characters, NUL-terminated, with that name."""
import re
import sys


def main():
    with open(sys.argv[1], 'w', encoding='ascii') as out:
        out.write('#include "show/page/page.h"\n')
        for word in sys.argv[2:]:
            name, path = word.split('=', 1)
            with open(path, 'rb') as f:
                data = f.read()
            if path.endswith('.js') and re.search(rb'</script', data, re.IGNORECASE):
                sys.exit(f'{path} would end the script that it is put into')
            numbers = ','.join(str(b if b < 128 else b - 256) for b in data)
            out.write(f'const char {name}[] = {{{numbers},0}};\n')


if __name__ == '__main__':
    main()
