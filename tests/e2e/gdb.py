# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU's gdb stub: reads and writes guest memory from outside, as nothing inside the guest could."""
import socket

from harness import expect


class Gdb:
    """The machine stands still from the connection to close()."""

    def __init__(self, path, limit=20):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(limit)
        self.socket.connect(path)
        self.ask('?')

    def ask(self, text):
        data = text.encode('ascii')
        self.socket.sendall(b'+$' + data + b'#%02x' % (sum(data) & 0xff))
        answer = b''
        while b'#' not in answer or len(answer.split(b'#', 1)[1]) < 2:
            more = self.socket.recv(65536)
            expect(more, 'the gdb stub hung up')
            answer += more
        self.socket.sendall(b'+')
        return answer[answer.index(b'$') + 1:answer.rindex(b'#')].decode('ascii')

    def read(self, address, size):
        data = b''
        while len(data) < size:  # a packet has its limit
            data += bytes.fromhex(self.ask(f'm{address + len(data):x},{min(1024, size - len(data)):x}'))
        return data

    def write(self, address, data):
        answer = self.ask(f'M{address:x},{len(data):x}:{data.hex()}')
        expect(answer == 'OK', f'the gdb stub does not write to {address:#x}: {answer}')

    def close(self):
        self.ask('D')
        self.socket.close()
