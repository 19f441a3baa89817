# SPDX-License-Identifier: GPL-2.0-or-later
"""--graph: what is inside what, against the guest's own graph of the same functions in the same run."""
import collections
import re

from cases_functions import FUNCTIONS, MARKER, hooks
from harness import case, expect, folder, linux, qebek

# "12) cat[71/72]           |+         12.345 us |   vfs_read(0x1) = 0x2;"; the kernel's: " 0)  cat-71    |   0.1 us    |  vfs_read();"
OURS = re.compile(r'\s*(?:\d+|-)\) (.+?)\[(?:\d+/)?(\d+)\] *\|(.) *([0-9.]*)(?: us)? *\| (\s*)(.*)')
GUEST = re.compile(r'\s*\d+\)\s+.*-(\d+)\s*\|([^|]*)\|  ( *)(.*)')


def nodes_of(lines):
    """Per thread, in the order of their beginnings: [level, name, ended], out of (tid, indentation, text) of each line."""
    threads, stacks = collections.defaultdict(list), collections.defaultdict(list)
    for tid, indent, text in lines:
        nodes, stack = threads[tid], stacks[tid]
        if text.startswith('}'):
            expect(stack, f'thread {tid}: an end without a beginning: {text}')
            expect(indent == stack[-1][0], f'thread {tid}: {stack[-1]} ends at indentation {indent}: {text}')
            name = re.match(r'} /\* (\S+) \*/', text)
            expect(not name or name[1] == stack[-1][1][1], f'thread {tid}: {stack[-1]} ended by {text}')
            stack.pop()[1][2] = True
            continue
        node = [len(stack), text.split('(')[0], text.endswith(';')]
        nodes.append(node)
        if text.endswith('{'):
            stack.append((indent, node))
        else:
            expect(node[2], f'neither begins nor ends: {text}')
    return threads


def ours(path):
    with open(path, encoding='utf-8') as f:
        for line in f:
            m = OURS.match(line)
            if m and m[1] != 'kernel' and not line.startswith('#'):
                yield int(m[2]), len(m[5]), m[6].rstrip()


def of_guest(path):
    """Closing lines of the kernel's have a name only where it has lost the beginning, which it may at the very start."""
    with open(path, 'rb') as f:
        lines = f.read().split(b'\0', 1)[0].decode('ascii').splitlines()
    expect(lines and lines[-1] == f'END {len(lines) - 2}', 'the guest wrote no graph, or not all of it')
    expect(lines[0] == 'lost 0', f'the guest lost events itself: {lines[0]}')
    begun = set()
    for line in lines[1:-1]:
        m = GUEST.match(line)
        if not m or not m[4].strip():
            continue
        text = m[4].strip()
        tid = int(m[1])
        if text.startswith(MARKER):
            begun.add(tid)
        if tid in begun:
            yield tid, len(m[3]), text


def window(nodes):
    at = [i for i, node in enumerate(nodes) if node[1] == MARKER]
    return nodes[at[0]:at[1] + 1] if len(at) == 2 else None


def functions_alone(nodes):
    """Without system calls, and with levels that do not count them; each service's function must be right inside its call."""
    kept, stack = [], []
    for level, name, ended in nodes:
        del stack[level:]
        if name.startswith('__x64_sys_'):
            expect(stack and stack[-1] == name[len('__x64_sys_'):], f'{name} inside of {stack}')
        if name in FUNCTIONS:
            kept.append([sum(n in FUNCTIONS for n in stack), name, ended])
        stack.append(name)
    return kept


@case('graph-1cpu', 'graph-4cpu')
def graph(name):
    vcpus = int(name[-4])
    path = folder(name)
    machine = linux(path, f'probed,/dev/nvme0n1,{2 * vcpus},{160 // vcpus},graph,' + ','.join(FUNCTIONS), vcpus=vcpus)
    status, _, err = qebek('run', *hooks(FUNCTIONS), '--graph', '-o', f'{path}/graph', '--output', f'qbk:{path}/trace.qbk', '--',
                           *machine, limit=240)
    expect(status == 0 and not err, f'status {status}: {err}')
    true, live = nodes_of(of_guest(f'{path}/truth')), nodes_of(ours(f'{path}/graph'))
    compared = 0
    for tid, nodes in true.items():
        wanted, seen = window(nodes), window(functions_alone(live.get(tid, [])))
        if wanted is None:
            continue
        expect(seen is not None, f'thread {tid} is not in the graph from marker to marker')
        for i, (a, b) in enumerate(zip(seen, wanted)):
            expect(a == b, f'thread {tid}, call {i}: {a}, and the guest has {b}')
        expect(len(seen) == len(wanted), f'thread {tid}: {len(seen)} calls, and the guest has {len(wanted)}')
        compared += len(seen)
    expect(compared > 4000, f'only {compared} calls compared')
    status, _, err = qebek('read', '--graph', '-o', f'{path}/kept', f'{path}/trace.qbk')
    expect(status == 0 and not err, f'status {status}: {err}')
    expect(nodes_of(ours(f'{path}/kept')) == live, 'the graph of the kept trace is another')
    return f'{compared} calls nested as in the guest\'s own graph'
