#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
failing.py QEBEK MAKE_HOSTILE: every output where it cannot be written: no such directory, the wrong kind of thing, no right
to, a full disk from the start and later, a file that may grow no more, a directory that is taken away, a receiver that is
not there. It says so once, and no other output lacks anything.
"""
import filecmp
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from nats_client import free_port

QEBEK, MAKE = sys.argv[1:]
BYTES = 20000
# What is tried: KIND:WHERE, in a directory of its own.
FILES = {'text': 'text:{}/x', 'strace': 'strace:{}/x', 'jsonl': 'jsonl:{}/x', 'qbk': 'qbk:{}/x', 'sqlite': 'sqlite:{}/x',
         'ecs': 'ecs:{}/x', 'cowrie': 'cowrie:{}/x', 'html': 'html:{}/x', 'summary': 'summary:{}/x', 'tree': 'tree:{}/x',
         'tree.json': 'tree:{}/x.json', 'sebek': 'sebek:{}/x.pcap'}
SPLIT = {'split': 'strace:{}/x.%p'}
DIRS = {'keys': 'keys:{}', 'cast': 'cast:{}', 'files': 'files:{}'}
WRITES_ALONG = {'text', 'strace', 'qbk', 'sqlite', 'ecs', 'sebek'} # others may fail when all else is written
LEFT_OUT = 'it is left out from here on'


def expect(good, text):
    if not good:
        raise AssertionError(text)


def arguments(outputs, *more):
    return [QEBEK, 'read', '-q', *(word for output in outputs for word in ('--output', output)), *more]


def read(outputs, *more, before=(), **popen):
    done = subprocess.run([*before, *arguments(outputs, *more)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, timeout=300, **popen)
    return done.returncode, done.stdout, done.stderr.decode()


def refused(what, status, out, said, name):
    expect(status == 2 and out == b'', f'{what}: status {status}, {len(out)} bytes: {said}')
    expect(said.count('\n') == 1 and said.startswith('qebek: ') and name in said, f'{what}: {said!r}')


def fails(what, spec, whole, path, *more, late=True, counted=True, **popen):
    """Beside two others. True: it was there at first."""
    kind = spec.split(':')[0]
    counts = [] if kind == 'summary' or not counted else [f'summary:{path}/sum'] # it cannot count itself
    status, out, said = read([*counts, spec, 'jsonl:-'], *more, f'{path}/t', **popen)
    if status == 2 and not late:
        refused(what, status, out, said, kind if '/' not in said else '/')
        return False
    expect(status == 1, f'{what}: status {status}: {said}')
    expect(said.count('\n') == 1 and said.startswith(f'qebek: output {kind}:') and said.endswith(LEFT_OUT + '\n'),
           f'{what}: {said!r}')
    expect(len(out.splitlines()) == len(whole.splitlines()) and out.splitlines()[:-1] == whole.splitlines()[:-1],
           f'{what}: the other output differs')
    if kind in WRITES_ALONG and late:
        expect(json.loads(out.splitlines()[-1])['counters']['failed_outputs'] == 1, f'{what}: jsonl does not tell')
    if counts:
        with open(f'{path}/sum', encoding='utf-8') as file:
            expect('outputs that failed: 1;' in file.read(), f'{what}: not counted')
    return True


def sizes(path):
    """How long the largest file of each output is, and all of them."""
    outputs, names = places(f'{path}/sizes', ())
    expect(read(outputs, f'{path}/t') == (0, b'', ''), 'alone')
    found = {}
    for name in names:
        files = [entry.stat().st_size for entry in os.scandir(f'{path}/sizes/{name}')]
        found[name] = max(files), sum(files)
    return found


class Small:
    """A file system of so many bytes; 0: one that has no room at all. Only root can make one."""

    def __init__(self, path, size):
        self.path, self.size = path, size

    def __enter__(self):
        os.makedirs(self.path, exist_ok=True)
        done = subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={self.size or 4096}', 'none', self.path],
                              stderr=subprocess.DEVNULL, check=False)
        self.mounted = done.returncode == 0
        if self.mounted and not self.size:
            with open(f'{self.path}/full', 'wb', buffering=0) as file:
                file.write(b'x' * 4096)
        return self.path if self.mounted else None

    def __exit__(self, *_):
        if self.mounted:
            subprocess.run(['umount', self.path], check=True)


def test_no_directory(path, _whole):
    for name, where in {**FILES, **SPLIT, **DIRS}.items():
        refused(name, *read([where.format(f'{path}/none/none'), 'jsonl:-'], f'{path}/t'), f'{path}/none')
    expect(not os.path.exists(f'{path}/none'), 'something was made')


def test_wrong_thing(path, _whole):
    """A directory where a file is to be, a file where a directory is to be."""
    os.makedirs(f'{path}/d/x')
    os.makedirs(f'{path}/d/x.json')
    os.makedirs(f'{path}/d/x.pcap')
    with open(f'{path}/f', 'wb'):
        pass
    for name, where in FILES.items():
        refused(name, *read([where.format(f'{path}/d'), 'jsonl:-'], f'{path}/t'), f'{path}/d/x')
    for name, where in {**FILES, **SPLIT, **DIRS}.items():
        refused(name, *read([where.format(f'{path}/f'), 'jsonl:-'], f'{path}/t'), f'{path}/f')
    expect(os.path.getsize(f'{path}/f') == 0, 'it was written to')


def test_no_right(path, _whole):
    """Root without root's means is as anybody."""
    os.mkdir(f'{path}/locked', 0o500)
    before = ['setpriv', '--inh-caps=-all', '--bounding-set=-all'] if os.getuid() == 0 else []
    for name, where in {**FILES, **SPLIT, **DIRS}.items():
        refused(name, *read([where.format(f'{path}/locked'), 'jsonl:-'], f'{path}/t', before=before), f'{path}/locked')
    expect(os.listdir(f'{path}/locked') == [], 'something was made')


def test_may_grow_no_more(path, whole):
    """A limit of the process on the size of files: each output that gets there fails, later than at the start."""
    for name, (largest, _) in sizes(path).items():
        os.mkdir(f'{path}/{name}')
        limit = largest // 2
        # The table that counts is a small file, but no smaller than the smallest output.
        fails(name, {**FILES, **SPLIT, **DIRS}[name].format(f'{path}/{name}'), whole, path, counted=limit > 2000,
              preexec_fn=lambda most=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))
    status, out, said = read(['nats://127.0.0.1:1/x', 'jsonl:-'], f'{path}/t', preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_FSIZE, (100000, 100000)))
    refused('nats', status, out, said, 'no room to keep')


def test_full_disk(path, whole):
    """No room from the start; and room for some of it."""
    for name, (_, total) in sizes(path).items():
        half = total // 2 // 4096 * 4096
        for size in [0, half] if half else [0]:
            with Small(f'{path}/small', size) as small:
                if not small:
                    print('# not root: a full disk is not tried')
                    return
                fails(f'{name} {size}', {**FILES, **SPLIT, **DIRS}[name].format(small), whole, path, late=size > 0)
    with Small(f'{path}/small-parts', 200 * 1024) as small: # rotated: into a later file
        expect(fails('rotated', f'qbk:{small}/x', whole, path, '--rotate-size', '64k'), 'not at first')
        expect(os.path.exists(f'{small}/x.1'), 'no second file')
    with Small(f'{path}/small-spool', 0) as small:
        status, out, said = read(['nats://127.0.0.1:1/x', 'jsonl:-'], f'{path}/t', env={**os.environ, 'TMPDIR': small})
        refused('nats', status, out, said, small)


def same_tree(a, b, names):
    for name in names:
        left, right = f'{a}/{name}', f'{b}/{name}'
        if os.path.isdir(left):
            expect(sorted(os.listdir(left)) == sorted(os.listdir(right)), f'{name}: other files')
            same_tree(left, right, os.listdir(left))
        elif os.path.basename(a) in ('sqlite', 'qbk'): # what the bytes say, not when they were written
            show = ['sqlite3', '-readonly'] if os.path.basename(a) == 'sqlite' else arguments(['jsonl'])
            texts = [subprocess.run([*show, file, *(['.dump'] if len(show) == 2 else [])], stdout=subprocess.PIPE,
                                    check=True).stdout for file in (left, right)]
            expect(texts[0] == texts[1] and len(texts[0]) > 100000, f'{left} differs')
        else:
            expect(filecmp.cmp(left, right, shallow=False), f'{left} differs')


def places(path, without=('summary', 'jsonl', 'tree')):
    """All outputs but summary and jsonl, whose ends tell of the others' failures."""
    kinds = {k: v for k, v in {**FILES, **SPLIT, **DIRS}.items() if k not in without}
    for name in kinds:
        os.makedirs(f'{path}/{name}')
    return [where.format(f'{path}/{name}') for name, where in kinds.items()], list(kinds)


def test_all_at_once(path, whole):
    """Each output twice in one run, once on a disk that gets full: the other one is what it is in a run by itself."""
    alone, names = places(f'{path}/alone')
    expect(read(alone, f'{path}/t') == (0, b'', ''), 'alone')
    with Small(f'{path}/small', 640 * 1024) as small:
        if not small:
            return
        bad, _ = places(f'{small}')
        good, _ = places(f'{path}/good')
        status, out, said = read([w for pair in zip(bad, good) for w in pair] + ['jsonl:-'], f'{path}/t')
    lines = said.splitlines()
    expect(status == 1 and len(lines) > 3, f'status {status}: {said}')
    expect(all(line.startswith('qebek: output ') and small in line and line.endswith(LEFT_OUT) for line in lines), said)
    expect(len({line.split()[2] for line in lines}) == len(lines), f'twice: {said}')
    expect(out.splitlines()[:-1] == whole.splitlines()[:-1], 'jsonl differs')
    same_tree(f'{path}/alone', f'{path}/good', names)


def test_taken_away(path, whole):
    """A directory in which an output goes on making files is gone in the middle of the run."""
    with open(f'{path}/t', 'rb') as file:
        content = file.read()
    for name, where, more in (('split', SPLIT['split'], []), ('keys', DIRS['keys'], []), ('cast', DIRS['cast'], []),
                              ('files', DIRS['files'], []), ('qbk', FILES['qbk'], ['--rotate-size', '64k'])):
        gone = f'{path}/gone-{name}'
        os.mkdir(gone)
        process = subprocess.Popen(arguments([where.format(gone), 'jsonl:-', f'summary:{path}/sum'], *more, '-'),
                                   stdin=subprocess.PIPE, stdout=open(f'{path}/got', 'wb'), stderr=subprocess.PIPE)
        process.stdin.write(content[:len(content) // 2])
        process.stdin.flush()
        until = time.monotonic() + 120
        while not os.listdir(gone) and time.monotonic() < until:
            time.sleep(0.01)
        while os.path.exists(gone): # files may still be made in it
            shutil.rmtree(gone, ignore_errors=True)
        said = process.communicate(content[len(content) // 2:], timeout=300)[1].decode()
        expect(process.returncode == 1, f'{name}: status {process.returncode}: {said}')
        expect(said.count('\n') == 1 and LEFT_OUT in said, f'{name}: {said!r}')
        with open(f'{path}/got', 'rb') as file:
            same = file.read().splitlines()
        expect(same[:-1] == whole.splitlines()[:-1], f'{name}: the other output differs')
        with open(f'{path}/sum', encoding='utf-8') as file:
            expect('outputs that failed: 1;' in file.read(), f'{name}: not counted')


def test_no_receiver(path, whole):
    """Nobody takes the packets; nobody takes the messages."""
    done = subprocess.run([QEBEK, 'read', '--output', f'sebek:udp://127.0.0.1:{free_port()}', '--output',
                           f'nats://127.0.0.1:{free_port()}/qebek.x', '--nats-wait', '0', '--output', 'jsonl:-', f'{path}/t'],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=300)
    said = done.stderr.decode()
    expect(done.returncode == 1, f'status {done.returncode}: {said}')
    expect(said.count('does not take records') == 1 and said.count('is kept until') == 1 and said.count(LEFT_OUT) == 1 and
           re.search(r'\d+ of them the receiver did not take', said) and said.count('\n') == 4, said)
    expect(done.stdout.splitlines()[:-1] == whole.splitlines()[:-1], 'the other output differs')


TESTS = {name[5:]: function for name, function in globals().items() if name.startswith('test_')}


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as shared:
        with open(f'{shared}/names', 'wb') as file:
            file.write(b''.join(b'name-%d\0' % i for i in range(40)))
        subprocess.run([MAKE, f'{shared}/t', f'{shared}/names', str(BYTES)], check=True)
        whole = read(['jsonl:-'], f'{shared}/t')[1]
        for name, function in TESTS.items():
            with tempfile.TemporaryDirectory() as path:
                os.link(f'{shared}/t', f'{path}/t')
                begun = time.monotonic()
                try:
                    function(path, whole)
                    print(f'ok {name} ({time.monotonic() - begun:.0f} s)', flush=True)
                except (AssertionError, KeyError, OSError, subprocess.SubprocessError) as error:
                    failed += 1
                    print(f'not ok {name}: {error}', flush=True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
