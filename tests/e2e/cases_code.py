# SPDX-License-Identifier: GPL-2.0-or-later
"""Code that programs execute, against a guest that single-steps them."""
import base64
import collections
import struct

from harness import QEMU, case, check_counts, expect, folder, json_lines, linux, one_clear_line, qebek

ROUNDS = 8
REPEATED = frozenset(b'\xa4\xa5\xa6\xa7\xaa\xab\xac\xad\xae\xaf')


def read_steps(path):
    """first, last, and thread → addresses of the instructions that the guest saw it execute."""
    with open(path, 'rb') as f:
        magic, first, last, count = struct.unpack('<4Q', f.read(32))
        expect(magic == 0x53544550, 'the guest wrote no steps')
        threads = collections.defaultdict(list)
        for tid, address in struct.iter_unpack('<2Q', f.read(16 * count)):
            threads[tid].append(address)
    expect(sum(map(len, threads.values())) == count, 'steps of the guest are missing')
    return first, last, threads


def is_repeated(code):
    return len(code) > 1 and code[0] in (0xf2, 0xf3) and code[-1] in REPEATED


def read_code(path):
    """(comm, tid) → (address, bytes, 32 bits?) of each instruction; and how many blocks nothing is known of."""
    codes, threads, unknown = {}, collections.defaultdict(list), 0
    for record in json_lines(path):
        if record['type'] == 'code':
            whole, at = base64.b64decode(record['bytes']), [insn['at'] for insn in record['insns']]
            codes[record['code']] = [(start, whole[start:end]) for start, end in zip(at, at[1:] + [len(whole)])]
        elif record['type'] == 'blocks':
            to = threads[record['comm'], record['tid']]
            for block in record['blocks']:
                unknown += block.get('unknown', False)
                pc, insns = int(block['pc'], 16), codes[block['code']][:block['insns']]
                expect(len(insns) == block['insns'], f'{block} has more instructions than its code')
                to.extend((pc + at, code, block.get('32_bit', False)) for at, code in insns)
    return threads, unknown


def read_drcov(path):
    """Modules (base, end, path), and (module, offset, size) of each block. By the format's public description alone:
    lines of text up to "BB Table: N bbs", then N times u32 offset, u16 size, u16 module."""
    with open(path, 'rb') as f:
        data = f.read()
    at = data.index(b'BB Table: ')
    end = data.index(b'\n', at) + 1
    lines = data[:at].decode('utf-8').splitlines()
    expect(lines[0] == 'DRCOV VERSION: 2' and lines[1].startswith('DRCOV FLAVOR: '), f'not drcov: {lines[:2]}')
    expect(lines[2].startswith('Module Table: version 2, count '), lines[2])
    expect(lines[3] == 'Columns: id, base, end, entry, path', lines[3])
    count, modules = int(lines[2].rsplit(' ', 1)[1]), []
    for number, line in enumerate(lines[4:]):
        words = [word.strip() for word in line.split(',', 4)]
        expect(int(words[0]) == number, f'module {number}: {line}')
        modules.append((int(words[1], 16), int(words[2], 16), words[4]))
    expect(len(modules) == count, f'{len(modules)} modules, and {count} are promised')
    blocks, promised = list(struct.iter_unpack('<IHH', data[end:])), int(data[at:end].split()[2])
    expect(len(blocks) == promised, f'{len(blocks)} blocks, and {promised} are promised')
    expect(len(set(blocks)) == len(blocks), 'a block twice')
    return modules, [(module, offset, size) for offset, size, module in blocks]


def covered_bytes(path, name):
    """Addresses of the bytes that were covered of the only module of this name, as its base has them."""
    modules, blocks = read_drcov(path)
    numbers = [i for i, module in enumerate(modules) if module[2] == name]
    expect(len(numbers) == 1, f'{len(numbers)} modules {name}: {modules}')
    base, end, _ = modules[numbers[0]]
    covered = {base + offset + i for module, offset, size in blocks if module == numbers[0] for i in range(size)}
    expect(all(base <= a < end for a in covered), f'{name} ends before its code does')
    return covered


def window(addresses, first, last):
    """From the first to the last instruction of what is compared, both among them."""
    expect(addresses.count(first) == 1 and addresses.count(last) == 1,
           f'{addresses.count(first)} beginnings, {addresses.count(last)} ends')
    return addresses[addresses.index(first):addresses.index(last) + 1]


def once(addresses, repeated):
    """Each repetition of a string instruction is a step; all of them are one."""
    return [a for i, a in enumerate(addresses) if i == 0 or a != addresses[i - 1] or a not in repeated]


def elsewhere(addresses):
    """Of what is not the program's own file the place in its page."""
    return [a if a < 0x600000 else a & 0xfff for a in addresses]


def compare(who, traced, true):
    for i, (a, b) in enumerate(zip(traced, true)):
        expect(a == b, f'{who}, instruction {i}: {a:#x} after {[hex(t) for t in traced[max(0, i - 3):i]]}, '
               f'and the guest has {b:#x} after {[hex(t) for t in true[max(0, i - 3):i]]}')
    expect(len(traced) == len(true), f'{who}: {len(traced)} instructions, and the guest has {len(true)}')


@case('insns-1cpu', 'insns-4cpu')
def insns(name):
    vcpus = int(name[-4])
    path = folder(name)
    own = '/bin/stepped'
    machine = linux(path, f'stepped,/dev/nvme0n1,{2 * vcpus},{ROUNDS // vcpus}', vcpus=vcpus)
    status, _, err = qebek('run', '--insns', 'plain', '--insns', 'steps', '-e', 'trace=none', '-o', f'{path}/trace.txt',
                           '--output', f'drcov:{path}/trace.drcov', '--output', f'jsonl:{path}/trace.jsonl', '--output', f'qbk:{path}/trace.qbk', '--', *machine,
                           limit=240)
    expect(status == 0 and not err, f'status {status}: {err}')
    status, counts = check_counts(f'{path}/trace.qbk', whole=False)
    expect(status == 0 and counts['lost_records'] == 0, f'qebek check: {counts["messages"][:5]}')
    first, last, true = read_steps(f'{path}/truth')
    traced, unknown = read_code(f'{path}/trace.jsonl')
    expect(unknown == 0, f'of {unknown} blocks nothing is known')
    expect(len(true) == 2 * vcpus, f'{len(true)} threads were stepped')
    of_any = None
    for tid, addresses in true.items():
        all_traced = traced['steps', tid]
        repeated = {a for a, code, _ in all_traced if is_repeated(code)}
        expect(len(repeated) >= 2, 'no string instructions')
        true[tid] = once(window(addresses, first, last), repeated)
        compare(f'steps {tid}', once(window([a for a, _, _ in all_traced], first, last), repeated), true[tid])
        of_any = true[tid] if of_any is None else of_any
    plain = {tid: insns for (comm, tid), insns in traced.items() if comm == 'plain'}
    expect(len(plain) == 2 * vcpus, f'{len(plain)} threads of "plain"')
    for tid, insns in plain.items(): # the same code, in blocks; it finds its memory elsewhere
        compare(f'plain {tid}', elsewhere(once(window([a for a, _, _ in insns], first, last), repeated)), elsewhere(of_any))
        expect(sum(narrow for _, _, narrow in insns) == 4 * (ROUNDS // vcpus), 'not all of its 32-bit code is told as such')
    coverage(path, own, traced, true, first, last)
    return f'{sum(map(len, true.values()))} instructions'


def coverage(path, own, traced, true, first, last):
    """drcov has what the trace has, all that the guest stepped through of the program, and of that no more."""
    covered = covered_bytes(f'{path}/trace.drcov', own)
    executed = {a + i for insns in traced.values() for a, code, _ in insns for i in range(len(code))}
    stepped = {a for steps in true.values() for a in steps if a < 0x600000}
    expect(stepped <= covered, f'{len(stepped - covered)} instructions that the guest saw are not covered')
    expect(covered == {a for a in executed if a < 0x600000}, 'drcov is not what the trace has')
    status, _, err = qebek('read', '--insns', 'steps:stepped', '-o', f'{path}/module.txt', '--output',
                           f'drcov:{path}/module.drcov', f'{path}/trace.qbk')
    expect(status == 0 and not err, f'status {status}: {err}')
    modules, _ = read_drcov(f'{path}/module.drcov')
    expect([module[2] for module in modules] == [own], f'other modules than the one asked for: {modules}')
    expect(covered_bytes(f'{path}/module.drcov', own) ==
           {a + i for (comm, _), insns in traced.items() if comm == 'steps' for a, code, _ in insns
            for i in range(len(code)) if a < 0x600000}, 'drcov of one process is not what the trace has of it')


@case
def insns_wrong():
    """Who cannot be watched is said in one line, before the machine starts."""
    for who, words in (('', ('process',)), ('session:3', ('session', 'processes')), ('0', ('number',)), ('sh:', ('module',)),
                       ('longer-than-any-name', ('15 bytes',))):
        status, _, err = qebek('run', '--insns', who, '--', QEMU, '-machine', 'none', '-display', 'none')
        expect(status == 2, f'{who!r}: status {status}')
        one_clear_line(err, '--insns', *words)
