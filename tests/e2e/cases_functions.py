# SPDX-License-Identifier: GPL-2.0-or-later
"""Hooks on functions of the kernel, against the guest's own kprobes and kretprobes of the same run."""
import collections

from harness import QEMU, case, check_counts, expect, folder, json_lines, linux, one_clear_line, qebek

MARKER = '__x64_sys_sched_get_priority_max'
FUNCTIONS = [MARKER, 'vfs_read', 'vfs_write', 'vfs_open', 'vfs_statx', 'do_filp_open', 'do_sys_openat2', 'path_openat',
             'lookup_fast', 'terminate_walk', 'dput', '__fput', 'vfs_unlink', 'create_pipe_files', 'generic_permission',
             'security_file_alloc', '____fput', '__x64_sys_write', 'ksys_write', '__x64_sys_read', 'ksys_read']
# Some of these end in a jump to the next: both then return at once.
MASK = (1 << 64) - 1


def read_probed(path, functions=None):
    """tid → events of the guest's tracer, in order: (kind, function, values)."""
    with open(path, 'rb') as f:
        lines = f.read().split(b'\0', 1)[0].decode('ascii').splitlines()
    expect(lines and lines[-1].startswith('END '), 'the guest wrote no events, or not all of them')
    expect(lines[:2] == ['misses 0', 'lost 0'], f'the guest missed events itself: {lines[:2]}')
    expect(len(lines) - 3 == int(lines[-1].split()[1]), 'lines of the guest are missing')
    threads = collections.defaultdict(list)
    for line in lines[2:-1]:
        tid, kind, number, *values = line.split()
        threads[int(tid)].append((kind, (functions or FUNCTIONS)[int(number)], [int(v, 16) for v in values]))
    return threads


def read_traced(path, module=''):
    """The same out of a trace, of the functions of a module."""
    threads = collections.defaultdict(list)
    for call in json_lines(path):
        if call['type'] != 'function' or 'tid' not in call:
            continue
        name = call['function'].removeprefix(module)
        threads[call['tid']].append((call['enter'], 'e', name, [int(v, 16) for v in call['args']]))
        if call['end'] == 'returned':
            threads[call['tid']].append((call['seq'], 'r', name, [call['result'] & MASK]))
    return {tid: [event[1:] for event in sorted(events, key=lambda e: e[0])] for tid, events in threads.items()}


def between_markers(events, marker=MARKER):
    at = [i for i, event in enumerate(events) if event[:2] == ('e', marker)]
    expect(len(at) == 2, f'{len(at)} markers of a thread, not 2')
    return events[at[0]:at[1] + 1]


def compare(tid, traced, true):
    for i, (a, b) in enumerate(zip(traced, true)):
        n = min(len(a[2]), len(b[2])) if a[0] == 'e' else 1
        expect(a[:2] == b[:2] and a[2][:n] == b[2][:n], f'thread {tid}, event {i}: {a}, and the guest has {b}')
    expect(len(traced) == len(true), f'thread {tid}: {len(traced)} events, and the guest has {len(true)}')


def hooks(names):
    return [word for name in names for word in ('--hook', f'kernel:{name}')]


@case('functions-1cpu', 'functions-4cpu')
def functions(name):
    vcpus = int(name[-4])
    path = folder(name)
    machine = linux(path, f'probed,/dev/nvme0n1,{2 * vcpus},{800 // vcpus},' + ','.join(FUNCTIONS), vcpus=vcpus)
    status, _, err = qebek('run', *hooks(FUNCTIONS), '-e', 'trace=none', '-o', '/dev/null', '--output', f'jsonl:{path}/trace.jsonl',
                 '--output', f'qbk:{path}/trace.qbk', '--', *machine, limit=240)
    expect(status == 0 and not err, f'status {status}: {err}')
    status, counts = check_counts(f'{path}/trace.qbk', whole=False)
    expect(status == 0 and counts['lost_records'] == 0, f'qebek check: {counts["messages"][:5]}')
    true, traced = read_probed(f'{path}/truth'), read_traced(f'{path}/trace.jsonl')
    events = threads = 0
    for tid, of_thread in true.items():
        if not any(event[1] == MARKER for event in of_thread):
            continue
        window = between_markers(of_thread)
        compare(tid, between_markers(traced.get(tid, [])), window)
        events += len(window)
        threads += 1
    expect(threads == 2 * vcpus and events > 50000, f'only {threads} threads with {events} events')
    return f'{events} events of {threads} threads, as the guest has them'


@case
def functions_wrong():
    """What cannot be hooked is said in one line: before the machine starts, or, of names, when its kernel is known."""
    for spec, words in (('malloc', ('malloc', 'kernel:NAME')), ('kernel:vfs_read(', ('prototype',)),
                        ('sh:libc.so.6+0x1000', ('offset', 'address'))):
        status, _, err = qebek('run', '--hook', spec, '--', QEMU, '-machine', 'none', '-display', 'none')
        expect(status == 2, f'{spec}: status {status}')
        one_clear_line(err, *words)
    path = folder('functions_wrong')
    status, _, err = qebek('run', '--hook', 'kernel:vfs_raed', '--hook', 'kernel:vfs_*', '--hook-max', 3,
                           '-e', 'trace=none', '-o', '/dev/null', '--', *linux(path, 'true', disk=False), limit=120)
    lines = err.splitlines()
    expect(status == 0 and len(lines) == 2, f'status {status}: {err}')
    expect('vfs_raed' in lines[0] and 'vfs_read' in lines[0], f'no near name in {lines[0]!r}')
    expect('--hook-max' in lines[1], f'not asked for more: {lines[1]!r}')
