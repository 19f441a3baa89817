# SPDX-License-Identifier: GPL-2.0-or-later
"""Symbol tables of NT kernels: --profile beside what qebek finds by itself, and `qebek doctor --profile`."""
import json
import lzma
import os

from cases_nt import trace
from harness import case, expect, folder, json_lines, one_clear_line, qebek


def table(facts, **changes):
    """A table in Volatility's format that says what the trace's guest record says, but for the changes."""
    offsets = {name: int(value, 0) for name, value in (one.split() for one in facts['offsets'].split(', '))}
    offsets.update(changes)
    types = {'_KAPC_STATE': {'fields': {'Process': {'offset': 32}}}}
    for name, offset in offsets.items():
        kind, field, *inner = name.split('.')
        types.setdefault(f'_{kind}', {'fields': {}})['fields'][field] = {'offset': offset - (32 if inner else 0)}
    guid, age = facts['pdb_id'].split('-')
    pdb = {'GUID': guid, 'age': int(age, 16), 'database': facts['pdb'], 'machine_type': 34404}
    return json.dumps({'metadata': {'windows': {'pdb': pdb}}, 'user_types': types}).encode()


def save(path, content):
    with open(path, 'wb') as f:
        f.write(content)
    return path


def facts_of(path):
    return [line['facts'] for line in json_lines(f'{path}/trace.jsonl') if line['type'] == 'guest'][-1]


@case('nt-profile-10', 'nt-profile-xp')
def profile(name):
    """Traced without and with a table; the table beside the trace; one that differs; one of another kernel."""
    path, release = folder(name), name.split('-')[2]
    trace(path, release, calls=20)
    facts = facts_of(path)
    known = len(facts['offsets'].split(', '))
    expect('profile' not in facts['how'] and known == 12, f'{facts}')
    good = save(f'{path}/good.json.xz', lzma.compress(table(facts)))
    wrong = save(f'{path}/wrong.json', table(facts, **{'KTHREAD.Teb': 0x7f8}))
    other = save(f'{path}/other.json', table({**facts, 'pdb_id': '0' * 32 + '-1'}))
    status, out, _ = qebek('doctor', '--profile', good, f'{path}/trace.qbk')
    expect(status == 0 and 'They agree.' in out and out.count('0x') == 2 * known, out)
    status, out, _ = qebek('doctor', '--profile', wrong, f'{path}/trace.qbk')
    expect(status == 1 and 'They differ: 1 offsets.' in out and '0x7f8     differs' in out, out)
    status, out, _ = qebek('doctor', '--profile', other, f'{path}/trace.qbk')
    expect(status == 1 and 'two different kernels' in out, out)
    status, out, _ = qebek('doctor', '--profile', good)
    expect(status == 0 and 'Nothing to compare with' in out and out.count('0x') == known, out)
    save(f'{path}/no.json', b'{"user_types": 1}')
    status, _, err = qebek('doctor', '--profile', f'{path}/no.json')
    expect(status == 1, f'{status}')
    one_clear_line(err, 'no user_types')
    trace(path, release, '--profile', good, calls=20)
    expect(f'profile (agrees on {known} offsets, adds 0)' in facts_of(path)['how'] and 'profile' not in facts_of(path), f'{facts_of(path)}')
    trace(path, release, '--profile', other, calls=20)
    expect('it is of kernel 0000' in facts_of(path)['missing'], f'{facts_of(path)}')
    os.unlink(f'{path}/memory')
    return facts['offsets']
