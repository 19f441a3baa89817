# SPDX-License-Identifier: GPL-2.0-or-later
"""Compare what guest programs say they did (tests/guest/truth) with a trace, call by call."""
import base64
import collections
import errno

from harness import Failure, expect, json_lines

MARKER = 0x7165626b
MASK = (1 << 64) - 1
# What the kernel calls a cut call inside; the program sees EINTR or a repetition.
RESTARTS = {-512, -513, -514, -516}

Call = collections.namedtuple('Call', 'kind name nr end result args data')
Compared = collections.namedtuple('Compared', 'threads calls data')


def read_truth(path):
    """tid → list of Call, in order."""
    with open(path, 'rb') as f:
        text = f.read()
    end = text.find(b'\nEND ')
    expect(end >= 0, 'the guest wrote no truth, or not all of it')
    threads = collections.defaultdict(list)
    lines = text[:end].decode('ascii').splitlines()
    for line in lines:
        words = line.split()
        if words[0] != 'c':
            threads[int(words[1])].append(Call(words[0], None, None, None, None, (), {}))
            continue
        count = int(words[6])
        data = {}
        for word in words[7 + count:]:
            where, _, digits = word.partition('=')
            data[int(where[1:])] = (where[0], bytes.fromhex(digits))
        threads[int(words[1])].append(Call('c', words[2], int(words[3]), words[4], int(words[5]),
                                           tuple(int(w, 16) for w in words[7:7 + count]), data))
    said = int(text[end:end + 40].split()[1])
    expect(said == len(lines), f'the truth has {len(lines)} lines of {said}')
    return threads


def read_calls(path):
    """tid → list of the trace's call objects, in order of entry."""
    threads = collections.defaultdict(list)
    for line in json_lines(path):
        if line['type'] == 'call':
            threads[line['tid']].append(line)
    for calls in threads.values():
        calls.sort(key=lambda c: c['seq'])
    return threads


def is_marker(call):
    return call['name'] == 'prctl' and call['args'][0]['value'] == MARKER


def in_windows(calls, truth):
    """The calls of this thread inside its windows, with 'O' and 'C' for the markers."""
    found = []
    inside = truth[0].kind == 'B'
    last = len(truth) and truth[-1].end == 'E'
    for call in calls:
        if is_marker(call):
            inside = call['args'][1]['value'] == 1
            found.append('O' if inside else 'C')
        elif inside:
            found.append(call)
            if last and call['name'] == 'execve' and call['end'] == 'returned' and 'error' not in call:
                break  # the new image's calls are not ours
    return found


def same_number(value, true):
    """A value of the trace, shown with its own type's width and sign, is this register."""
    if value & MASK == true:
        return True
    return -(1 << 31) <= value < 1 << 32 and value & 0xffffffff == true & 0xffffffff


def result_of(call):
    """What the kernel returned, or None where the trace has none."""
    if call.get('ret') is not None:
        return call['ret']
    if 'error' in call:
        return -getattr(errno, call['error'])
    return None


def bytes_of(arg):
    for key in ('bytes', 'string_bytes'):  # the exact bytes, where the string cannot show them
        if key in arg:
            return base64.b64decode(arg[key])
    if 'string' in arg:
        return arg['string'].encode()
    return None


def wrong_end(call, true):
    result = result_of(call)
    end = call['end']
    if true.end == 'R':
        if end == 'interrupted':
            return None if result == true.result or (true.result == -errno.EINTR and (result is None or result in RESTARTS)) \
                else f'result {result}, not {true.result}'
        if end != 'returned':
            return f'end {end}, not returned'
        return None if result is not None and same_number(result, true.result & MASK) else f'result {result}, not {true.result}'
    allowed = {'H': {'interrupted'}, 'N': {'noreturn'}, 'E': {'returned'}, 'S': {'returned', 'noreturn'}, '?': {'thread_gone'}}
    if end not in allowed[true.end]:
        return f'end {end}, not {" or ".join(sorted(allowed[true.end]))}'
    if true.end == 'E' and result != 0:
        return f'execve: result {result}, not 0'
    return None


def wrong_data(arg, kind, true):
    have = bytes_of(arg)
    if kind == 'i':
        return None  # a vector of ints is the decoders' matter
    if have is None:
        return None if kind == 'r' and not true else f'no bytes of {arg["name"]}'
    if 'string' in arg and true.endswith(b'\0'):  # shown up to its end
        true = true[:true.index(b'\0')]
    if have == true or (arg.get('truncated') and len(have) < len(true) and true.startswith(have)):
        return None
    return f'bytes of {arg["name"]}: {have[:40]!r}, not {true[:40]!r} ({len(have)}, not {len(true)})'


def wrong(call, true):
    """What of this call is not as it was, or None."""
    if call == true.kind:
        return None
    if isinstance(call, str) or true.kind != 'c':
        return 'a marker on one side only'
    if true.name != '?' and call['name'] != true.name:
        return f'{call["name"]}, not {true.name}'
    if call['nr'] != true.nr:
        return f'number {call["nr"]}, not {true.nr}'
    for i, value in enumerate(true.args):
        if i < len(call['args']) and not same_number(call['args'][i]['value'], value):
            return f'argument {i} is {call["args"][i]["value"]:#x}, not {value:#x}'
    if true.args and len(call['args']) < len(true.args):
        return f'{len(call["args"])} arguments, not {len(true.args)}'
    problem = wrong_end(call, true)
    if problem:
        return problem
    for i, (kind, data) in true.data.items():
        problem = true.end == 'R' and wrong_data(call['args'][i], kind, data)
        if problem:
            return problem
    return None


def show(call):
    if isinstance(call, str):
        return f'marker {call}'
    return f'{call["name"]}({", ".join(hex(a["value"]) for a in call["args"])}) {call["end"]} {result_of(call)}'


def compare_thread(tid, calls, truth):
    found = in_windows(calls, truth)
    true = [t for t in truth if t.kind != 'B']
    for i, (call, t) in enumerate(zip(found, true)):
        problem = wrong(call, t)
        if problem:
            context = '; before it: ' + ', '.join(show(c) for c in found[max(0, i - 3):i])
            raise Failure(f'thread {tid}, call {i} of {len(true)}, truly {t.name} {t.end} {t.result}: {problem}{context}')
    if len(found) > len(true):
        raise Failure(f'thread {tid}: {len(found) - len(true)} extra calls, the first: {show(found[len(true)])}')
    if len(found) < len(true):
        t = true[len(found)]
        raise Failure(f'thread {tid}: {len(true) - len(found)} of {len(true)} calls missing, the first: {t.name} {t.end} {t.result}')
    return found


def compare(truth_path, trace_path):
    """All of the truth is in the trace, and nothing else is inside its windows. Raises Failure; returns counts."""
    truth = read_truth(truth_path)
    traced = read_calls(trace_path)
    calls = data = 0
    for tid, entries in truth.items():
        compare_thread(tid, traced.get(tid, []), entries)
        calls += sum(e.kind == 'c' for e in entries)
        data += sum(len(e.data) for e in entries)
    expect(calls > 0, 'the truth is empty')
    return Compared(len(truth), calls, data)
