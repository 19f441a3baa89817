#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""compare.py NATIVE: strace and our capture and printers, each on the same programs of this machine: the same lines."""
import os
import re
import subprocess
import sys
import tempfile

PROGRAMS = [
    ['/bin/ls', '-l', '/usr'],
    ['/bin/ls', '/nonexistent'],
    ['/bin/cat', '/etc/passwd', '/proc/self/comm'],
    ['/bin/sh', '-c', 'umask 022; cd /; test -d usr && exec 5</dev/null 6>&5; trap : USR1; kill -USR1 $$; kill -TERM $$'],
    ['/bin/dd', 'if=/dev/zero', 'of=/dev/null', 'bs=100', 'count=3', 'status=none'],
    ['/bin/sleep', '0.01'],
]
# What no two runs have in common.
VARIES = [(r'^getppid\(\) += \d+', 'getppid()'), (r'^(execve\(.*\], 0x)[0-9a-f]+', r'\1'), (r'^getrandom\(".*?"', 'getrandom("')]


def lines(path):
    with open(path, encoding='utf-8') as f:
        text = f.read()
    pid = text.split()[0]
    for line in re.sub(rf'\b{pid}\b', 'PID', text).splitlines():
        line = line.removeprefix('PID').lstrip()
        for pattern, instead in VARIES:
            line = re.sub(pattern, instead, line)
        yield line


def run(out, *command):
    # Addresses are the same only without address randomisation and with the same environment.
    subprocess.run(['setarch', '-R', *command], env={'PATH': '/usr/bin:/bin'}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, timeout=60, check=False)
    return list(lines(out))


def main():
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        theirs, ours = os.path.join(folder, 'strace'), os.path.join(folder, 'ours')
        for program in PROGRAMS:
            want = run(theirs, 'strace', '-f', '-o', theirs, *program)
            got = run(ours, sys.argv[1], f'strace:{ours}', *program)
            differ = [(w, g) for w, g in zip(want, got) if w != g]
            print(f'{" ".join(program)}: {len(want)} lines, {len(differ)} differ')
            for w, g in differ[:10]:
                print(f'  strace: {w}\n  ours:   {g}')
            bad += len(differ) + abs(len(want) - len(got)) + (len(want) < 20)
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
