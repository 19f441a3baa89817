#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""files.py QEBEK MAKE_FILES: a directory of files where there are too many of them, no room, or no directory."""
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

QEBEK, MAKE = sys.argv[1:]
MANY = 100000


def expect(good, text):
    if not good:
        raise AssertionError(text)


def read(path, *words, **more):
    return subprocess.run([QEBEK, 'read', *words, f'{path}/t'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False, timeout=240, **more)


def make(path, files):
    subprocess.run([MAKE, f'{path}/t', str(files)], check=True)


def manifest(directory):
    with open(f'{directory}/manifest.jsonl', encoding='utf-8') as f:
        return [json.loads(line) for line in f]


def peak(path, words):
    """Runs it: what it said, and how many KiB it had at most."""
    with open(f'{path}/said', 'w+', encoding='utf-8') as said:
        process = subprocess.Popen([QEBEK, 'read', *words, f'{path}/t'], stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        expect(process.returncode == 0, said.read())
        said.seek(0)
        return said.read(), usage.ru_maxrss


def test_many(path):
    """Many: as many as may be are kept, the others counted, and said once. What is remembered of each has an end."""
    words = ['--files-max', '16M,2000', '--output', f'files:{path}/d']
    make(path, 10000)
    _, few = peak(path, words)
    shutil.rmtree(f'{path}/d')
    make(path, MANY)
    said, many = peak(path, words)
    expect(said.count('\n') == 1 and f'{MANY - 2000} files were left out' in said, f'{said!r}')
    print(f'{few} KiB for 10,000 files, {many} KiB for {MANY}')
    expect(many < few + 8 * 10000, f'{few} KiB for 10,000 files, {many} KiB for {MANY}')
    names = set(os.listdir(f'{path}/d')) - {'manifest.jsonl'}
    expect(len(names) == 2000 and all(len(name) == 64 for name in names), f'{len(names)} files')
    lines = manifest(f'{path}/d')
    expect(lines[-1] == {'type': 'end', 'files': 2000, 'partial': 0, 'left_out': MANY - 2000}, f'{lines[-1]}')
    expect({line['sha256'] for line in lines[:-1] if line['complete']} == names, 'not those that the manifest names')
    first = hashlib.sha256(b'the bytes of file 0\n').hexdigest()
    expect(first in names and lines[0]['sha256'] == first, f'{lines[0]}')


def test_no_room(path):
    """Another output does not notice, no part of a file is left under a hash, and it is said once."""
    make(path, 200)
    whole = read(path, '-q', '--output', 'text').stdout

    def limits():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))

    done = read(path, '--output', f'files:{path}/d', '--output', 'text', preexec_fn=limits)
    expect(done.stderr.count('\n') == 1 and 'File too large' in done.stderr and 'left out from here on' in done.stderr,
           f'{done.stderr!r}')
    expect(set(os.listdir(f'{path}/d')) <= {'manifest.jsonl'}, f'{os.listdir(f"{path}/d")[:5]}')
    expect(done.stdout == whole and done.returncode == 1, f'the other output: status {done.returncode}')


def test_no_directory(path):
    make(path, 1)
    with open(f'{path}/file', 'w', encoding='utf-8'):
        pass
    for where in ('files', f'files:{path}/file', f'files:{path}/none/d', 'files:/proc/none'):
        done = read(path, '--output', where)
        expect(done.returncode == 2 and done.stderr.count('\n') == 1 and done.stderr.startswith('qebek: '), f'{where}: {done}')


def test_limits(path):
    make(path, 100)
    done = read(path, '--files-max', '5,20', '--output', f'files:{path}/d')
    lines = manifest(f'{path}/d')
    expect(done.returncode == 0 and lines[-1]['files'] == 1, f'all begin with the same five bytes: {lines[-1]}')
    expect(all(not line['complete'] and line['lacks'] == ['size_limit'] and line['stored'] == 5 for line in lines[:-1]), f'{lines[0]}')
    for words in (['--files-max', '0'], ['--files-max', '1,2,3,4'], ['--files-max', 'x']):
        done = read(path, *words)
        expect(done.returncode == 2 and done.stderr.count('\n') == 1, f'{words}: {done.stderr!r}')


def test_blind(path):
    """A trace that does not tell objects: said once, nothing invented."""
    subprocess.run([MAKE, f'{path}/t', '0'], check=True)
    done = read(path, '--output', f'files:{path}/d')
    expect(done.returncode == 0 and not done.stderr and [line['type'] for line in manifest(f'{path}/d')] == ['end'], f'{done}')


def main():
    for name, test in sorted(globals().items()):
        if name.startswith('test_'):
            with tempfile.TemporaryDirectory() as path:
                test(path)
                print(name, 'ok')


if __name__ == '__main__':
    os.environ['LC_ALL'] = 'C'
    main()
