#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""many.py QEBEK MAKE_SESSIONS: ten thousand sessions through every output that keeps something of each, with few
descriptors. Prints what it took beside a thousand: times of a busy machine are shown, and not judged."""
import json
import os
import re
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time

QEBEK, MAKE = sys.argv[1:]
DESCRIPTORS = 128 # the files output alone has 64


def expect(good, text):
    if not good:
        raise AssertionError(text)


def limits():
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))


def lines(path):
    with open(path, encoding='utf-8') as f:
        return [json.loads(line) for line in f]


def keys(at, n):
    names = sorted(os.listdir(at), key=lambda name: int(name.split('.')[0]))
    expect(len(names) == n, f'{len(names)} files of what was typed')
    with open(f'{at}/{names[-1]}', encoding='utf-8') as f:
        text = f.read()
    expect(text.endswith(f': command {n - 1}\n') and f'session {n} from 192.0.2.' in text, text)


def cast(at, n):
    names = sorted(os.listdir(at), key=lambda name: int(name.split('.')[0]))
    expect(len(names) == n, f'{len(names)} recordings')
    with open(f'{at}/{names[-1]}', encoding='utf-8') as f:
        text = f.read()
    expect(f'"session": {n},' in text and text.count('command') == 2, text)


def tree(at, n):
    with open(at, encoding='utf-8') as f:
        text = f.read()
    expect(text.count(' session ') == 2 * n and f'session {n} from' in text, f'{text.count(" session ")} in the tree')


def sqlite(at, n):
    db = sqlite3.connect(at)
    for table in ('sessions', 'typed', 'commands', 'files'):
        got = db.execute(f'SELECT count(*) FROM {table}').fetchone()[0]
        expect(got == n, f'{got} rows in {table}')
    db.close()


def html(at, n):
    with open(at, encoding='utf-8') as f:
        text = f.read()
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])
    for rows in ('casts', 'typed', 'commands', 'caught'):
        expect(len(data[rows]) == n, f'{len(data[rows])} {rows}')
    expect(data['notes'] == [], f'{data["notes"]}')


def ecs(at, n):
    steps = [line['event.action'] for line in lines(at) if line['event.action'].startswith('session_')]
    expect(steps == ['session_start', 'session_end'] * n, f'{len(steps)}')


def cowrie(at, n):
    for what in ('session.connect', 'login.success', 'command.input', 'session.closed'):
        got = sum(line['eventid'] == f'cowrie.{what}' for line in lines(at))
        expect(got == n, f'{got} {what}')


def files(at, n):
    expect(len(os.listdir(at)) == n + 1, f'{len(os.listdir(at))} files')


def run(path, n):
    """Seconds of each output."""
    took = {}
    subprocess.run([MAKE, f'{path}/t{n}', str(n)], check=True)
    for check in (keys, cast, tree, sqlite, html, ecs, cowrie, files):
        kind = check.__name__
        at = f'{path}/{kind}{n}'
        begun = time.monotonic()
        done = subprocess.run([QEBEK, 'read', '-q', '--output', f'{kind}:{at}', f'{path}/t{n}'], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, preexec_fn=limits)
        took[kind] = time.monotonic() - begun
        expect(done.returncode == 0 and done.stderr == '', f'{kind}: {done.stderr}')
        check(at, n)
    return took


def crowded(path):
    """More than a page takes: it says how many, and leaves nothing behind."""
    n = 10050
    subprocess.run([MAKE, f'{path}/t', str(n)], check=True)
    os.mkdir(f'{path}/page')
    subprocess.run([QEBEK, 'read', '-q', '--output', f'html:{path}/page/run.html', f'{path}/t'], stdin=subprocess.DEVNULL, check=True)
    expect(os.listdir(f'{path}/page') == ['run.html'], f'left behind: {os.listdir(f"{path}/page")}')
    with open(f'{path}/page/run.html', encoding='utf-8') as f:
        expect('50 sessions found no room on this page.' in f.read(), 'the page does not say what it lacks')


def main():
    with tempfile.TemporaryDirectory() as path:
        few, many = run(path, 1000), run(path, 10000)
        crowded(path)
    for kind, seconds in many.items():
        print(f'{kind}: 10,000 sessions took {seconds:.2f} s, {seconds / few[kind]:.1f} times what 1,000 did')


if __name__ == '__main__':
    main()
