# SPDX-License-Identifier: GPL-2.0-or-later
"""Instruction and stack pointers (-i): before each address there is the instruction that made the call. With -y, so that
entries wait for kernel memory where page tables are isolated."""
import os
import struct

from harness import BUILD, QEBEK, Run, case, expect, folder, json_lines, linux

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
