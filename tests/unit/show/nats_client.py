# SPDX-License-Identifier: GPL-2.0-or-later
"""A real nats-server, and as much of its protocol as tests need to make a stream and to read it back."""
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Server:
    """nats-server with JetStream on loopback, its store in `path`; may be killed and started again."""

    def __init__(self, path, port=None, options=(), **login):
        self.path, self.port = path, port or free_port()
        self.options, self.login = list(options), login
        self.process = None

    def client(self):
        return Client(self.port, **self.login)

    def launch(self):
        command = shutil.which('nats-server', path=f'{os.environ.get("PATH", "")}:/usr/sbin')
        with open(f'{self.path}/nats.log', 'ab') as log:
            self.process = subprocess.Popen([command, '-js', '-a', '127.0.0.1', '-p', str(self.port), '-sd',
                                             f'{self.path}/store', *self.options], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self):
        self.launch()
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                with self.client() as client:
                    client.api('INFO', {})
                return self
            except (OSError, AssertionError):
                time.sleep(0.05)
        raise AssertionError('nats-server does not answer')

    def kill(self):
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


class Client:
    def __init__(self, port, tls=None, user=None, credentials=None):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=60)
        self.subscriptions = 0
        info = b''
        while not info.endswith(b'\n'): # what follows may be TLS
            byte = self.socket.recv(1)
            if not byte:
                raise OSError('the server is gone')
            info += byte
        if tls:
            context = ssl.create_default_context(cafile=tls[0])
            context.load_cert_chain(*tls[1:])
            self.socket = context.wrap_socket(self.socket, server_hostname='127.0.0.1')
        self.file = self.socket.makefile('rwb')
        login = {'verbose': False, 'pedantic': False, 'headers': True, 'no_responders': True, 'protocol': 1}
        if user:
            login |= {'user': user[0], 'pass': user[1]}
        if credentials:
            login |= credentials.answer(json.loads(info.split(b' ', 1)[1])['nonce'])
        self.send(b'CONNECT ' + json.dumps(login).encode() + b'\r\nPING\r\n')
        while not self.line().startswith(b'PONG'):
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.file.write(data)
        self.file.flush()

    def line(self):
        text = self.file.readline()
        if not text:
            raise OSError('the server is gone')
        return text

    def message(self):
        """The next one: (subject, reply, headers, data)."""
        while True:
            words = self.line().split()
            if words[0] == b'PING':
                self.send(b'PONG\r\n')
            elif words[0] == b'MSG':
                data = self.file.read(int(words[-1]) + 2)[:-2]
                return words[1].decode(), words[3].decode() if len(words) == 5 else None, '', data
            elif words[0] == b'HMSG':
                head, total = int(words[-2]), int(words[-1])
                data = self.file.read(total + 2)[:-2]
                return (words[1].decode(), words[3].decode() if len(words) == 6 else None, data[:head].decode(),
                        data[head:])

    def subscribe(self, subject):
        self.subscriptions += 1
        self.send(f'SUB {subject} {self.subscriptions}\r\n'.encode())

    def api(self, verb, request):
        inbox = f'_INBOX.{os.getpid()}.{time.monotonic_ns()}'
        body = json.dumps(request).encode()
        self.subscribe(inbox)
        self.send(f'PUB $JS.API.{verb} {inbox} {len(body)}\r\n'.encode() + body + b'\r\n')
        _, _, headers, data = self.message()
        assert data, f'{verb}: no answer: {headers}'
        answer = json.loads(data)
        assert 'error' not in answer, f'{verb}: {answer["error"]}'
        return answer

    def make_stream(self, name, subjects, **more):
        self.api(f'STREAM.CREATE.{name}', {'name': name, 'subjects': subjects, 'storage': 'file', **more})

    def count(self, name):
        return self.api(f'STREAM.INFO.{name}', {})['state']['messages']

    def read_all(self, name):
        """Every message of a stream: (subject, id, object), in the order of the stream."""
        count, got = self.count(name), []
        inbox = f'_INBOX.all.{time.monotonic_ns()}'
        consumer = self.api(f'CONSUMER.CREATE.{name}', {'stream_name': name, 'config': {
            'deliver_policy': 'all', 'ack_policy': 'none'}})['name']
        self.subscribe(inbox)
        while len(got) < count: # asked for in portions: a client that lags far behind is thrown out
            batch = min(2000, count - len(got))
            request = json.dumps({'batch': batch, 'expires': 60_000_000_000}).encode()
            self.send(f'PUB $JS.API.CONSUMER.MSG.NEXT.{name}.{consumer} {inbox} {len(request)}\r\n'.encode() + request
                      + b'\r\n')
            for _ in range(batch):
                subject, reply, headers, data = self.message()
                assert reply and data, f'{subject}: {headers}'
                ids = [h.split(':', 1)[1].strip() for h in headers.split('\r\n') if h.startswith('Nats-Msg-Id:')]
                got.append((subject, ids[0] if ids else None, json.loads(data)))
        return got
