# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls that a tracer or a filter changes between the program and the kernel: what was asked, what ran, what came back."""
from cases_truth import CPUS, identity
from harness import QEBEK, Run, case, check_counts, expect, folder, json_lines, linux, read_text
from truth import MARKER, result_of

AS_ASKED = 'as asked'
# In the order of tests/guest/altered.c: what the kernel ran.
RAN = [AS_ASKED, 'getuid', None, 'lseek', AS_ASKED, None, 'getuid32', AS_ASKED, None, AS_ASKED, 'getpid']


def asked(objects):
    """The calls between the markers."""
    inside = set()
    for call in objects:
        if call['type'] == 'call' and call['name'] == 'prctl' and call['args'][0]['value'] == MARKER:
            (inside.add if call['args'][1]['value'] == 1 else inside.discard)(call['tid'])
        elif call['type'] == 'call' and call['tid'] in inside:
            yield call


def ran(call):
    if 'ran' not in call:
        return AS_ASKED
    return call['ran'] and call['ran']['name']


@case('altered-6.1-flat', 'altered-6.12-isolated', 'altered-newest-flat')
def altered(name):
    _, kernel, kind = name.split('-')
    path = folder(name)
    run = Run(path, [QEBEK, 'run', '-q', '--debug-identity', '--output', f'jsonl:{path}/trace.jsonl', '--output', f'text:{path}/trace.txt',
                     '--output', f'qbk:{path}/trace.qbk', '--', *linux(path, '/bin/altered', kernel, 2, CPUS[kind], disk=False)])
    expect(run.wait(240) == 0, run.err())
    check_counts(f'{path}/trace.qbk')
    identity(f'{path}/trace.jsonl')
    objects = list(json_lines(f'{path}/trace.jsonl'))
    calls = list(asked(objects))
    got = [f'{c["name"]} {result_of(c)}' for c in calls]
    told = read_text(f'{path}/results').split('\n')[:-1]
    expect(got == [line.strip() for line in told] and len(got) == len(RAN), f'{got} in the trace, {told} in the guest')
    expect([ran(c) for c in calls] == RAN, f'{[ran(c) for c in calls]} ran, truly {RAN}')
    expect(calls[3]['ran']['args'][1] == '0x7', f'{calls[3]["ran"]}')
    others = [c for c in objects if c['type'] == 'call' and 'ran' in c and c not in calls]
    expect(not others, f'not changed, and told to be: {others[:2]}')
    text = read_text(f'{path}/trace.txt')
    for words in ('[ran getuid()]', '[not run]', ', 0x7, 0)]'):
        expect(words in text, f'{words} is not in the text')
    return ', '.join(got)
