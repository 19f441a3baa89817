#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""nats.py QEBEK MAKE_INTRUSION FOLLOW: the nats output against a real nats-server, also one that is killed and started again."""
import json
import re
import subprocess
import sys
import tempfile
import time

import nats_accounts
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
    out, err = (s if isinstance(s, str) else s.decode() for s in process.communicate(timeout=300))
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


def certificate(path, name, host):
    """A certificate that signs itself, for one host."""
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
                    '-subj', f'/CN={name}', '-addext', f'subjectAltName={host}', '-keyout', f'{path}/{name}.key', '-out',
                    f'{path}/{name}.pem'], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return f'{path}/{name}.pem', f'{path}/{name}.key'


def test_tls(path, trace):
    """A server that takes TLS alone, and a user's password: nothing goes to one that cannot prove who it is."""
    cert, key = certificate(path, 'bus', 'IP:127.0.0.1')
    other, other_key = certificate(path, 'other', 'DNS:other.example')
    own, own_key = certificate(path, 'web1', 'DNS:web1.example')
    server = Server(path, options=['--tlsverify', '--tlscert', cert, '--tlskey', key, '--tlscacert', own, '--user', 'web1',
                                   '--pass', 's3cret-word'], tls=(cert, own, own_key), user=('web1', 's3cret-word')).start()
    with server.client() as client:
        client.make_stream('QEBEK', ['qebek.>'])
        at = f'127.0.0.1:{server.port}/qebek.one'
        proof = ['--nats-ca', cert, '--nats-cert', own, '--nats-key', own_key]
        good = sending(trace, f'nats:tls://web1:s3cret-word@{at}', *proof)
        expect(ended(good) == '', 'said something')
        same(client.read_all('QEBEK'), trace)
        before = client.count('QEBEK')
        for where, more in (f'nats:tls://web1:wrong-word@{at}', proof), \
                           (f'nats:tls://web1:s3cret-word@{at}', ['--nats-ca', other, *proof[2:]]), \
                           (f'nats:tls://web1:s3cret-word@localhost:{server.port}/qebek.one', proof), \
                           (f'nats:tls://web1:s3cret-word@{at}', proof[:2]), \
                           (f'nats:tls://web1:s3cret-word@{at}', proof[2:]), \
                           (f'nats://web1:s3cret-word@{at}', []):
            said = ended(sending(trace, where, *more, '--nats-wait', '0'), 1)
            expect('did not reach the server' in said and '-word' not in said, f'{where} {more}: {said}')
            expect(said.count('is kept until') == 1, said)
        expect(client.count('QEBEK') == before, 'sent all the same')
    server.kill()
    # The right certificate of the wrong host.
    server = Server(path, options=['--tls', '--tlscert', other, '--tlskey', other_key])
    server.launch()
    said = ended(sending(trace, f'nats:tls://127.0.0.1:{server.port}/qebek.one', '--nats-ca', other, '--nats-wait', '2'), 1)
    expect('did not reach the server' in said, said)
    server.kill()
    for wrong, what in (['--nats-ca', f'{path}/none'], 'none'), (['--nats-ca', trace], 'holds no'), \
                       (['--nats-cert', own], 'belong together'), (['--nats-ca', cert, '--nats-cert', own, '--nats-key',
                                                                      key], 'not usable'):
        refused(trace, 'nats:tls://127.0.0.1:1/x', wrong, what)
    refused(trace, 'nats://127.0.0.1:1/x', ['--nats-ca', cert], 'nats:tls://')


def sending(trace, where, *more):
    return subprocess.Popen([QEBEK, 'read', '--output', where, *more, trace], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def refused(trace, where, more, what):
    """One clear line, and status 2."""
    said = ended(sending(trace, where, *more), 2)
    expect(said.count('\n') == 1 and what in said, f'{more}: {said}')


def test_credentials(path, trace):
    """A server that knows users by the JWTs of an account; the credentials file is of one of these."""
    config, good, bad = nats_accounts.make(path)
    server = Server(path, options=['-c', config], credentials=good).start()
    with server.client() as client:
        client.make_stream('QEBEK', ['qebek.>'])
        where = f'nats://127.0.0.1:{server.port}/qebek.one'
        expect(ended(sending(trace, where, '--nats-creds', good.path)) == '', 'said something')
        same(client.read_all('QEBEK'), trace)
        before = client.count('QEBEK')
        for more in ['--nats-creds', bad.path], []:
            said = ended(sending(trace, where, *more, '--nats-wait', '0'), 1)
            expect('did not reach the server' in said and bad.seed not in said, said)
        expect(client.count('QEBEK') == before, 'sent all the same')
    server.kill()
    for file in trace, '/nowhere/creds':
        refused(trace, 'nats://127.0.0.1:1/x', ['--nats-creds', file], '--nats-creds')


def test_full_spool(path, trace):
    """What finds no room is missing, and the stream tells where and how much, to the object."""
    server = Server(path)
    process = subprocess.Popen([QEBEK, 'read', '--output', f'nats://127.0.0.1:{server.port}/qebek.one', '--nats-spool',
                                '1M', '--nats-wait', '5', '-'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    with open(trace, 'rb') as file:
        process.stdin.write(file.read()) # done when all but the last of it has been read, long after the spool was full
        process.stdin.flush()
    server.start()
    until = time.monotonic() + 120
    with server.client() as client:
        client.make_stream('QEBEK', ['qebek.>'])
        while client.count('QEBEK') == 0 and time.monotonic() < until:
            time.sleep(0.05)
        said = ended(process, 1)
        messages = client.read_all('QEBEK')
    found = re.search(r'0 objects did not reach the server, (\d+) found no room in the spool', said)
    expect(found and int(found[1]) > 0, said)
    lost = [o for _, _, o in messages if o['type'] == 'bus' and o['event'] == 'lost']
    expect(lost and sum(o['objects'] for o in lost) == int(found[1]), f'{lost} is not {said}')
    # All of the trace is there but for what each of these says is missing at its place.
    want, got = iter(lines(trace)), (o for _, _, o in messages if o['type'] != 'bus' or o['event'] == 'lost')
    for o in got:
        o = {k: v for k, v in o.items() if k != 'trace'}
        if o['type'] == 'bus':
            missing = [next(want) for _ in range(o['objects'])]
            first = missing[0] # a call's own number is that of its entry; it is told when it returns
            expect(first['seq'] == o['first_seq'] - (first['type'] == 'call') and o['since_ns'] > 0, f'{o} begins with {first}')
        else:
            expect(o == next(want), f'{o} is not expected here')
    expect(next(want, None) is None, 'more is missing')
    server.kill()


def test_too_large(path, trace):
    """A message that the server does not take has another in its place."""
    server = Server(path, options=['-c', f'{path}/conf'])
    with open(f'{path}/conf', 'w', encoding='ascii') as file:
        file.write('max_payload: 1024\n')
    server.start()
    with server.client() as client:
        client.make_stream('QEBEK', ['qebek.>'])
        expect(ended(reader(trace, server)) == '', 'said something')
        messages = client.read_all('QEBEK')
    want = lines(trace)
    expect(len(messages) == len(want), f'{len(messages)} messages, not {len(want)}')
    large = 0
    for (_, ident, got), o in zip(messages, want):
        if got['type'] == 'bus':
            large += 1
            size = len(json.dumps(o, separators=(',', ':'), ensure_ascii=False).encode())
            expect(got['event'] == 'too_large' and ident.split('-')[1] == str(got['seq']) and got['seq'] >= o['seq'] and got['bytes'] > 512 and got['bytes'] >= size,
                   f'{got} for {o}')
        else:
            expect({k: v for k, v in got.items() if k != 'trace'} == o, f'{got} is not {o}')
    expect(large > 0, 'nothing was too large')
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
