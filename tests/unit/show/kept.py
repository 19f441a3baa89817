#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kept.py QEBEK MAKE_TRACE: kept traces in several files, followed ones, and options, on the command line."""
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time

QEBEK, MAKE = sys.argv[1:]
CALLS = 6000


def expect(good, text):
    if not good:
        raise AssertionError(text)


def qebek(*args, status=0, stdin=None):
    """Runs it; returns what it wrote and its one line of complaint."""
    done = subprocess.run([QEBEK, *args], stdin=stdin or subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    expect(done.returncode == status, f'{args}: status {done.returncode}, not {status}: {done.stderr}')
    expect(done.stderr.count('\n') == (1 if status else 0), f'{args} says: {done.stderr!r}')
    return done.stdout, done.stderr


def rotated(path):
    """The trace in several files."""
    qebek('read', '--output', f'qbk:{path}/r', '--rotate-size', '64k', f'{path}/t')
    parts = len(glob.glob(f'{path}/r*'))
    expect(parts > 5, f'only {parts} files')
    return parts


def test_all_files(path):
    """All files are read and checked as one trace."""
    rotated(path)
    expect(qebek('read', f'{path}/r') == qebek('read', f'{path}/t'), 'reading all files gives something else')
    expect(qebek('check', f'{path}/r') == qebek('check', f'{path}/t'), 'checking all files gives something else')


def test_from_the_middle(path):
    """From a later file on: all that comes after, and the calls that were in flight there."""
    rotated(path)
    whole, part = qebek('read', '-q', f'{path}/t')[0], qebek('read', '-q', f'{path}/r.3')[0]
    lines = part.splitlines()
    expect(1000 < len(lines) < whole.count('\n') - 500, f'{len(lines)} lines')
    expect('/* beginning lost */' not in part, 'a call in flight lost its beginning')
    expect(whole.endswith('\n'.join(lines[10:]) + '\n'), 'not the end of the whole')
    expect('ok: 0 violations' in qebek('check', f'{path}/r.3')[0], 'check')


def test_oldest_is_gone(path):
    """Rotation with a limit deletes the first files: what is left is found by the trace's name."""
    qebek('read', '--output', f'qbk:{path}/r', '--rotate-size', '64k', '--rotate-count', '3', f'{path}/t')
    left = sorted(glob.glob(f'{path}/r*'))
    expect(len(left) == 3 and f'{path}/r' not in left, f'{left}')
    expect(qebek('read', f'{path}/r') == qebek('read', min(left, key=lambda n: int(n.rsplit('.')[-1]))), 'not the same')


def test_missing_file(path):
    parts = rotated(path)
    os.unlink(f'{path}/r.2')
    for command in 'read', 'check':
        _, said = qebek(command, f'{path}/r', status=1)
        expect("the trace goes on in" in said and 'r.2' in said, said)
        _, said = qebek(command, f'{path}/r.1', status=1)
        expect("r.2', which is not there" in said and 'permitted' not in said, said)
    subprocess.run([MAKE, f'{path}/other', str(CALLS), '2'], check=True)
    qebek('read', '--output', f'qbk:{path}/o', '--rotate-size', '64k', f'{path}/other')
    shutil.copy(f'{path}/o.2', f'{path}/r.2')
    _, said = qebek('check', f'{path}/r', status=1)
    expect('is of another trace' in said, said)
    expect(parts > 3, 'too few')


def test_follow(path):
    """A reader that follows goes on from file to file, and ends with the trace."""
    with open(f'{path}/t', 'rb') as f:
        content = f.read()
    with subprocess.Popen([QEBEK, 'read', '--output', f'qbk:{path}/r', '--rotate-size', '64k', '-'],
                          stdin=subprocess.PIPE) as writer:
        writer.stdin.write(content[:1000])
        writer.stdin.flush()
        until = time.monotonic() + 10
        while not os.path.exists(f'{path}/r') and time.monotonic() < until:
            time.sleep(0.01)
        with open(f'{path}/followed', 'wb') as out, \
                subprocess.Popen([QEBEK, 'read', '--follow', f'{path}/r'], stdout=out) as reader:
            for at in range(1000, len(content), 100000):
                writer.stdin.write(content[at:at + 100000])
                writer.stdin.flush()
                time.sleep(0.05)
            writer.stdin.close()
            expect(writer.wait(20) == 0 and reader.wait(20) == 0, 'did not end well')
    with open(f'{path}/followed', encoding='utf-8') as f:
        followed = f.read().splitlines()
    # A call that waits while nothing comes is shown in two halves: what returned is the same.
    results = [line.rsplit(')', 1)[1] for line in followed if not line.endswith('<unfinished ...>')]
    whole = [line.rsplit(')', 1)[1] for line in qebek('read', f'{path}/t')[0].splitlines()
             if not line.endswith('<unfinished ...>')]
    expect(len(results) > 1000 and results == whole, f'{len(results)} lines instead of {len(whole)}')


def test_options(path):
    """Each option does something, and a wrong value is one clear line and status 2."""
    plain = qebek('read', f'{path}/t')[0]
    for words in ('-x', '-xx', '-v -s 100', '-s 3', '-t', '-tt', '-ttt', '-r', '-T', '-c', '-C', '-e trace=!write',
                  '-e read', '-e status=failed', '-Z', '-e write=all', '-e write=5,7', '-p 101', '--comm x*', '--uid 5',
                  '--exe /bin/x', '-P /etc/passwd', '--output jsonl', '--output jsonl --enter', '-c -S name'):
        if words != '-v -s 100':
            expect(qebek('read', '-q', *words.split(), f'{path}/t')[0] != plain, f'{words} changes nothing')
    for words in ('-e nonsense', '-e trace=', '-e %nonsense', '-e /[', '-e status=nonsense', '-e signal=NONSENSE',
                  '-e read=x', '-e fault=open', '-e raw=open', '-S nonsense', '-s x', '-s -1', '-p x', '-p 1,,2', '--uid -1',
                  '--output nonsense', '--output jsonl:/nonexistent/x', '-z -Z', '-ff', '--rotate-count 3',
                  '--rotate-size 10', '--nonsense', '-o /nonexistent/x', '--module x'):
        out, _ = qebek('read', *words.split(), f'{path}/t', status=2)
        expect(out == '', f'{words} wrote something')
    # What a trace cannot tell is said, but for -q.
    for words in ('-y', '-P /etc/passwd', '-s 9999'):
        done = subprocess.run([QEBEK, 'read', *words.split(), f'{path}/t'], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, check=True)
        expect(done.stderr.startswith('qebek: this trace '), f'{words} says {done.stderr!r}')


TESTS = {name[5:]: function for name, function in globals().items() if name.startswith('test_')}


def main():
    failed = 0
    for name, function in TESTS.items():
        with tempfile.TemporaryDirectory() as path:
            subprocess.run([MAKE, f'{path}/t', str(CALLS), '1'], check=True)
            try:
                function(path)
                print(f'ok {name}')
            except (AssertionError, subprocess.SubprocessError) as error:
                failed += 1
                print(f'not ok {name}: {error}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
