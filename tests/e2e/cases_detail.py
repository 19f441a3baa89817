# SPDX-License-Identifier: GPL-2.0-or-later
"""Options that say how much of a call is told, or how little is to be known of the guest."""
import json
import os
import struct

from harness import BUILD, QEBEK, Run, case, check_counts, expect, folder, json_lines, linux

CPUS = {'pointers-flat': 'max', 'pointers-isolated': 'Skylake-Client-v1'}
SYSCALL = b'\x0f\x05'
STACKS = range(0x7ff000000000, 0x800000000000) # where Linux puts a program's first stack


def segments(path):
    """(virtual address, bytes) of all that a static program maps."""
    with open(path, 'rb') as f:
        data = f.read()
    start, = struct.unpack_from('<Q', data, 0x20)
    size, number = struct.unpack_from('<HH', data, 0x36)
    for i in range(number):
        kind, _, offset, address, _, length = struct.unpack_from('<IIQQQQ', data, start + i * size)
        if kind == 1: # PT_LOAD
            yield address, data[offset:offset + length]


def before(memory, address):
    for start, data in memory:
        if start + 2 <= address <= start + len(data):
            return data[address - start - 2:address - start]
    return b''


@case(*CPUS)
def pointers(name):
    """Before each address (-i) there is the instruction that made the call; -y lets entries wait for kernel memory."""
    path = folder(name)
    run = Run(path, [QEBEK, 'run', '-q', '-i', '-y', '--output', f'jsonl:{path}/trace.jsonl', '--',
                     *linux(path, '/bin/truth,files,/dev/nvme0n1', cpu=CPUS[name])])
    expect(run.wait() == 0, run.err()[-300:])
    memory = list(segments(os.path.join(BUILD, 'guest', 'root', 'bin', 'truth')))
    places, calls = set(), 0
    for call in json_lines(f'{path}/trace.jsonl'):
        if call['type'] == 'call' and call['comm'] == 'truth' and call['name'] != 'execve': # exec was not its own code
            found = before(memory, call['ip'])
            expect(found == SYSCALL, f'{call["name"]} at {call["ip"]:#x}: {found.hex() or "nothing"} is before it')
            expect(call['sp'] in STACKS, f'{call["name"]}: a stack at {call["sp"]:#x}')
            places.add(call['ip'])
            calls += 1
    expect(len(places) > 10 and calls > 100, f'only {calls} calls from {len(places)} places')
    return f'{calls} calls from {len(places)} places'


@case('no-guest')
def no_guest(name):
    """--no-guest: the kernel is not looked for, and its calls are traced by number."""
    path = folder(name)
    run = Run(path, [QEBEK, 'run', '-q', '--no-guest', '--output', f'jsonl:{path}/trace.jsonl',
                     '--output', f'qbk:{path}/trace.qbk', '--', *linux(path, '/bin/truth,files,/dev/nvme0n1')])
    expect(run.wait() == 0, run.err()[-300:])
    lines = list(json_lines(f'{path}/trace.jsonl'))
    guests = [line for line in lines if line['type'] == 'guest']
    expect(len(guests) == 1 and 'not looked for' in json.dumps(guests), f'guest: {guests}')
    abis = {line['abi'] for line in lines if line['type'] == 'call'}
    expect(abis == {'raw'}, f'calls of {abis}')
    _, counts = check_counts(f'{path}/trace.qbk')
    return f'{counts["calls"]} calls'
