# SPDX-License-Identifier: GPL-2.0-or-later
"""Hooks on functions of NT guests, against what the test machine's threads wrote down of themselves."""
import collections
import os
import re

import cases_nt
import nt_functions
from harness import QEBEK, TOP, WORK, Failure, Run, case, check_counts, expect, folder, json_lines, read_text

MASK32 = 0xffffffff
# What becomes of a service's function where the thread wrote down that its call …
ENDS = {'R': {'returned'},  # returned
        'X': {'returned'},  # was given up: by an APC's routine, which runs when the function has returned
        None: {'returned', 'unwound', 'thread_gone', 'in_flight'}}  # was cut off: the thread was killed
ENDS_OF = {'NtCallbackReturn': {'unwound'}, 'NtTerminateThread': {'thread_gone', 'in_flight'}, 'NtTerminateProcess': {'thread_gone', 'in_flight'}}


def services(release):
    """number → name of the machine's services."""
    with open(f'{TOP}/tests/nt/machine/services-{release}.def', encoding='ascii') as f:
        return {int(number, 0): f'Nt{name}' for name, number in re.findall(r'^[SG]\((\w+), (\w+), \d+\)', f.read(), re.M)}


def read_functions(path):
    """(pid, tid) → calls of functions, in order of entry."""
    threads = collections.defaultdict(list)
    for line in json_lines(path):
        if line['type'] == 'function' and 'tid' in line:
            threads[line['pid'], line['tid']].append(line)
    for calls in threads.values():
        calls.sort(key=lambda c: c['enter'])
    return threads


def wrong(call, true, name, last):
    """What of this call of a service's function is not as the thread that made the call has it, or None. last: its thread made no other."""
    if call['function'] != name:
        return f'it is {call["function"]}'
    for i, (have, value) in enumerate(zip(call['args'], true.args[:4])):
        if int(have, 16) != value:
            return f'argument {i} is {have}, not {value:#x}'
    ends = ENDS_OF.get(name, ENDS['R']) if true.end == 'N' else ENDS[true.end]
    if last and true.end == 'N':  # it may have been killed before it was left behind
        ends = ends | {'thread_gone', 'in_flight'}
    if call['end'] not in ends:
        return f'end {call["end"]}, not {" or ".join(sorted(ends))}'
    if true.end == 'R' and call['result'] & MASK32 != true.result:
        return f'result {call["result"]:#x}, not {true.result:#x}'
    return None


def compare_services(truth, path, release, minus=('NtContinue',)):
    """Each call that reached a service has a call of its function, in this order, and there are no others. `minus`: what the
    machine does without a function."""
    names, traced = services(release), read_functions(path)
    ends = collections.Counter()
    for who, calls in truth.items():
        true = [call for call in calls if names[call.nr] not in minus]
        have = traced.pop(who, [])
        unmade = len(have) == len(true) - 1 and true[-1].end in (None, 'N')
        expect(len(have) == len(true) or unmade, f'thread {who}: {len(have)} calls of functions, truly {len(true)}')
        for i, (call, its) in enumerate(zip(have, true)):
            problem = wrong(call, its, names[its.nr], i + 1 == len(have))
            if problem:
                raise Failure(f'thread {who}, call {i + 1} of {len(true)}, {names[its.nr]} (truly {its.end}): {problem}')
            ends[call['end']] += 1
    expect(not traced, f'threads that never were: {sorted(traced)[:5]}')
    expect(ends['returned'] > 500 and ends['unwound'] > 5 and ends['thread_gone'] > 0, f'not much happened: {ends}')
    return ', '.join(f'{n} {end}' for end, n in ends.most_common())


def check_trace(path):
    status, counts = check_counts(f'{path}/trace.qbk', whole=False)
    expect(status == 0 and counts['lost_records'] == 0, f'qebek check: {counts["messages"][:5]}')
    errors = [line for line in json_lines(f'{path}/trace.jsonl') if line['type'] == 'error']
    expect(not errors, f'errors in the trace: {errors[:3]}')


@case('nt-functions-10', 'nt-functions-10-vcpus', 'nt-functions-7-shadow-vcpus', 'nt-functions-xp', 'nt-functions-xp-vcpus')
def functions_of_services(name):
    """All services' functions in the kernel: re-entered from callbacks and APCs, switched away from, jumped out of, killed."""
    path, release = folder(name), name.split('-')[2]
    truth = cases_nt.trace(path, release, '--hook', 'ntoskrnl.exe:Nt*', calls=500, threads=3, procs=3, what=cases_nt.ALL, log=512,
                           vcpus=4 if 'vcpus' in name else 1, shadow=int('shadow' in name), seed=31)
    check_trace(path)
    told = compare_services(truth, f'{path}/trace.jsonl', release)
    os.unlink(f'{path}/memory')
    return told


# What the machine's code does not tell of itself.
PROTOTYPES = ('XtMany(a: hex, b: hex, c: hex, d: hex, e: hex, f: hex) -> hex [stdcall]', 'XtFast(a: hex, b: hex, c: hex) -> hex [fastcall]',
              'XtCdecl(a: hex, b: hex, c: hex) -> hex [cdecl]')


def run_functions(name, *hooks, **options):
    """Runs functions.exe with functions hooked; what they wrote down."""
    path, release = folder(name), name.split('-')[2]
    command = [QEBEK, 'run', *(word for hook in hooks for word in ('--hook', hook)), '-e', 'trace=NtTerminateThread', '--output', f'jsonl:{path}/trace.jsonl',
               '--output', f'qbk:{path}/trace.qbk', '-o', '/dev/null', '--',
               *cases_nt.machine(path, release, program='functions.exe', xt=1, log=1024, **options)]
    run = Run(path, command)
    status = run.wait(100)
    expect(status == 1 and not run.err(), f'status {status}: {run.err().strip()[-300:]} {read_text(f"{path}/console")[-200:]}')
    check_trace(path)
    truth = nt_functions.read(read_text(f'{path}/console'), f'{path}/memory')
    os.unlink(f'{path}/memory')
    return truth


@case('nt-kernel-10', 'nt-kernel-10-vcpus', 'nt-kernel-xp', 'nt-kernel-xp-vcpus')
def functions_of_kernel(name):
    """Recursion, mutual calls from one place, jumps at the end, exceptions, two stacks, waits, callbacks, deaths, switches."""
    truth = run_functions(name, 'ntoskrnl.exe:Xt*', 'ntoskrnl.exe:KiSwapContext', *(f'ntoskrnl.exe:{words}' for words in PROTOTYPES), calls=150, threads=4, procs=2, vcpus=4 if 'vcpus' in name else 1, seed=41)
    bits = 32 if 'xp' in name else 64
    ends = nt_functions.compare(truth, f'{WORK}/{name}/trace.jsonl', True, bits)
    expect(ends['returned'] > 8000 and ends['unwound'] > 1000 and ends['open'] >= 5, f'not much happened: {ends}')
    return f'{dict(ends)}'
