# SPDX-License-Identifier: GPL-2.0-or-later
"""The three faults of the first Qebek's demo, on the NT test machine: its way of 2009, made anew in small, and qebek's.

The calls of the machine's program faults.exe tell by their first argument what they will return, so that each way can
count by itself which results it got right.
"""
import os
import re
import struct

import cases_nt
from harness import BUILD, QEBEK, QEMU, Run, expect, json_lines, qebek, read_text, script

MODES = {'one after another': 1, 're-entered': 2, 'context switches': 3}
COST = 4
CALLED = ('NtClose', 'NtReadFile', 'NtWriteFile', 'NtDeviceIoControlFile', 'NtWaitForSingleObject', 'NtDelayExecution',
          'NtUserMessageCall', 'NtCallbackReturn')
ABI = {'xp': 4, '10': 3}
BASE = {'xp': 0x804d7000, '10': 0xfffff80002a00000}


def exports(image):
    """Names and relative addresses of what a PE file exports. The files here are laid out as they are loaded."""
    with open(image, 'rb') as f:
        data = f.read()
    pe = struct.unpack_from('<I', data, 0x3c)[0] + 24
    directory = struct.unpack_from('<I', data, pe + (112 if struct.unpack_from('<H', data, pe)[0] == 0x20b else 96))[0]
    sections, count = pe + struct.unpack_from('<H', data, pe - 4)[0], struct.unpack_from('<H', data, pe - 18)[0]
    spans = [struct.unpack_from('<IIII', data, sections + 40 * i + 8) for i in range(count)]

    def at(rva):
        return next(raw + rva - start for _, start, size, raw in spans if start <= rva < start + size)

    number, functions, names, ordinals = (struct.unpack_from('<I', data, at(directory) + o)[0] for o in (24, 28, 32, 36))
    table = {}
    for i in range(number):
        name = at(struct.unpack_from('<I', data, at(names) + 4 * i)[0])
        ordinal = struct.unpack_from('<H', data, at(ordinals) + 2 * i)[0]
        table[data[name:data.index(b'\0', name)].decode()] = struct.unpack_from('<I', data, at(functions) + 4 * ordinal)[0]
    return table, struct.unpack_from('<I', data, pe + 56)[0]


def way2009(path, release, hooks, same, names, late=0):
    """The plugin's argument for QEMU."""
    table, size = exports(os.path.join(script('guest-nt', release), 'clang', 'ntoskrnl.exe'))
    base = BASE[release]
    services = [name for name in table if name.startswith('Nt') and name != 'NtBuildNumber']
    chosen = [*names, *(name for name in services if name not in names)]
    with open(f'{path}/addresses', 'w', encoding='ascii') as f:
        f.writelines(f'{base + table[name]:x}\n' for name in chosen)
    level = re.search(r'libqebek-(\d+)\.so', qebek('plugin', QEMU)[1]).group(1)
    return (f'file={BUILD}/bench/faults/way2009-{level}.so,hooks={hooks},same={same},late={late},addresses={path}/addresses,'
            f'start={base:#x},end={base + size:#x},wide={int(release != "xp")},report={path}/report')


def run_machine(path, release, how, module, plugin, limit=100, **options):
    """Run faults.exe; how: None (not watched), '2009' or 'qebek'. Returns what the machine said."""
    command = cases_nt.machine(path, release, program='faults.exe', log=16, **options)
    if how == '2009':
        command += ['-plugin', plugin]
    elif how == 'qebek':
        command = [QEBEK, 'run', '-e', 'trace=NtDisplayString', '--module', f'{BUILD}/bench/faults/faults.so={module}',
                   '--output', f'jsonl:{path}/trace.jsonl', '--', *command]
    run = Run(path, command)
    status = run.wait(limit)
    expect(status == 1, f'status {status}: {run.err().strip()[-300:]} {read_text(f"{path}/console")[-200:]}')
    os.unlink(f'{path}/memory')
    return [line.split() for line in read_text(f'{path}/console').splitlines()]


def counted(path, how):
    if how == '2009':
        text = read_text(f'{path}/report')
    else:
        text = next(line['text'] for line in json_lines(f'{path}/trace.jsonl') if line['type'] == 'log')
    match = re.search(r'right (\d+) wrong (\d+)(?: waiting (\d+))?', text)
    expect(match, f'no counts in {text!r}')
    return int(match[1]), int(match[2]), int(match[3] or 0)


def pairs(path, release, how, mode, calls=400):
    """(results, of these handed to the wrong call, handed to none)"""
    options = {'threads': 8} if mode == 3 else {}
    said = run_machine(path, release, how, 'pairs', way2009(path, release, len(CALLED), 1, CALLED), what=mode,
                       calls=calls, **options)
    made = sum(int(words[1]) for words in said if words[0] == 'MADE')
    right, wrong, _ = counted(path, how)
    expect(made >= calls, f'the machine made {made} calls')
    expect(right <= made, f'{right} of {made} results are right')
    return made, wrong, max(0, made - right - wrong)


def cost(path, release, how, hooks=1, same=1, threads=1, nesting=1):
    """What a call of NtClose takes at least, in units of the machine's own; `threads` of `nesting` calls each wait."""
    said = run_machine(path, release, how, f'cost:{hooks + 1}:{same}:{ABI[release]}',
                       way2009(path, release, hooks + 1, same, ('NtClose', 'NtDelayExecution'), 1), 170, what=COST,
                       calls=nesting, threads=threads + 1, param=threads, stack=256,
                       tick=100, quiet=3)
    if how == 'qebek':
        waiting = counted(path, how)[2]
        expect(waiting >= threads * nesting, f'only {waiting} calls were in flight')
    return next(int(words[1]) for words in said if words[0] == 'COST')


def traced_cost(path, release, options):
    """The same without a module, of one thread: traced with these options of `qebek run`, or None: not traced."""
    command = cases_nt.machine(path, release, program='faults.exe', log=16, what=COST, calls=1, threads=1, param=0, tick=100,
                               quiet=3)
    if options is not None:
        command = [QEBEK, 'run', *options, '--output', f'qbk:{path}/trace.qbk', '--', *command]
    run = Run(path, command)
    status = run.wait(100)
    expect(status == 1, f'status {status}: {run.err().strip()[-300:]} {read_text(f"{path}/console")[-200:]}')
    os.unlink(f'{path}/memory')
    return next(int(line.split()[1]) for line in read_text(f'{path}/console').splitlines() if line.startswith('COST '))
