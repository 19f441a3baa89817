#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sebek.py QEBEK MAKE_SEBEK: Sebek's packets as tshark reads them, and as a receiver on this host gets them."""
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

QEBEK, MAKE = sys.argv[1:]
BIG = bytes(i * 7 & 0xff for i in range(5000))
PIECE = 1500 - 28 - 56
FIELDS = ['magic', 'version', 'type', 'counter', 'ppid', 'pid', 'uid', 'fd', 'inode', 'cmd', 'len', 'socket.dst_ip',
          'socket.dst_port', 'socket.call']


def expect(good, text):
    if not good:
        raise AssertionError(text)


def qebek(*args, status=0):
    done = subprocess.run([QEBEK, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False, timeout=60)
    expect(done.returncode == status, f'{args}: status {done.returncode}, not {status}: {done.stderr}')
    return done.stderr


def wanted():
    """type, ppid, pid, uid, fd, inode, command, data; of sockets: address, port and call."""
    sh, long = (90, 100, 1000), (100, 101, 0)
    yield (0, *sh, 0, 0, 'sh', b'id\r')
    yield (1, *sh, 1, 0, 'sh', b'uid=0\n')
    yield (3, *sh, 5, 0, 'sh', b'/etc/shadow')
    yield (2, *long, 7, 0, 'a-very-long-', ('203.0.113.9', 8080, 3))
    yield (2, *long, 3, 0, 'a-very-long-', ('198.51.100.7', 54321, 5))
    for at in range(0, len(BIG), PIECE):
        yield (1, *long, 7, 4711, 'a-very-long-', BIG[at:at + PIECE])


def tshark(pcap, port):
    fields = [word for name in FIELDS for word in ('-e', f'sebek.{name}')]
    done = subprocess.run(['tshark', '-n', '-r', pcap, '-d', f'udp.port=={port},sebek', '-o', 'ip.check_checksum:TRUE', '-o',
                           'udp.check_checksum:TRUE', '-T', 'fields', '-E', 'separator=|', *fields, '-e', 'ip.src', '-e', 'ip.dst',
                           '-e', 'udp.srcport', '-e', 'udp.dstport', '-e', 'ip.checksum.status', '-e', 'udp.checksum.status',
                           '-e', 'frame.time_epoch', '-e', '_ws.malformed'],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=120)
    expect(done.returncode == 0, f'tshark: {done.stderr}')
    return [line.split('|') for line in done.stdout.splitlines()]


def test_tshark(path):
    """Field by field, with addresses, ports and magic of our own."""
    said = qebek('read', '--output', f'sebek:{path}/s.pcap', '--sebek-magic', '0xCAFE0001', '--sebek-from', '192.0.2.1:1234',
                 '--sebek-to', '192.0.2.2:2345', f'{path}/t')
    expect('1 uses of IPv6 sockets' in said, f'what was left out is not told: {said!r}')
    want = list(wanted())
    got = tshark(f'{path}/s.pcap', 2345)
    expect(len(got) == len(want), f'{len(got)} packets, not {len(want)}')
    for counter, (row, (kind, ppid, pid, uid, fd, inode, comm, data)) in enumerate(zip(got, want)):
        fields = dict(zip(FIELDS, row))
        expect(int(fields['magic'], 0) == 0xcafe0001 and int(fields['version']) == 3, f'head: {row}')
        numbers = [int(fields[name]) for name in ('type', 'counter', 'ppid', 'pid', 'uid', 'fd', 'inode')]
        expect(numbers == [kind, counter, ppid, pid, uid, fd, inode], f'{numbers} in packet {counter}')
        expect(fields['cmd'] == comm, f'command {fields["cmd"]!r}')
        if kind == 2:
            expect((fields['socket.dst_ip'], int(fields['socket.dst_port']), int(fields['socket.call'])) == data, f'socket: {row}')
        else:
            expect(int(fields['len']) == len(data), f'length: {row}')
        src, dst, sport, dport, ip, udp, when, malformed = row[len(FIELDS):]
        expect((src, dst, sport, dport) == ('192.0.2.1', '192.0.2.2', '1234', '2345'), f'the way: {row}')
        expect(ip == '1' and udp == '1', f'checksums: {row}')
        expect(when.startswith('1700000000.') and not malformed, f'packet {counter}: {row}')
    check_data(f'{path}/s.pcap', want)


def check_data(pcap, want):
    """tshark shows data as text, which is not all there is: the bytes are taken from the file."""
    with open(pcap, 'rb') as f:
        file = f.read()
    at = 24
    for kind, *_, data in want:
        size = struct.unpack_from('<I', file, at + 8)[0]
        record = file[at + 16 + 42:at + 16 + size]
        if kind != 2:
            expect(record[56:] == data, f'data: {record[56:][:40]!r}, not {data[:40]!r}')
        at += 16 + size


def test_receiver(path):
    """The same records by UDP, each a datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(('127.0.0.1', 0))
        s.settimeout(20)
        qebek('read', '-q', '--output', f'sebek:udp://127.0.0.1:{s.getsockname()[1]}', f'{path}/t')
        for counter, (kind, ppid, pid, uid, fd, inode, comm, data) in enumerate(wanted()):
            got = s.recv(65536)
            head = struct.unpack('>IHHIIIIIIII12sI', got[:56])
            expect((head[0], *head[1:4]) == (0xd0d0d0d0, 3, kind, counter), f'head: {head}')
            expect(head[6:11] == (ppid, pid, uid, fd, inode), f'numbers: {head}')
            expect(head[11].rstrip(b'\0').decode() == comm, f'command: {head}')
            expect(head[12] == len(got) - 56 and (kind == 2 or got[56:] == data), f'data: {got[56:96]!r}')


def test_nobody_there(path):
    """A receiver that refuses is told of once, and disturbs neither this output nor another."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    whole = qebek_text('read', '-q', '--output', 'text', f'{path}/t')
    done = subprocess.run([QEBEK, 'read', '--output', f'sebek:udp://127.0.0.1:{port}', '--output', f'text:{path}/text', f'{path}/t'],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    expect(done.returncode == 0, f'status {done.returncode}: {done.stderr}')
    expect(done.stderr.count('does not take records') == 1, f'it is to be said once: {done.stderr!r}')
    expect('of them the receiver did not take' in done.stderr and ' 0 of them' not in done.stderr, f'not counted: {done.stderr!r}')
    with open(f'{path}/text', encoding='utf-8') as f:
        expect(f.read() == whole, 'the other output has something else')


def qebek_text(*args):
    return subprocess.run([QEBEK, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout


def test_keystrokes(path):
    qebek('read', '-q', '--sebek-keystrokes', '--output', f'sebek:{path}/k.pcap', f'{path}/t')
    got = tshark(f'{path}/k.pcap', 1101)
    expect([row[FIELDS.index('type')] for row in got] == ['0'] and got[0][FIELDS.index('len')] == '3', f'{got}')


def test_wrong_words(path):
    for words in (['--output', 'sebek'], ['--output', 'sebek:udp://host'], ['--output', 'sebek:udp://:'],
                  ['--output', f'sebek:{path}/none/x.pcap'], ['--sebek-magic', 'x'], ['--sebek-magic', '0x100000000'],
                  ['--sebek-from', '1.2.3.4.5'], ['--sebek-to', '1.2.3.4:0']):
        said = qebek('read', *words, f'{path}/t', status=2)
        expect(said.count('\n') == 1 and said.startswith('qebek: '), f'{words}: {said!r}')


def test_full_disk(path):
    said = qebek('read', '--output', 'sebek:/dev/full', f'{path}/t', status=1)
    expect('No space left' in said and said.count('No space left') == 1, f'a full disk: {said!r}')


def main():
    expect(shutil.which('tshark'), 'tshark is not installed (scripts/setup installs it)')
    for name, test in sorted(globals().items()):
        if name.startswith('test_'):
            with tempfile.TemporaryDirectory() as path:
                subprocess.run([MAKE, f'{path}/t'], check=True)
                test(path)
                print(name, 'ok')


if __name__ == '__main__':
    os.environ['LC_ALL'] = 'C'
    main()
