# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel whose way of system calls is changed behind its back: traced as before, and told."""
import json
import os
import signal
import struct

from gdb import Gdb
from harness import KERNELS, QEBEK, Run, case, check_counts, expect, folder, linux, read_text, wait_for
from kernels import symbol_map, vmlinux


def symbols(path, kernel):
    image = vmlinux(path, KERNELS[kernel])
    table = {}
    for line in symbol_map(image).decode().splitlines():
        address, _, name = line.split()
        table.setdefault(name, int(address, 16))
    os.unlink(image)
    return table


def jump(place, target):
    return b'\xe9' + struct.pack('<i', target - place - 5)


def hooks(path):
    """Texts of the changes told so far."""
    lines = read_text(f'{path}/trace.jsonl').splitlines(keepends=True)
    guests = [json.loads(line) for line in lines if line.startswith('{"type":"guest"') and line.endswith('\n')]
    return [g['facts']['hooked'] for g in guests if 'hooked' in g['facts']]


def call_site(gdb, table, target):
    """A place in x64_sys_call that jumps or calls to `target`."""
    start = table['x64_sys_call']
    code = gdb.read(start, 8192)
    for i in range(len(code) - 5):
        if code[i] in (0xe8, 0xe9) and start + i + 5 + struct.unpack_from('<i', code, i + 1)[0] == target:
            return start + i
    return None


@case(*(f'hooked-{kernel}' for kernel in KERNELS))
def hooked(name):
    kernel = name.split('-', 1)[1]
    path = folder(name)
    table = symbols(path, kernel)
    command = linux(path, '/bin/hooked.sh', kernel, vcpus=2, disk=False, extra=['-gdb', f'unix:{path}/gdb,server,nowait'])
    command[command.index('-append') + 1] += ' nokaslr'
    run = Run(path, [QEBEK, 'run', '-q', '-e', 'trace=getppid,execve', '--output', f'jsonl:{path}/trace.jsonl',
                     '--output', f'qbk:{path}/trace.qbk', '--', *command])
    try:
        wait_for('the guest works', lambda: 'begun' in read_text(f'{path}/results'), 240)
        expect(not hooks(path), f"the kernel's own tools are taken for a hook: {hooks(path)}")
        getppid, getpid, uname = (table[f'__x64_sys_{n}'] for n in ('getppid', 'getpid', 'newuname'))
        slot = table['sys_call_table'] + 8 * 102  # getuid
        gdb = Gdb(f'{path}/gdb')
        saved = gdb.read(getppid, 16), gdb.read(slot, 8)
        gdb.write(getppid, jump(getppid, getpid))
        gdb.write(slot, struct.pack('<Q', 0xffffffffc0001000))
        site = call_site(gdb, table, uname)
        expect(site, 'x64_sys_call does not lead to newuname')
        gdb.write(site + 1, struct.pack('<i', getpid - site - 5))
        gdb.close()
        wait_for('all three are told', lambda: len(hooks(path)) >= 3, 240)
        told = hooks(path)
        for words in (('getppid: its code', f'{getpid:#x}', 'in the kernel'),
                      ('getuid: the table', '0xffffffffc0001000', 'outside the kernel'), ('x64_sys_call: its code', f'{getpid:#x}')):
            expect(any(all(w in text for w in words) for text in told), f'{words} is not in {told}')
        gdb = Gdb(f'{path}/gdb')
        gdb.write(getppid, saved[0])
        gdb.write(slot, saved[1])
        gdb.close()
        wait_for('it is told that two are undone', lambda: len(hooks(path)) >= 5, 240)
        told = hooks(path)
        expect(sorted(told[3:]) == ['getppid: is as it was again', 'getuid: is as it was again'], f'{told[3:]}')
        os.kill(run.pid, signal.SIGINT)
        run.wait(120)
    finally:
        run.kill()
    _, counts = check_counts(f'{path}/trace.qbk')
    return f'{counts["calls"]} calls; {"; ".join(told)}'
