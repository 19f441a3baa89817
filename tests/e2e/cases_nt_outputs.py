# SPDX-License-Identifier: GPL-2.0-or-later
"""NT guests: what the outputs make of calls that are done later, of consoles, of filters by name, class, path and status."""
import glob
import hashlib
import json
import os
import sqlite3
import struct
import subprocess

import nt_truth
from cases_nt import PENDING, trace
from harness import BUILD, QEBEK, case, expect, folder, json_lines


def qebek(*command):
    done = subprocess.run([QEBEK, *command], capture_output=True, text=True, timeout=60, check=False)
    expect(done.returncode == 0, f'{command}: {done.stderr[-300:]}')
    return done.stdout


@case
def nt_pending_outputs():
    """In a database each call that was left pending has its final result, and the bytes that came by then."""
    path = folder('nt_pending_outputs')
    trace(path, '10', calls=400, threads=3, what=PENDING, log=512, seed=29)
    os.unlink(f'{path}/memory')
    qebek('read', '--output', f'sqlite:{path}/db', f'{path}/trace.qbk')
    lines = list(json_lines(f'{path}/trace.jsonl'))
    done = {line['call']: line for line in lines if line['type'] == 'completion'}
    with sqlite3.connect(f'{path}/db') as db:
        rows = {seq: rest for seq, *rest in db.execute("SELECT seq, result, error, args FROM calls WHERE end = 'pending'")}
    for seq, (result, error, args) in rows.items():
        true = done.get(seq, {'ret': 0x103, 'status': 'STATUS_PENDING'})
        expect(result == true['ret'], f'call {seq}: {result:#x}, truly {true["ret"]:#x}')
        expect(error == (true['status'] if result >> 31 else None), f'call {seq}: {error}, truly {true["status"]}')
        if seq in done:
            block = next(arg.get('text') for arg in true['args'] if arg['name'] == 'iosb')
            expect(not block or block in args, f'call {seq}: {args}, truly {block}')
    failed = sum(error is not None for _, error, _ in rows.values())
    expect(len(done) > 50 and set(done) <= set(rows) and failed > 5, f'{len(done)} done, {len(rows)} rows, {failed} failed')
    return f'{len(done)} completions, {failed} with errors'


TALK = 1024  # WITH_TALK of tests/nt/machine/plan.h
CONSOLE, CONSOLE_WIDE = 0xf0, 0xf1  # enum talk


def said(calls):
    """What a thread wrote to and read from its console: (writes?, bytes)."""
    for call in calls:
        for arg, before, data in call.data:
            if arg in (CONSOLE, CONSOLE_WIDE) and call.end == 'R':
                yield before, data.decode('utf-16-le').encode() if arg == CONSOLE_WIDE and before else data


@case('nt_console-xp', 'nt_console-7', 'nt_console-10')
def consoles(name):
    """A recording of each process: what it wrote to its console, whole and in order, and that it read from there."""
    path = folder(name)
    truth = trace(path, name.split('-')[1], calls=1200, threads=1, procs=3, what=TALK, log=2048, seed=31)
    os.unlink(f'{path}/memory')
    qebek('read', '--output', f'cast:{path}/casts', '--output', f'keys:{path}/keys', f'{path}/trace.qbk')
    casts = {}
    for file in glob.glob(f'{path}/casts/*.cast'):
        with open(file, encoding='utf-8') as f:
            head, *events = map(json.loads, f)
        casts[int(head['title'].split('-')[1])] = events
    wrote = read = 0
    for (pid, _), calls in truth.items():
        true, events = list(said(calls)), casts.get(pid, [])
        shown = [text for _, code, text in events if code == 'o']
        at = 0
        for text in (data.decode() for before, data in true if before):
            expect(text in shown[at:], f'process {pid} wrote {text!r}, which is not there behind {at} others')
            at += shown[at:].index(text) + 1
            wrote += 1
        reads = sum(not before and bool(data) for before, data in true)
        typed = sum(code == 'i' for _, code, _ in events)
        expect(0.9 * reads <= typed <= reads + 1, f'process {pid} read {reads} times, in the cast {typed}')
        read += typed
    expect(wrote > 40 and read > 40, f'{wrote} written, {read} read: too few')
    return f'{wrote} pieces written, {read} read'


# ---- Sebek ----

READ, WRITE, SOCKET = 0, 1, 2


def sebek_records(path):
    """(pid, uid, type, handle, data) of each record in a file of packets."""
    with open(path, 'rb') as f:
        packets = f.read()
    at = 24
    while at < len(packets):
        length = struct.unpack_from('<I', packets, at + 8)[0]
        record = packets[at + 16 + 42:at + 16 + length]
        _, version, kind, _, _, _, _, pid, uid, handle, _ = struct.unpack_from('>IHHIIIIIIII', record)
        expect(version == 3 and struct.unpack_from('>I', record, 52)[0] == len(record) - 56, 'not a record')
        yield pid, uid, kind, handle, record[56:]
        at += 16 + length


def transferred(calls):
    """What a thread read and wrote: (type, bytes), of files, consoles and sockets."""
    for call in calls:
        data = {arg: (before, text) for arg, before, text in call.data}
        if call.end != 'R' or (call.result >> 31 and call.result != 0x80000005):
            continue
        for arg in (CONSOLE, CONSOLE_WIDE, 0xf2):
            if arg in data and data[arg][1]:
                before, text = data[arg]
                yield WRITE if before else READ, text.decode('utf-16-le').encode() if arg == CONSOLE_WIDE else text
        if 5 in data and 4 in data:
            before, text = data[5]
            moved = int.from_bytes(data[4][1][len(data[4][1]) // 2:], 'little')
            if text[:moved]:
                yield WRITE if before else READ, text[:moved]


@case('nt_sebek-10', 'nt_sebek-xp')
def sebek(name):
    """What each process read and wrote is in its records, whole and in order."""
    path = folder(name)
    truth = trace(path, name.split('-')[1], calls=800, threads=1, procs=2, what=TALK, log=2048, seed=47)
    os.unlink(f'{path}/memory')
    qebek('read', '--output', f'sebek:{path}/sebek.pcap', f'{path}/trace.qbk')
    records = list(sebek_records(f'{path}/sebek.pcap'))
    found = 0
    for (pid, _), calls in truth.items():
        mine = [(kind, data) for who, _, kind, _, data in records if who == pid and kind in (READ, WRITE)]
        at = 0
        for kind, data in transferred(calls):
            while at < len(mine) and (mine[at][0] != kind or not mine[at][1] or not data.startswith(mine[at][1])):
                at += 1
            have = b''
            while at < len(mine) and len(have) < len(data) and mine[at][0] == kind:
                have += mine[at][1]
                at += 1
            expect(have == data, f'process {pid}, type {kind}: {len(have)} bytes, truly {len(data)}, behind {found} others')
            found += 1
    expect(found > 60, f'{found} found: too few')
    return f'{found} transfers in {len(records)} records'


# ---- filters ----

CALLS = 'NtReadFile', 'NtWriteFile'
# Some of each class; what a class is about is for docs/nt.md to say.
CLASSES = {'%file': {'NtReadFile', 'NtWriteFile', 'NtCreateFile', 'NtQueryDirectoryFile', 'NtDeviceIoControlFile'},
           '%registry': {'NtOpenKey', 'NtCreateKey', 'NtQueryValueKey', 'NtSetValueKey', 'NtEnumerateKey'},
           '%process': {'NtOpenProcess', 'NtTerminateThread', 'NtSuspendThread', 'NtQueryInformationProcess'},
           '%network': {'NtDeviceIoControlFile'},
           '%memory': {'NtAllocateVirtualMemory', 'NtReadVirtualMemory', 'NtMapViewOfSection', 'NtCreateSection'},
           '%ipc': {'NtConnectPort', 'NtRequestWaitReplyPort', 'NtSetEvent', 'NtCreateMutant'}}


def calls_of(lines):
    return {line['seq']: line for line in lines if line['type'] == 'call'}


def filtered(path, *options):
    """The calls that are left of a kept trace."""
    qebek('read', *options, '--output', f'jsonl:{path}/filtered.jsonl', f'{path}/trace.qbk')
    return calls_of(json_lines(f'{path}/filtered.jsonl'))


def same(what, have, want):
    expect(want, f'{what}: nothing to be found, so nothing is tested')
    expect(set(have) == set(want), f'{what}: {len(have)} calls, truly {len(want)}; too many: {sorted(set(have) - set(want))[:4]}, lacking: {sorted(set(want) - set(have))[:4]}')


def failed(call):
    return call['end'] == 'returned' and call['nr'] < 0x1000 and call.get('ret', 0) >> 31 == 1


def check_names(path, every):
    """By name, class and expression."""
    same('NtReadFile', filtered(path, '-e', 'trace=NtReadFile'), {s for s, c in every.items() if c['name'] == 'NtReadFile'})
    same('names', filtered(path, '-e', 'trace=' + ','.join(CALLS)), {s for s, c in every.items() if c['name'] in CALLS})
    same('an expression', filtered(path, '-e', 'trace=/^Nt(Open|Create)'), {s for s, c in every.items() if c['name'].startswith(('NtOpen', 'NtCreate'))})
    same('all but', filtered(path, '-e', 'trace=!NtReadFile'), {s for s, c in every.items() if c['name'] != 'NtReadFile'})
    seen = {}
    for name, some in CLASSES.items():
        left = filtered(path, '-e', f'trace={name}')
        seen[name] = {call['name'] for call in left.values()}
        same(name, left, {s for s, c in every.items() if c['name'] in seen[name]})
        there = {call['name'] for call in every.values()}
        expect(some & there <= seen[name] and len(some & there) > len(some) // 2, f'{name} has {seen[name]}')
    expect(not (seen['%registry'] & seen['%file'] or seen['%memory'] & seen['%file']), f'classes overlap: {seen}')


def check_status(path, every):
    same('failed', filtered(path, '-e', 'status=failed'), {s for s, c in every.items() if failed(c)})
    same('-Z', filtered(path, '-Z'), {s for s, c in every.items() if failed(c)})
    same('successful', filtered(path, '-e', 'status=successful'),
         {s for s, c in every.items() if c['end'] in ('returned', 'pending', 'interrupted') and 'ret' in c and not c['ret'] >> 31 & (c['nr'] < 0x1000)})


def check_pids(path, every):
    for pid in {c['pid'] for c in every.values()}:
        same(f'-p {pid}', filtered(path, '-p', str(pid)), {s for s, c in every.items() if c['pid'] == pid})
    tid = next(iter(every.values()))['tid']
    same(f'-p {tid}', filtered(path, '-p', str(tid)), {s for s, c in every.items() if c['tid'] == tid})


def check_paths(path, every):
    """By what a handle stands for, in any case, with the prefix that programs use."""
    paths = {arg['path'] for call in every.values() for arg in call['args'] if arg.get('object') in ('File', 'Key') and 'path' in arg}
    expect(len(paths) > 5, f'{paths}')
    for name in paths:
        want = {s for s, c in every.items() if any(arg.get('path') == name for arg in c['args'])}
        forms = [name, ''.join(c.upper() if c.isascii() else c for c in name)] + (['\\??\\' + name] if name[1] == ':' else [])
        for form in forms:
            same(f'-P {form}', filtered(path, '-y', '-P', form), want)
    same('several', filtered(path, '-y', *(word for name in list(paths)[:2] for word in ('-P', name))),
         {s for s, c in every.items() if any(arg.get('path') in list(paths)[:2] for arg in c['args'])})


@case('nt_filters-xp', 'nt_filters-10')
def filters(name):
    """What is left of a kept trace by names, classes, status, process and path."""
    path = folder(name)
    trace(path, name.split('-')[1], '-y', calls=700, threads=2, procs=2, what=512 | 2 | 8, log=512, seed=37)
    os.unlink(f'{path}/memory')
    every = calls_of(json_lines(f'{path}/trace.jsonl'))
    check_names(path, every)
    check_status(path, every)
    check_pids(path, every)
    check_paths(path, every)
    return f'{len(every)} calls'


@case('nt_filters_live-10', 'nt_filters_live-xp')
def filters_live(name):
    """The same asked of the plugin: it records no others; and a hook module sees its calls all the same."""
    path, release = folder(name), name.split('-')[1]
    module = os.path.join(BUILD, 'tests', 'e2e', 'modules', 'nt.so')
    truth = trace(path, release, '-e', 'trace=%registry', '--comm', 'winlogon.exe', '--module', module, calls=500, threads=2, procs=2, what=2 | 8 | PENDING,
                  log=512, seed=41)
    os.unlink(f'{path}/memory')
    lines = list(json_lines(f'{path}/trace.jsonl'))
    left = list(calls_of(lines).values())
    expect(left and {c['comm'] for c in left} == {'winlogon.exe'} and all('Key' in c['name'] for c in left), f'{len(left)} calls: {left[:1]}')
    number = {'10': 6, 'xp': 0xb7}[release]
    logged, compared = {}, 0
    for line in lines:
        if line['type'] == 'log':
            word, *numbers, data = line['text'].split(' ')
            expect(word == 'nt:', line['text'])
            pid, tid, *rest = map(int, numbers)
            logged.setdefault((pid, tid), []).append((*rest, bytes.fromhex(data)))
    for who, calls in truth.items():
        # In order of their ends: what was nested comes first.
        true = [(c.args[0], c.args[6]) for c in calls if c.nr == number and c.end == 'R']
        have = logged.get(who, [])
        expect(sorted(true) == sorted(h[:2] for h in have if h[2] in (0, 3)), f'thread {who}: {len(have)} reads logged, {len(true)} made')
        data = sorted((c.args[0], next(d for arg, _, d in c.data if arg == 5)[:64]) for c in calls if c.nr == number and c.end == 'R' and not c.result >> 31 and any(arg == 5 for arg, _, _ in c.data))
        got = sorted((h[0], h[5]) for h in have if h[2] == 0 and not h[3] >> 31)
        expect([d for d in data if d[1]] == [g for g in got if g[1]], f'thread {who}: the bytes differ')
        compared += len(data)
    expect(compared > 20, f'{compared} reads were compared')
    return f'{len(left)} calls left, {compared} reads compared'


@case('nt_remove_several-10', 'nt_remove_several-7')
def remove_several(name):
    """NtRemoveIoCompletionEx: each packet that one call takes ends the operation that it is of, with its own status and bytes."""
    path = folder(name)
    truth = trace(path, name.split('-')[1], calls=600, threads=3, what=PENDING, log=1024, seed=43)
    os.unlink(f'{path}/memory')
    told = nt_truth.compare(truth, f'{path}/trace.jsonl')
    lines = list(json_lines(f'{path}/trace.jsonl'))
    taken = [line for line in lines if line['type'] == 'completion' and line['how'] == 'port' and line['name'] == 'NtReadFile']
    at_once = {}
    for line in taken: # those of one call have its time
        at_once[line['ts'], line['thread']] = at_once.get((line['ts'], line['thread']), 0) + 1
    several = sum(n > 1 for n in at_once.values())
    expect(several > 5, f'{several} calls took several packets, of {len(taken)} that were taken')
    return f'{told}; {several} calls took several'


# ---- files ----

FILES = 4096  # WITH_FILES of tests/nt/machine/plan.h


def stored(calls, create, write, close):
    """What each file held when it was closed, in order; the three are the numbers of the services."""
    contents, at = {}, {}
    for call in calls:
        data = {arg: text for arg, _, text in call.data}
        if call.nr == create and 0 in data:
            handle = int.from_bytes(data[0], 'little')
            contents[handle], at[handle] = bytearray(), 0
        elif call.nr == write and call.args[0] in contents and call.end == 'R':
            handle, text = call.args[0], data[5]
            begin = int.from_bytes(data[7], 'little') if call.args[7] else at[handle]
            contents[handle][begin:begin + len(text)] = text
            at[handle] = begin + len(text)
        elif call.nr == close and call.args[0] in contents:
            yield bytes(contents.pop(call.args[0]))


@case('nt_files-10', 'nt_files-xp', 'nt_files-10-shadow')
def nt_files(name):
    """Every file that the machine wrote is kept, whole, under its hash, whatever calls were asked for."""
    path, release = folder(name), name.split('-')[1]
    shadow = {'shadow': 1} if name.endswith('shadow') else {}
    truth = trace(path, release, '-e', 'trace=%registry', '--output', f'files:{path}/files', calls=500, threads=1, what=FILES, log=1024, seed=53, **shadow)
    os.unlink(f'{path}/memory')
    numbers = {'10': (0x55, 8, 0xf), 'xp': (0x25, 0x112, 0x19)}[release]
    true = [content for calls in truth.values() for content in stored(calls, *numbers)]
    lines = [line for line in json_lines(f'{path}/files/manifest.jsonl') if line['type'] == 'file' and line['why'] == 'closed']
    expect([line['sha256'] for line in lines] == [hashlib.sha256(content).hexdigest() for content in true], f'{len(lines)} files, truly {len(true)}')
    expect(all(line['complete'] for line in lines) and len(true) > 8, f'{len(true)} files')
    names = {line['path'] for line in lines}
    expect(names == {'C:\\Windows\\System32\\ntdll.dll', '\\Device\\HarddiskVolume3\\päth 日本'}, f'{names}')
    for line, content in zip(lines, true):
        with open(f'{path}/files/{line["sha256"]}', 'rb') as f:
            expect(f.read() == content, f'{line["sha256"]} is not what it says')
    return f'{len(true)} files'
