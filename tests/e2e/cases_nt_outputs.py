# SPDX-License-Identifier: GPL-2.0-or-later
"""NT guests: what the outputs make of calls that are done later, of consoles, of filters by name, class, path and status."""
import glob
import json
import os
import sqlite3
import subprocess

from cases_nt import PENDING, trace
from harness import QEBEK, case, expect, folder, json_lines


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
