# SPDX-License-Identifier: GPL-2.0-or-later
"""What the threads of the NT test machine (tests/nt/machine) wrote down: read out of the machine's memory file."""
import base64
import collections
import struct

from harness import Failure, expect, json_lines

LOG_MAGIC = 0x54757254
# end: R returned, N does not return, X given up, None: still in it when its thread died.
# completion: None, or (status, information, how, data).
Call = collections.namedtuple('Call', 'nr args depth end result data completion origin')
HOWS = {0: {'status_block'}, 1: {'event', 'handle', 'status_block'}, 2: {'apc', 'status_block'}, 3: {'port', 'status_block'}}


def read_thread(chunk):
    """(pid, tid, calls in order of entry) of one thread's chunk."""
    magic, size, pid, tid, said = struct.unpack_from('<IIQQQ', chunk)
    expect(magic == LOG_MAGIC and size == len(chunk), 'the truth is damaged')
    calls, at = [], 32
    while True:
        length, kind, depth, count, origin, nr, number, result = struct.unpack_from('<IBBBBIIQ', chunk, at)
        if length == 0:
            break
        body = chunk[at + 24:at + length]
        if kind == ord('E'):
            expect(number == len(calls) + 1, f'call {number} is out of order')
            calls.append(Call(nr, struct.unpack_from(f'<{count}Q', body), depth, None, None, (), None, origin))
        elif kind == ord('C'):
            done = (result & 0xffffffff, struct.unpack_from('<Q', body)[0], depth, tuple(outs(body[8:], count)))
            calls[number - 1] = calls[number - 1]._replace(completion=done)
        else:
            data = tuple(outs(body, count)) if kind == ord('R') else ()
            calls[number - 1] = calls[number - 1]._replace(end=chr(kind), result=result, data=data)
        at += length
    expect(said in (len(calls), len(calls) - 1), f'thread {tid} made {said} calls, but wrote down {len(calls)}')
    return pid, tid, calls


def outs(body, count):
    """(argument, whether read before the call, bytes)"""
    at = 0
    for _ in range(count):
        arg, length = struct.unpack_from('<II', body, at)
        yield arg & 0xff, bool(arg & 0x100), body[at + 8:at + 8 + length]
        at += 8 + (length + 7) // 8 * 8


def chunks(console, memory):
    """What each thread wrote down, as it lies in the machine's memory; arguments as of read."""
    words = next((line.split() for line in console.splitlines() if line.startswith('TRUTH ')), None)
    expect(words, f'the machine did not come to its end: {console[-200:]!r}')
    begin, end, size = map(int, words[1:4])
    with open(memory, 'rb') as f:
        f.seek(begin)
        for _ in range((end - begin) // size):
            yield f.read(size)


def read(console, memory):
    """(pid, tid) → calls; console: what came on the serial port, memory: path of the memory file."""
    threads = {}
    for chunk in chunks(console, memory):
        pid, tid, calls = read_thread(chunk)
        threads[pid, tid] = calls
    return threads


MASK = (1 << 64) - 1
PENDING = 0x103
NORETURN = {'NtTerminateThread', 'NtTerminateProcess'}


def read_calls(path):
    """(pid, tid) → the trace's call objects, in order of entry."""
    threads, calls = collections.defaultdict(list), {}
    for line in json_lines(path):
        if line['type'] == 'call':
            threads[line['pid'], line['tid']].append(line)
            calls[line['seq']] = line
        elif line['type'] == 'completion':
            expect('completion' not in calls[line['call']], f'two completions of call {line["call"]}')
            calls[line['call']]['completion'] = line
    for calls in threads.values():
        calls.sort(key=lambda c: c['seq'])
    return threads


def same_number(value, true):
    """A value of the trace, in the width and with the sign of its type, is this register."""
    return value & MASK == true or (-(1 << 31) <= value < 1 << 32 and value & 0xffffffff == true & 0xffffffff)


def number_in(text):
    """The one number that an argument points at after the call: [12], [0x44<name>], [NULL] => [0x1000]."""
    inner = text.split(' => ')[-1][1:-1].split('<')[0]
    try:
        return int(inner.replace('NULL', '0'), 0)
    except ValueError:
        return None


def wrong_end(call, true, last_words):
    """last_words: the thread was killed, and what it wrote down last was about this call: perhaps just before it did that."""
    end = call['end']
    if true.end == 'R':
        want = 'pending' if true.result == PENDING else 'returned'
        if end != want:
            return f'end {end}, not {want}'
        return None if call.get('ret') == true.result else f'result {call.get("ret"):#x}, not {true.result:#x}'
    if true.end is None and (last_words or call.get('handler')):
        return None
    if true.end == 'X' and end == 'thread_gone' and last_words:
        return None
    last = {'thread_gone', 'in_flight'} | ({'noreturn'} if call['name'] in NORETURN else set())
    allowed = {'N': {'noreturn'} | (last if call['name'] in NORETURN else set()), 'X': {'interrupted'}, None: last}[true.end]
    return None if end in allowed else f'end {end}, not {" or ".join(sorted(allowed))}'


def wrong(call, true, last_words, cut):
    """What of this call is not as it was, or None."""
    if call['nr'] != true.nr:
        return f'number {call["nr"]:#x}, not {true.nr:#x}'
    origin = (2 if call.get('module') is None else 1) if call.get('direct') else 0
    if origin != true.origin or call.get('module') not in (None, 'program.exe'):
        return f'direct {origin}, from {call.get("module")}, not {true.origin}'
    if call.get('depth', 0) != true.depth:
        return f'depth {call.get("depth", 0)}, not {true.depth}'
    if call['nr'] < 0x1000 and len(call['args']) != len(true.args):
        return f'{len(call["args"])} arguments, not {len(true.args)}'
    for i, (arg, value) in enumerate(zip(call['args'], true.args)):
        if not same_number(arg['value'], value):
            return f'argument {i} is {arg["value"]:#x}, not {value:#x}'
    problem = wrong_end(call, true, last_words)
    if problem:
        return problem
    return wrong_data(call['args'], true.data, call) or wrong_completion(call, true, cut)


def carried(call, what):
    """The bytes of a console's text (TALK_… in tests/nt/machine/plan.h) or of a socket's payload."""
    if what == 0xf2:
        return base64.b64decode(call.get('socket', {}).get('bytes', ''))
    console = call.get('console', {})
    if 'text_bytes' in console:
        return base64.b64decode(console['text_bytes'])
    return console.get('text', '').encode('utf-16-le' if what == 0xf1 else 'utf-8')


def wrong_data(args, truth, call):
    for arg, _, data in truth:
        if arg >= 0xf0:
            if carried(call, arg) != data:
                return f'it carried {len(carried(call, arg))} bytes, not these {len(data)}'
            continue
        have = args[arg] if arg < len(args) else {}
        if 'bytes' not in have and len(data) in (4, 8):  # a handle, shown as a number
            if number_in(have.get('text', '')) != int.from_bytes(data, 'little'):
                return f'argument {arg} points at {have.get("text")}, not at {data.hex()}'
        elif base64.b64decode(have.get('bytes', '')) != data:
            return f'bytes of argument {arg}: {len(base64.b64decode(have.get("bytes", "")))} of them, not these {len(data)}'
    return None


def wrong_completion(call, true, cut):
    """cut: the thread was killed, perhaps before it wrote down what it had seen, or before it saw it."""
    done, have = true.completion, call.get('completion')
    if not done or not have:
        return None if (done is None and have is None) or cut else f'completion {have}, truly {done}'
    status, information, how, data = done
    if have['ret'] != status or have['information'] != information:
        return f'completion {have["ret"]:#x}, {have["information"]}, truly {status:#x}, {information}'
    if have['how'] not in HOWS[how]:
        return f'completion seen by {have["how"]}, truly {HOWS[how]}'
    args = {arg['name']: arg for arg in have['args']}
    return wrong_data([args.get(arg['name'], {}) for arg in call['args']], data, have)


def show(call):
    return f'{call["name"]}@{call.get("depth", 0)} {call["end"]}'


def compare_thread(who, calls, truth):
    unmade = truth and truth[-1].end in (None, 'N') and len(calls) == len(truth) - 1
    ended = bool(calls) and calls[-1]['name'] in NORETURN and truth[-1].end == 'N'
    last = -1 if ended else max((i for i, t in enumerate(truth) if t.end is None), default=-1)
    cut = not ended or truth[-1].args != (0, 0)
    for i, (call, true) in enumerate(zip(calls, truth)):
        # Killed before it made another call from where it had jumped to: nothing tells that it jumped.
        untold = true.end == 'X' and not ended and all(t.depth > true.depth for t in truth[i + 1:])
        problem = wrong(call, true, i == last or untold or (unmade and true.end == 'X'), cut)
        if problem:
            around = ', '.join(show(c) for c in calls[max(0, i - 4):i + 3])
            raise Failure(f'thread {who}, call {i + 1} of {len(truth)}, {call["name"]} (truly {true.end}): {problem}; around it: {around}')
    expect(unmade or len(calls) == len(truth), f'thread {who}: {len(calls)} calls in the trace, truly {len(truth)}')


def compare(truth, trace_path):
    """Every call of every thread is in the trace as it was, and no other. Raises Failure; returns counts."""
    traced = read_calls(trace_path)
    for who, calls in truth.items():
        compare_thread(who, traced.pop(who, []), calls)
    expect(not traced, f'threads that never were: {sorted(traced)[:5]}')
    ends = collections.Counter(c.end for calls in truth.values() for c in calls)
    calls = sum(ends.values())
    expect(calls > 0, 'the truth is empty')
    hows = collections.Counter(c.completion[2] for calls in truth.values() for c in calls if c.completion)
    seen = collections.Counter(line['how'] for line in json_lines(trace_path) if line['type'] == 'completion')
    return (f'{len(truth)} threads, {calls} calls, {ends["N"]} without return, {ends["X"]} given up, {ends[None]} cut off, '
            f'{sum(hows.values())} completions ({", ".join(f"{n} {how}" for how, n in sorted(seen.items()))}), '
            f'deepest {max(c.depth for calls in truth.values() for c in calls)}')
