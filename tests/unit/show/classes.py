#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""classes.py QEBEK EVERY_CALL: our names and classes of system calls are those of the strace that is installed.

strace traces a program that makes every call once, class by class. Calls that strace does not know yet are left out.
"""
import re
import subprocess
import sys
import tempfile

CLASSES = ('file desc process network signal ipc memory creds stat lstat fstat %stat statfs fstatfs %statfs clock '
           'pure').split()


def straces(what, every_call):
    """Names that strace -e trace=WHAT shows."""
    names = set()
    for bits in ('64', '32'):
        with tempfile.NamedTemporaryFile('r', errors='replace') as log:
            subprocess.run(['strace', '-o', log.name, '-e', f'trace={what}', every_call, bits], check=True,
                           stderr=subprocess.DEVNULL)
            names.update(m.group(1) for line in log if (m := re.match(r'(\w+)\(', line)))
    return {name for name in names if not name.startswith('syscall_')}


def main():
    qebek, every_call = sys.argv[1:]
    listed = subprocess.run([qebek, 'list', 'classes'], stdout=subprocess.PIPE, text=True, check=True).stdout
    # Calls of NT, and the classes that have no others, are not strace's matter.
    ours = {words[0]: {name for name in words[1:] if not name.startswith('Nt')}
            for words in map(str.split, listed.splitlines())}
    ours = {name: calls for name, calls in ours.items() if calls}
    calls = subprocess.run([qebek, 'list', 'syscalls'], stdout=subprocess.PIPE, text=True, check=True).stdout
    names = {line.split('\t')[2].split('(')[0] for line in calls.splitlines()}
    known = straces('all', every_call)
    faults = [f'we have no {sorted(known - names)}'] if known - names else []
    if len(known) < 400 or set(ours) != {f'%{c}' for c in CLASSES}:
        faults.append(f'{len(known)} names, classes {sorted(ours)}')
    for name in CLASSES:
        theirs, mine = straces(f'%{name}', every_call), ours.get(f'%{name}', set()) & known
        if not theirs or theirs != mine:
            faults.append(f'%{name}: we lack {sorted(theirs - mine)}, and have {sorted(mine - theirs)} more')
    print('\n'.join(faults) or f'{len(CLASSES)} classes of {len(known)} calls agree')
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main())
