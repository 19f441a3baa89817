# SPDX-License-Identifier: GPL-2.0-or-later
"""The limits of the view, as the README has them: what moves data without a call that names it."""
from harness import QEBEK, Run, case, check_counts, expect, folder, json_lines, linux, read_text
from truth import bytes_of

WORD = b'hidden'  # see say() in tests/guest/unseen.c


@case
def unseen():
    path = folder('unseen')
    run = Run(path, [QEBEK, 'run', '-q', '--comm', 'unseen', '--output', f'jsonl:{path}/trace.jsonl', '--output', f'qbk:{path}/trace.qbk', '--',
                     *linux(path, '/bin/unseen', disk=False)])
    expect(run.wait(240) == 0, run.err())
    check_counts(f'{path}/trace.qbk')
    truth = dict(line.split() for line in read_text(f'{path}/results').splitlines())
    calls = [o for o in json_lines(f'{path}/trace.jsonl') if o['type'] == 'call']
    results = {c['name']: c.get('ret') for c in calls}
    size = len(WORD) + len('-mapped')
    expect(truth == {'sendfile': str(size), 'splice': str(size), 'io_uring': '11', 'read': '11', 'same': '1'}, f'the guest says {truth}')
    for name, result in (('sendfile', size), ('splice', size), ('io_uring_enter', 1), ('pread64', 11)):
        expect(results.get(name) == result, f'{name}: {results.get(name)}, not {result}')
    showing = {c['name'] for c in calls for arg in c['args'] if WORD in (bytes_of(arg) or b'')}
    expect(showing == {'pread64'}, f'the data is in {showing}')
    expect(not any(c['name'] in ('pwrite64', 'msync') for c in calls), 'a call of the ring, or of the mapping')
    return f'{len(calls)} calls'
