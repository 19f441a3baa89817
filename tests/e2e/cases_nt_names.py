# SPDX-License-Identifier: GPL-2.0-or-later
"""NT guests: what handles stand for, against what the test machine's kernel says that it gave out."""
import collections
import os

from cases_nt import trace
from harness import case, check_counts, expect, folder, json_lines, read_text

NAMES = 512  # WITH_NAMES of tests/nt/machine/plan.h
MAKERS = ('NtCreateFile', 'NtOpenKey', 'NtCreateThread', 'NtCreateThreadEx')


def told(console):
    """(pid, handle) → what it stood for, in order: the machine's own word."""
    names = collections.defaultdict(list)
    for line in console.splitlines():
        if line.startswith('HANDLE '):
            _, pid, handle, name = line.split(' ', 3)
            names[int(pid), int(handle)].append(name)
    return names


def shown(arg):
    """Type and name of a handle, as the machine writes it; None: the trace does not know."""
    return ' '.join(arg[key] for key in ('object', 'path') if key in arg) or None


def made(call):
    """The handle that a call made, or 0."""
    text = call['args'][0].get('text', '[0]')
    return int(text[1:-1].split('<')[0].replace('NULL', '0'), 0)


def compare(truth, calls):
    """Every handle that was made has the name that it truly has, and so it has wherever it is used until it is closed."""
    known, seen, uses = {}, collections.defaultdict(list), 0
    for call in calls:
        pid, arg = call['pid'], call['args'][0] if call['args'] else {}
        if call['name'] in MAKERS and call.get('ret') == 0 and made(call):
            seen[pid, made(call)].append(shown(arg))
            known[pid, made(call)] = shown(arg)
        elif 'object' in arg and (pid, arg['value']) in known:
            uses += 1
            every = truth[pid, arg['value']]
            # The machine does not keep a thread's object for its handles: it may be another thread by now.
            other = shown(arg).startswith('Thread ') and any(name.startswith('Thread ') for name in every)
            expect(shown(arg) in every or other, f'{call["name"]} of {arg["value"]:#x} is {shown(arg)}, not one of {every[:4]}')
    for key, names in truth.items():
        lost = collections.Counter(names) - collections.Counter(seen[key])
        expect(sum(lost.values()) <= 1, f'handle {key} was {names}, and not {seen[key]}')  # its thread may be killed in the call
    return sum(map(len, seen.values())), uses


def check(name, release, **options):
    path = folder(name)
    trace(path, release, '-y', calls=500, threads=4, procs=2, what=NAMES | 2 | 8, log=512, **options)
    check_counts(f'{path}/trace.qbk')
    truth = told(read_text(f'{path}/console'))
    calls = sorted((line for line in json_lines(f'{path}/trace.jsonl') if line['type'] == 'call'), key=lambda c: c['seq'])
    handles, uses = compare(truth, calls)
    kinds = {name for names in truth.values() for name in names}
    expect(handles > 50 and uses > 50 and len(kinds) > 12, f'{handles} handles, {uses} uses, {len(kinds)} names: too few')
    os.unlink(f'{path}/memory')
    return f'{handles} handles of {len(kinds)} names, used {uses} times'


@case('nt_names-xp', 'nt_names-7', 'nt_names-10', 'nt_names-11')
def names(name):
    """Files with drive letters and without, keys, events and all other kinds; tables of one to three levels."""
    return check(name, name.split('-')[1], seed=17)


@case
def nt_names_shadow():
    """With page tables of its own for user mode, names are read before the kernel leaves."""
    return check('nt_names_shadow', '10', vcpus=2, shadow=1, seed=19)
