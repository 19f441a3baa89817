# SPDX-License-Identifier: GPL-2.0-or-later
"""The same run of a machine, recorded and replayed by QEMU, makes the same trace."""
import itertools
import json
import os

from harness import QEBEK, Run, check_counts, case, expect, folder, json_lines, linux

PROGRAMS = 'files,children,exec,deaths,signals,threads:20,mix:4000'
# What depends on the host and its clock, and nothing else.
OF_THE_HOST = {'ts', 'duration_ns', 'took_us', 'command', 'waits', 'wait_ns'}


def shown(path):
    """Each line without what is the host's."""
    for line in json_lines(path):
        for part in (line, line.get('facts', {}), line.get('counters', {})):
            for key in OF_THE_HOST & part.keys():
                del part[key]
        yield json.dumps(line)


def trace(path, mode):
    os.mkdir(f'{path}/{mode}')
    command = linux(f'{path}/{mode}', f'/bin/truth,{PROGRAMS},/tmp/truth', disk=False,
                    extra=['-icount', f'shift=auto,rr={mode},rrfile={path}/events'])
    command[command.index('-accel') + 1] = 'tcg'
    out = f'{path}/{mode}/trace'
    run = Run(f'{path}/{mode}', [QEBEK, 'run', '-q', '-y', '--debug-identity', '--output', f'jsonl:{out}.jsonl', '--output', f'qbk:{out}.qbk',
                                 '--', *command])
    expect(run.wait(300) == 0, run.err())
    return out


@case
def replay(name='replay'):
    """Byte for byte, host times aside."""
    path = folder(name)
    first, second = trace(path, 'record'), trace(path, 'replay')
    lines = 0
    for a, b in itertools.zip_longest(shown(f'{first}.jsonl'), shown(f'{second}.jsonl')):
        expect(a == b, f'line {lines + 1} of the recorded and of the replayed run differ:\n{a and a[:500]}\n{b and b[:500]}')
        lines += 1
    _, counts = check_counts(f'{second}.qbk')
    os.unlink(f'{path}/events')
    return f'{lines} lines, {counts["calls"]} calls'
