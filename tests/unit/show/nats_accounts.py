# SPDX-License-Identifier: GPL-2.0-or-later
"""
An operator, an account and users of nats-server, with JWTs that they sign for one another: what `nsc` makes, which Debian
does not have. Keys are Ed25519; their text is base32 of a letter's prefix, the 32 bytes and a CRC-16.
"""
import base64
import hashlib
import json
import subprocess
import time

PREFIX = {'O': 14 << 3, 'A': 0, 'U': 20 << 3}
SEED = 18 << 3
PKCS8 = bytes.fromhex('302e020100300506032b657004220420') # what stands before the 32 bytes of a private key


def crc16(data):
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
        crc &= 0xffff
    return crc


def text_of(data):
    return base64.b32encode(data + crc16(data).to_bytes(2, 'little')).decode().rstrip('=')


def encode(data):
    return base64.urlsafe_b64encode(data).decode().rstrip('=')


class Key:
    """The key of an operator, account or user; openssl computes with it."""

    def __init__(self, path, kind, name):
        self.file, self.name = f'{path}/{name}.der', name
        raw = hashlib.sha256(f'{kind} {name}'.encode()).digest()
        with open(self.file, 'wb') as file:
            file.write(PKCS8 + raw)
        public = subprocess.run(['openssl', 'pkey', '-inform', 'DER', '-in', self.file, '-pubout', '-outform', 'DER'],
                                stdout=subprocess.PIPE, check=True).stdout[-32:]
        prefix = PREFIX[kind]
        self.public = text_of(bytes([prefix]) + public)
        self.seed = text_of(bytes([SEED | prefix >> 5, (prefix & 31) << 3]) + raw)

    def sign(self, data):
        with open(f'{self.file}.in', 'wb') as file:
            file.write(data)
        return subprocess.run(['openssl', 'pkeyutl', '-sign', '-rawin', '-keyform', 'DER', '-inkey', self.file, '-in',
                               f'{self.file}.in'], stdout=subprocess.PIPE, check=True).stdout

    def vouch(self, subject, kind, **claims):
        """A JWT that says who `subject` is."""
        body = {'iat': int(time.time()), 'iss': self.public, 'sub': subject.public, 'name': subject.name,
                'nats': {'type': kind, 'version': 2, **claims}}
        body['jti'] = base64.b32encode(hashlib.sha256(json.dumps(body).encode()).digest()).decode().rstrip('=')
        text = '.'.join(encode(json.dumps(part).encode()) for part in ({'typ': 'JWT', 'alg': 'ed25519-nkey'}, body))
        return text + '.' + encode(self.sign(text.encode()))


class User(Key):
    """A user with a credentials file."""

    def __init__(self, path, name, account):
        super().__init__(path, 'U', name)
        self.path = f'{path}/{name}.creds'
        self.jwt = account.vouch(self, 'user', subs=-1, data=-1, payload=-1)
        with open(self.path, 'w', encoding='ascii') as file:
            file.write(f'-----BEGIN NATS USER JWT-----\n{self.jwt}\n------END NATS USER JWT------\n\n'
                       f'-----BEGIN USER NKEY SEED-----\n{self.seed}\n------END USER NKEY SEED------\n')

    def answer(self, nonce):
        return {'jwt': self.jwt, 'sig': encode(self.sign(nonce.encode()))}


def make(path):
    """A configuration for nats-server, a user that it takes, and one of an account that it does not know."""
    operator, account, stranger = Key(path, 'O', 'op'), Key(path, 'A', 'honeypots'), Key(path, 'A', 'stranger')
    system = Key(path, 'A', 'SYS') # which JetStream wants to be there
    limits = {'subs': -1, 'data': -1, 'payload': -1, 'imports': -1, 'exports': -1, 'conn': -1, 'leaf': -1, 'mem_storage': -1,
              'disk_storage': -1, 'streams': -1, 'consumer': -1, 'wildcards': True}
    with open(f'{path}/accounts.conf', 'w', encoding='ascii') as file:
        file.write(f'operator: {operator.vouch(operator, "operator")}\nresolver: MEMORY\n'
                   f'system_account: {system.public}\nresolver_preload: {{\n'
                   f'  {system.public}: {operator.vouch(system, "account")}\n'
                   f'  {account.public}: {operator.vouch(account, "account", limits=limits)}\n}}\n')
    return f'{path}/accounts.conf', User(path, 'web1', account), User(path, 'nobody', stranger)
