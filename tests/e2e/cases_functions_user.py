# SPDX-License-Identifier: GPL-2.0-or-later
"""Hooks on functions of programs and libraries, against the guest's own uprobes and what programs say of themselves."""
import cases_functions
from cases_functions import compare
from harness import case, check_counts, expect, folder, linux, qebek

MARKER = 'ffsll'
LIBC = [MARKER, 'getenv', 'strlen', 'strtol', 'memcpy', 'rand_r', 'snprintf', 'qsort', 'malloc', 'calloc', 'realloc', 'free',
        'strdup']


def run(path, program, *hooks, vcpus=1, kernel='6.1', limit=240, **more):
    """Run a dynamically linked program in a guest with these hooks; what qebek said on stderr must be nothing."""
    machine = linux(path, program, vcpus=vcpus, kernel=kernel, image=('--libc',), **more)
    words = [word for hook in hooks for word in ('--hook', hook)]
    status, _, err = qebek('run', *words, '-e', 'trace=none', '-o', '/dev/null', '--output', f'jsonl:{path}/trace.jsonl',
                           '--output', f'qbk:{path}/trace.qbk', '--', *machine, limit=limit)
    expect(status == 0 and not err, f'status {status}: {err}')
    status, counts = check_counts(f'{path}/trace.qbk', whole=False)
    expect(status == 0 and counts['lost_records'] == 0, f'qebek check: {counts["messages"][:5]}')


def windows(path, functions, module='libc.so.6:'):
    """Compares each thread that has two markers; (events, threads)."""
    true = cases_functions.read_probed(f'{path}/truth', functions)
    traced = cases_functions.read_traced(f'{path}/trace.jsonl', module)
    events = threads = 0
    for tid, of_thread in true.items():
        if not any(event[1] == MARKER for event in of_thread):
            continue
        window = cases_functions.between_markers(of_thread, MARKER)
        compare(tid, cases_functions.between_markers(traced.get(tid, []), MARKER), window)
        events += len(window)
        threads += 1
    return events, threads


@case('functions-user-1cpu', 'functions-user-4cpu')
def functions_user(name):
    vcpus = int(name[-4])
    path = folder(name)
    run(path, f'uprobed,/dev/nvme0n1,{2 * vcpus},{2000 // vcpus},' + ','.join(LIBC), *(f'libc.so.6:{f}' for f in LIBC),
        vcpus=vcpus)
    events, threads = windows(path, LIBC)
    expect(threads == 2 * vcpus and events > 200000, f'only {threads} threads with {events} events')
    return f'{events} events of {threads} threads, as the guest has them'
