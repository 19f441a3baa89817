# SPDX-License-Identifier: GPL-2.0-or-later
"""What functions of the NT test machine (tests/nt/machine/xt.h) wrote down of their calls, and what a trace has of them."""
import collections
import struct

import nt_truth
from harness import expect, json_lines

MAGIC = 0x32545877
HEAD, ENTRY = 64, 64
NAMES = ('XtLeaf XtRecurse XtEven XtOdd XtTail XtTailToo XtCatch XtNest XtThrow XtPing XtWait XtReenter XtDeeper XtMany XtFast '
         'XtCdecl XtDie KiSwapContext').split()
ARGS = {'XtMany': 6, 'XtFast': 3, 'XtCdecl': 3}
SWITCH = 'KiSwapContext'
# Of these the trace may have more: the machine's idle threads have them, too, and interrupts.
UNTOLD = {SWITCH, 'XtTick'}


class Call:
    """One call: what the thread wrote down of it."""

    def __init__(self, kernel, function, args):
        self.kernel, self.name = kernel, NAMES[function]
        self.args = args[:ARGS.get(self.name, 2)]
        self.end, self.result = 'open', None


def read_thread(chunk):
    """(pid, tid, calls in order of entry, those that returned in the order in which they did) of one thread's chunk."""
    magic, size, pid, tid, used, _, _, full = struct.unpack_from('<IIQQIIII', chunk)
    expect(magic == MAGIC and size == len(chunk) and not full, f'what functions wrote down is damaged, or too long: {full}')
    calls, order, returned, jumps = {}, [], [], []
    for at in range(HEAD, HEAD + used, ENTRY):
        kind, kernel, function, number, *values = struct.unpack_from('<BBHI7Q', chunk, at)
        kind = chr(kind)
        if kind == 'E':
            call = calls[number] = Call(bool(kernel), function, values)
            order.append(call)
            if jumps and call.name in ('XtLeaf', 'XtTail') and jumps[-1][1] is None:
                jumps[-1] = (jumps[-1][0], call)
        elif kind == 'T':
            jumps.append((calls[number], None))
            calls[number].end = 'jumped'
        elif kind == 'R':
            calls[number].end, calls[number].result = 'returned', values[0]
            returned.append(calls[number])
            ends_with(calls[number], jumps, returned)
        elif kind == 'U':
            for other, call in calls.items():
                if other > number and call.end == 'open':
                    call.end = 'unwound'
    return pid, tid, order, returned


def ends_with(call, jumps, returned):
    """Those that jumped to it, and on to it, return with it."""
    for i in range(len(jumps) - 1, -1, -1):
        if jumps[i][1] is call:
            jumper = jumps.pop(i)[0]
            jumper.end, jumper.result = 'returned', call.result
            returned.append(jumper)
            ends_with(jumper, jumps, returned)
            return


def read(console, memory):
    """(pid, tid) → (calls, returned); as nt_truth.read, of a machine that was started with xt=1."""
    threads = {}
    for i, chunk in enumerate(nt_truth.chunks(console, memory)):
        if i % 2: # the others are of system calls
            pid, tid, order, returned = read_thread(chunk)
            threads[pid, tid] = (order, returned)
    return threads


def is_kernel(line):
    return line['address'] < 0 or 0x80000000 <= line['address'] <= 0xffffffff


def read_traced(path, kernel):
    """(pid, tid) → calls of functions on this side, in order of entry."""
    threads = collections.defaultdict(list)
    for line in json_lines(path):
        if line['type'] == 'function' and is_kernel(line) == kernel:
            threads[line.get('pid'), line.get('tid')].append(line)
    for calls in threads.values():
        calls.sort(key=lambda c: c['enter'])
    return threads


def wrong(line, call, bits):
    """What of this call is not as it was, or None."""
    name = line['function'].split(':')[-1]
    mask = (1 << bits) - 1
    if name != call.name:
        return f'it is {name}'
    have = [int(arg, 16) & mask for arg in line['args']][:len(call.args)]
    if have != [value & mask for value in call.args]:
        return f'arguments {have}, truly {call.args}'
    allowed = {call.end} if call.end != 'open' else {'thread_gone', 'in_flight'}
    if line['end'] not in allowed:
        return f'end {line["end"]}, truly {call.end}'
    if call.end == 'returned' and call.name != SWITCH and line['result'] & mask != call.result & mask:
        return f'result {line["result"]:#x}, truly {call.result:#x}'
    return None


def compare_list(who, have, true, bits):
    for i, (line, call) in enumerate(zip(have, true)):
        problem = wrong(line, call, bits)
        around = ' '.join(f'{c["function"]}@{c["depth"]}' for c in have[max(0, i - 3):i + 3])
        expect(not problem, f'thread {who}, call {i + 1} of {len(true)}, {call.name}: {problem}; around it {around}')
    expect(len(have) == len(true), f'thread {who}: {len(have)} calls of functions, truly {len(true)}')


def compare_thread(who, lines, order, returned, kernel, bits):
    """Switches are compared for themselves: an interrupt may bring one between a call and what is written down of it."""
    for switches in (False, True):
        have = [line for line in lines if (line['function'] == SWITCH) == switches and line['function'] != 'XtTick']
        compare_list(who, have, [c for c in order if c.kernel == kernel and (c.name == SWITCH) == switches], bits)
    have = [line for line in lines if line['end'] == 'returned' and line['function'] not in UNTOLD]
    have = [line['function'].split(':')[-1] for line in sorted(have, key=lambda c: c['seq'])]
    true = [c.name for c in returned if c.kernel == kernel and c.name != SWITCH]
    expect(have == true, f'thread {who}: the functions return in another order')


def compare(truth, path, kernel, bits):
    """Every call of every thread is in the trace as it was, and no other. Returns counts."""
    traced = read_traced(path, kernel)
    ends = collections.Counter()
    for who, (order, returned) in truth.items():
        compare_thread(who, traced.pop(who, []), order, returned, kernel, bits)
        ends.update(c.end for c in order if c.kernel == kernel)
    for who, lines in traced.items():
        expect(all(line['function'] in UNTOLD for line in lines), f'calls of a thread that never was: {who}')
    return ends
