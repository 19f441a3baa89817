# SPDX-License-Identifier: GPL-2.0-or-later
"""Outputs of a running machine: Sebek's packets against what the guest's program says that it did, and outputs that fail."""
import os
import re
import shutil
import subprocess

from harness import QEBEK, Run, case, check_counts, expect, folder, json_lines, linux, read_text, wait_for

PIECE = 1500 - 28 - 56 # what of a call's data fits one packet
FIELDS = ('counter', 'type', 'ppid', 'pid', 'uid', 'fd', 'cmd', 'socket.dst_ip', 'socket.dst_port', 'socket.src_ip',
          'socket.src_port', 'socket.call', 'socket.ip_proto')


def packets(pcap):
    """Sebek's records, as tshark reads them."""
    words = [word for field in FIELDS for word in ('-e', f'sebek.{field}')]
    done = subprocess.run(['tshark', '-n', '-r', pcap, '-d', 'udp.port==1101,sebek', '-T', 'fields', '-E', 'separator=|', *words,
                           '-e', '_ws.malformed', '-e', 'udp.payload'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False, timeout=120)
    expect(done.returncode == 0, f'tshark: {done.stderr[-300:]}')
    for line in done.stdout.splitlines():
        *values, malformed, payload = line.split('|')
        expect(not malformed, f'malformed: {line}')
        yield {**dict(zip(FIELDS, values)), 'payload': bytes.fromhex(payload)[56:]}


def done_by_guest(results):
    """What the program says that it did, in order: type and what belongs to it."""
    for line in read_text(results).splitlines():
        words = line.split()
        if words[:1] == ['did']:
            yield words[1], dict(word.split('=', 1) for word in words[2:])


def check_record(kind, said, seen):
    for key in 'pid', 'ppid', 'uid', 'fd':
        expect(seen[key] == said[key], f'{key} is {seen[key]}, not {said[key]}: {said} {seen}')
    if kind == '2':
        ends = f'{seen["socket.dst_ip"]}:{seen["socket.dst_port"]}', f'{seen["socket.src_ip"]}:{seen["socket.src_port"]}'
        expect(ends == (said['dst'], said['src']), f'{ends} of {said}')
        expect((seen['socket.call'], seen['socket.ip_proto']) == (said['call'], said['protocol']), f'{seen} of {said}')
    elif kind == '3':
        expect(seen['payload'] == said['path'].encode(), f'{seen} of {said}')


def check_sebek(path):
    seen = list(packets(f'{path}/sebek.pcap'))
    expect([int(record['counter']) for record in seen] == list(range(len(seen))), 'the counters have a hole')
    said = list(done_by_guest(f'{path}/results'))
    pids = {what['pid'] for _, what in said}
    names = {record['cmd'] for record in seen if record['pid'] in pids}
    expect(len(pids) == 2 and {'talks', 'a-child'} <= names, f'{pids} {names}')
    # What it says itself goes to its standard output and through a pipe at the end; before its first open is the loader's.
    mine = [record for record in seen if record['pid'] in pids]
    first = next(i for i, record in enumerate(mine) if record['type'] == '3' and record['payload'] == b'/tmp/talks')
    mine = iter(mine[first:])
    for kind, what in said:
        record = next(mine, None)
        expect(record and record['type'] == kind, f'type {kind} {what} is not {record}')
        check_record(kind, what, record)
        if kind in '01':
            data = bytes.fromhex(what['data'])
            got = record['payload']
            while len(got) < len(data):
                record = next(mine)
                expect(len(got) % PIECE == 0, f'a piece of {len(got)} bytes')
                check_record(kind, what, record)
                got += record['payload']
            expect(got == data, f'{what}: {len(got)} bytes: {got[:40]}')
    expect(len(said) >= 28, f'only {len(said)} calls')
    return len(said), len(seen)


@case
def outputs_fail():
    """
    Outputs of one machine of which most fail in the middle: each says so once, the others are whole, and the packets are
    what the program did.
    """
    path = folder('outputs_fail')
    for name in 'keys', 'cast', 'files', 'split':
        os.mkdir(f'{path}/{name}')
    bad = ['text:/dev/full', 'ecs:/dev/full', 'html:/dev/full', 'tree:/dev/full', f'files:{path}/files',
           f'strace:{path}/split/x.%p', 'nats://127.0.0.1:1/nobody.there']
    good = [f'jsonl:{path}/trace.jsonl', f'qbk:{path}/trace.qbk', f'sebek:{path}/sebek.pcap', f'sqlite:{path}/run.db',
            f'summary:{path}/summary', 'sebek:udp://127.0.0.1:1']
    outputs = [word for pair in zip(bad, good + [f'cast:{path}/cast']) for word in pair]
    run = Run(path, [QEBEK, 'run', *(word for output in outputs for word in ('--output', output)), '--nats-wait', '0', '--',
                     *linux(path, '/bin/talks', disk=False)])
    wait_for('the machine began', lambda: os.listdir(f'{path}/split'))
    for name in 'files', 'split': # from under the feet of two that go on making files
        shutil.rmtree(f'{path}/{name}')
    status = run.wait()
    said = run.err().splitlines()
    expect(status == 1, f'status {status}: {said}')
    for output in bad:
        about = [line for line in said if line.startswith(f'qebek: output {output}:') and line.endswith('left out from here on')]
        expect(len(about) == 1, f'{output}: {about} of {said}')
    others = [line for line in said if not line.endswith('left out from here on')]
    expect(len(others) == 3 and sum('nats' in line for line in others) == 1 and
           sum('sebek:udp' in line for line in others) == 2, f'{others}')
    expect(f'outputs that failed: {len(bad)};' in read_text(f'{path}/summary'), 'not counted')
    _, counts = check_counts(f'{path}/trace.qbk')
    calls = sum(o['type'] == 'call' for o in json_lines(f'{path}/trace.jsonl'))
    expect(calls == counts['calls'], f'{calls} calls in jsonl, {counts["calls"]} in the trace')
    rows = subprocess.run(['sqlite3', '-batch', f'{path}/run.db', 'SELECT count(*) FROM calls'], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, check=True, text=True).stdout
    expect(int(rows) == calls, f'{rows} calls in the database')
    did, records = check_sebek(path)
    return f'{len(bad)} of {len(outputs)} outputs failed, {did} calls in {records} packets'
