# SPDX-License-Identifier: GPL-2.0-or-later
"""NT guests: what the outputs make of calls that are done later, of consoles, of filters by name, class, path and status."""
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
