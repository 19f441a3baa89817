# SPDX-License-Identifier: GPL-2.0-or-later
"""What descriptors stand for, out of the kernel's objects, against what the kernel tells a program in the guest."""
from harness import KERNELS, QEBEK, Run, case, check_counts, expect, folder, json_lines, linux, qebek, read_text

KINDS = {'master': 'tty', 'slave': 'tty', 'serial': 'tty', 'null': 'file', 'pipe': 'file', 'file': 'file', 'inherited': 'file'}
STATES = {'fresh': 7, 'listening': 10, 'client': 1, 'accepted': 1}
NUMBERS = ('fd', 'inode', 'mode', 'family', 'socket_type', 'protocol', 'rows', 'columns', 'iflag', 'oflag', 'lflag')


def told(results):
    """The guest's own lines, in order: name and what it said."""
    for line in read_text(results).splitlines():
        words = line.split()
        if words[:1] == ['object']:
            yield words[1], {key: int(value) if key in NUMBERS or key == 'pid' else value
                             for key, value in (word.split('=', 1) for word in words[2:])}


def compare(name, said, seen):
    kind = KINDS.get(name.split('-')[0], 'socket')
    expect(seen['kind'] == kind, f'{name} is a {kind}, not {seen}')
    for key, value in said.items():
        if key in ('local', 'peer') and key not in seen:
            expect(value.endswith(':0'), f'{name}: {key} {value} is not in {seen}')
        else:
            expect(seen.get(key) == value, f'{name}: {key} is {value}, not {seen.get(key)} in {seen}')
    state = STATES.get(name.split('-')[-1])
    expect(state is None or seen['state'] == state, f'{name}: state {state} in {seen}')


def objects_of(lines):
    """For each pid and descriptor, what it stood for when fcntl(F_GETFD) was made on it, in order."""
    now, uses = {}, {}
    for o in lines:
        if o['type'] == 'object':
            now[o['thread'], o['fd']] = o
        elif o['type'] == 'call' and o['name'] == 'fcntl' and o['args'][1].get('text') == 'F_GETFD':
            fd = o['args'][0]['value']
            uses.setdefault((o['pid'], fd), []).append(now.get((o['thread'], fd)))
    return uses


def check(path, lines):
    uses = objects_of(lines)
    seen = {}
    for name, said in told(f'{path}/results'):
        key = said['pid'], said['fd']
        expect(uses.get(key), f'{name}: no call with descriptor {said["fd"]} of process {said["pid"]}')
        seen[name] = uses[key].pop(0)
        expect(seen[name], f'{name}: no object was told before its use')
        compare(name, said, seen[name])
    expect(len(seen) == 23, f'the guest told of {len(seen)} descriptors, not of 23')
    master, slave = seen['master'], seen['slave']
    expect(master['side'] == 'master' and slave['side'] == 'slave' and master['other'] == slave['tty'] and
           slave['other'] == master['tty'] and master['index'] == slave['index'], f'the pair: {master} {slave}')
    expect(seen['serial']['side'] == 'terminal' and 'other' not in seen['serial'], f'{seen["serial"]}')
    expect(seen['slave-again']['file'] == seen['slave-resized']['file'], 'dup2 shares the file')
    return seen


@case(*(f'objects-{kernel}' for kernel in KERNELS), 'objects-isolated')
def objects(name):
    """From QEMU's `max`, and with page-table isolation, where kernel memory cannot be read at the instruction."""
    path, kernel = folder(name), name.split('-', 1)[1]
    cpu = {'cpu': 'Skylake-Client-v1'} if kernel == 'isolated' else {'kernel': kernel}
    run = Run(path, [QEBEK, 'run', '-q', '--output', f'jsonl:{path}/trace.jsonl', '--output', f'qbk:{path}/trace.qbk',
                     '--', *linux(path, '/bin/objects', disk=False, **cpu)])
    expect(run.wait() == 0, run.err()[-300:])
    check_counts(f'{path}/trace.qbk')
    live = list(json_lines(f'{path}/trace.jsonl'))
    seen = check(path, live)
    status, _, err = qebek('read', '--output', f'jsonl:{path}/kept.jsonl', f'{path}/trace.qbk')
    expect(status == 0 and not err, f'read: {err}')
    kept = [o for o in json_lines(f'{path}/kept.jsonl') if o['type'] == 'object']
    expect(kept == [o for o in live if o['type'] == 'object'], 'the kept trace tells other objects than the live one')
    return f'{len(seen)} descriptors, {len(kept)} objects'
