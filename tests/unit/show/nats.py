#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""nats.py QEBEK MAKE_INTRUSION FOLLOW: the nats output against a real nats-server, also one that is killed and started again."""
import json
import subprocess
import sys
import tempfile
import time

from nats_client import Client, Server, free_port

QEBEK, MAKE, FOLLOW = sys.argv[1:]
BULK = 30000


def expect(good, text):
    if not good:
        raise AssertionError(text)


def reader(trace, server, subject='qebek.one', *more):
    return subprocess.Popen([QEBEK, 'read', '--output', f'nats://127.0.0.1:{server.port}/{subject}', *more, trace],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process, status=0):
    out, err = process.communicate(timeout=300)
    expect(process.returncode == status and out == '', f'status {process.returncode}, not {status}: {err}')
    return err


def lines(trace, *more):
    out = subprocess.run([QEBEK, 'read', *more, '--output', 'jsonl', trace], stdout=subprocess.PIPE, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def objects(messages):
    """What was sent, without what the bus adds; in its order."""
    sent = [dict(o) for _, _, o in messages if o['type'] != 'bus']
    traces = {o.pop('trace') for o in sent}
    expect(len(traces) == 1, f'{traces}')
    return sent


def same(messages, trace, *more):
    """Each object of the trace once, in order."""
    got, want = objects(messages), lines(trace, *more)
    expect(len(got) == len(want), f'{len(got)} objects, not {len(want)}')
    for a, b in zip(got, want):
        expect(a == b, f'{a} is not {b}')
    ids = [i for _, i, _ in messages]
    expect(None not in ids and len(set(ids)) == len(ids), 'ids are missing or not unique')


def test_all(path, trace):
    server = Server(path).start()
    with Client(server.port) as client:
        client.make_stream('QEBEK', ['qebek.>'])
        expect(ended(reader(trace, server)) == '', 'said something')
        messages = client.read_all('QEBEK')
        same(messages, trace)
        expect({s for s, _, _ in messages} == {'qebek.one'}, 'subject')
        # A trace that is sent once more adds nothing, even if the server has forgotten its ids.
        server.kill()
    with Client(server.start().port) as client:
        before = client.count('QEBEK')
        ended(reader(trace, server))
        expect(client.count('QEBEK') == before, 'sent twice')
        client.make_stream('OTHER', ['other.>'])
        ended(reader(trace, server, 'other.x', '--enter'))
        same(client.read_all('OTHER'), trace, '--enter')
    server.kill()


def test_outages(path, trace):
    """The server is killed and started again, twice, while records come; one outage outlives its memory of ids."""
    server = Server(path).start()
    with Client(server.port) as client:
        client.make_stream('QEBEK', ['qebek.>'], duplicate_window=1_000_000_000)
    process = reader(trace, server)
    for rest in 2.5, 0:
        until = time.monotonic() + 120
        with Client(server.port) as client:
            before = client.count('QEBEK')
            while client.count('QEBEK') < before + 3000 and time.monotonic() < until:
                expect(process.poll() is None, 'ended before the outage: the trace is too short for this host')
                time.sleep(0.005)
        server.kill()
        time.sleep(rest)
        server.start()
    said = ended(process)
    with Client(server.port) as client:
        messages = client.read_all('QEBEK')
    same(messages, trace)
    told = [o for _, _, o in messages if o['type'] == 'bus']
    expect([o['event'] for o in told] == ['outage', 'outage'], f'{told}')
    expect(all(o['until_ns'] > o['since_ns'] for o in told), f'{told}')
    expect(said.count('is kept until') == 2 and said.count('connected') == 2, said)
    server.kill()


def test_late(path, trace):
    """A server that comes, and a stream that is made, after the records."""
    server = Server(path)
    process = reader(trace, server)
    expect('is kept until' in process.stderr.readline(), 'nothing said')
    server.start()
    with Client(server.port) as client:
        time.sleep(1)
        client.make_stream('QEBEK', ['qebek.>'])
        ended(process)
        same(client.read_all('QEBEK'), trace)
    server.kill()


def test_lost(path, trace):
    """A spool that is too small for a server that stays away: what is missing is told where it is missing."""
    server = Server(path).start()
    with Client(server.port) as client:
        client.make_stream('QEBEK', ['qebek.>'], max_msgs=1000, discard='new')
        process = reader(trace, server, 'qebek.one', '--nats-spool', '1M', '--nats-wait', '2')
        time.sleep(1)
        said = ended(process, 1)
        expect('refuses a message' in said and 'did not reach the server' in said, said)
        expect(client.count('QEBEK') == 1000, 'more than the stream takes')
    server.kill()
    none = Server(path, free_port())
    said = ended(reader(trace, none, 'qebek.one', '--nats-wait', '0'), 1)
    expect('did not reach the server' in said, said)


def test_fleet(path, _trace):
    """Three machines into one stream, at once; a consumer follows one visitor across them."""
    server = Server(path).start()
    with Client(server.port) as client:
        client.make_stream('QEBEK', ['qebek.>'])
        processes = []
        for i in 1, 2, 3:
            subprocess.run([MAKE, f'{path}/t{i}', str(1000 * i)], check=True)
            processes.append(reader(f'{path}/t{i}', server, f'qebek.web{i}'))
        for process in processes:
            ended(process)
        messages = client.read_all('QEBEK')
    for i in 1, 2, 3:
        same([m for m in messages if m[0] == f'qebek.web{i}'], f'{path}/t{i}')
    for address, lines_each in ('203.0.113.9', 10), ('203.0.113.90', 0), ('3.0.113.9', 0):
        out = subprocess.run([FOLLOW, f'nats://127.0.0.1:{server.port}', 'qebek.>', address, '3'], stdout=subprocess.PIPE,
                             check=True, timeout=120, text=True).stdout.splitlines()
        expect(all(c.isascii() and c.isprintable() for line in out for c in line), 'unprintable')
        for i in 1, 2, 3:
            mine = [line.split(' ', 2)[2] for line in out if line.split()[1] == f'qebek.web{i}']
            expect(len(mine) == lines_each, f'{address}: {mine}')
    server.kill()


def test_wrong(_path, trace):
    for where in 'nats', 'nats:', 'nats://host', 'nats://host:1/', 'nats:host:1/x', 'nats://h:1/a..b', 'nats://h:1/a b':
        done = subprocess.run([QEBEK, 'read', '--output', where, trace], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        expect(done.returncode == 2 and done.stderr.count('\n') == 1 and 'where to?' in done.stderr, f'{where}: {done}')


TESTS = {name[5:]: function for name, function in globals().items() if name.startswith('test_')}


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as path:
        subprocess.run([MAKE, f'{path}/t', str(BULK)], check=True)
        for name, function in TESTS.items():
            with tempfile.TemporaryDirectory() as own:
                begun = time.monotonic()
                try:
                    function(own, f'{path}/t')
                    print(f'ok {name} ({time.monotonic() - begun:.0f} s)', flush=True)
                except (AssertionError, KeyError, OSError, subprocess.SubprocessError) as error:
                    failed += 1
                    print(f'not ok {name}: {error}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
