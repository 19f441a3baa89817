#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
hostile.py QEBEK MAKE_HOSTILE: names that are made to do harm, through every output, each read back by a tool that is not
ours; and a megabyte, one byte a call.
"""
import base64
import glob
import hashlib
import importlib.util
import json
import os
import pty
import subprocess
import sys
import tempfile
import unicodedata

from nats_client import Client, Server

SPEC = importlib.util.spec_from_file_location('page', f'{os.path.dirname(os.path.abspath(__file__))}/html.py')
page = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(page)

QEBEK, MAKE = map(os.path.abspath, sys.argv[1:]) # one of the runs is elsewhere
MEGABYTE = 1 << 20
NAMES = [
    b'../../../../../../../../tmp/qebek-was-here', b'/../../qebek-was-here', b'..', b'.', b'/', b'', b'-rf',
    b'two\nlines\r\nand\ttabs', b'\x1b]0;owned\x07\x1b[2J\x1b[31m', b'\x9b31mone byte', b'\xc2\x9b31mtwo bytes',
    b'\xff\xfe no UTF-8 \xc3', b'\xed\xa0\x80 half a pair', b'\xf4\x90\x80\x80 too far', b'\xc0\xaf too long',
    b'\xe2\x80\xaegnp.exe', b'\xe2\x80\xa8line separator', b'\xef\xbb\xbfmark', b'\x7f\x01\x02\x08\x0c\x0b',
    b'"quotes" \'and\' \\back\\ `$(id)`; | & <b>', b'%s%n%x', b'</script><img src=x onerror=alert(1)>', b'\xcc\x88' * 200,
    b'/' + b'a' * 4094, b'/\n' * 2047, b'\x1b[' * 2047, b'\xff' * 4095, b'\xf0\x9f\x98\x80' * 1023]
# What shows text: the file, and whether it is JSON, in which a character above 127 may be as it is.
TEXTS = {'text': False, 'graph': False, 'strace': False, 'summary': False, 'tree': False, 'jsonl': True, 'ecs': True, 'cowrie': True,
         'tree.json': True}


def expect(good, text):
    if not good:
        raise AssertionError(text)


def run(*command, **more):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                          timeout=600, **more)
    expect(done.returncode == 0, f'{command[:6]}: status {done.returncode}: {done.stderr[-500:]}')
    return done.stdout, done.stderr


def make(path, count):
    with open(f'{path}/names', 'wb') as file:
        file.write(b''.join(name + b'\0' for name in NAMES))
    run(MAKE, f'{path}/t', f'{path}/names', str(count))


def is_clean(what, data, json_too):
    """No byte that a terminal would obey; of text that is no JSON, no character that is not seen, either."""
    text = data.decode('utf-8')
    bad = {c for c in set(text) - {'\n'} if unicodedata.category(c) in ('Cc', 'Zl', 'Zp', 'Co', 'Cs')}
    if not json_too:
        bad |= {c for c in set(text) if unicodedata.category(c) == 'Cf'}
    expect(not bad, f'{what} has {sorted(bad)} as it is')


def text_files(path):
    yield from ((f'{path}/{name}', json_too) for name, json_too in TEXTS.items())
    for name in glob.glob(f'{path}/split/*') + glob.glob(f'{path}/keys/*'):
        yield name, False
    for name in glob.glob(f'{path}/cast/*') + [f'{path}/files/manifest.jsonl']:
        yield name, True


def read_all(path, server):
    """Everything into path/out, and nothing anywhere else."""
    out = f'{path}/in/out'
    os.makedirs(f'{out}/split')
    for name in 'keys', 'cast', 'files':
        os.mkdir(f'{out}/{name}')
    places = {'split': f'strace:{out}/split/x.%p', 'sebek': f'sebek:{out}/sebek.pcap', 'sqlite': f'sqlite:{out}/sqlite',
              'html': f'html:{out}/run.html', 'qbk': f'qbk:{out}/qbk', 'tree.json': f'tree:{out}/tree.json',
              'nats': f'nats://127.0.0.1:{server.port}/qebek.one'}
    for kind in ('text', 'graph', 'strace', 'summary', 'tree', 'jsonl', 'ecs', 'cowrie', 'keys', 'cast', 'files'):
        places[kind] = f'{kind}:{out}/{kind}'
    outside = set(os.listdir('/tmp')), set(os.listdir('/'))
    _, said = run(QEBEK, 'read', *(word for place in places.values() for word in ('--output', place)), '-s', '5000', '-v', '-y',
                  '-q', f'{path}/t', cwd=f'{path}/in')
    is_clean('standard error', said, False)
    expect(sorted(os.listdir(out)) == sorted({*TEXTS, 'split', 'sebek.pcap', 'sqlite', 'run.html', 'qbk', 'keys', 'cast', 'files'}),
           f'{os.listdir(out)}')
    expect(os.listdir(f'{path}/in') == ['out'], 'outside of the outputs')
    new = set(os.listdir('/tmp')) - outside[0] | set(os.listdir('/')) - outside[1]
    expect(not [name for name in new if 'was-here' in name], f'{new}')
    return out


def asciinema(cast, out):
    """What asciinema makes of it. It wants a terminal, and is given one, but prints into a file."""
    pid, fd = pty.fork()
    if pid == 0:
        os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
        os.environ['LC_ALL'] = 'C.UTF-8'
        os.execvp('asciinema', ['asciinema', 'cat', cast])
    try:
        while os.read(fd, 4096):
            pass
    except OSError: # the terminal is gone
        pass
    os.close(fd)
    expect(os.waitpid(pid, 0)[1] == 0, f'asciinema cat {cast} fails')
    with open(out, 'rb') as file:
        return file.read()


def jq(path, program):
    return [json.loads(line) for line in run('jq', '-c', program, path)[0].splitlines()]


def test_texts(_path, out, _server):
    seen = 0
    for name, json_too in text_files(out):
        with open(name, 'rb') as file:
            data = file.read()
        expect(data, f'{name} is empty')
        is_clean(name, data, json_too)
        seen += 1
    expect(seen > 12, f'only {seen} texts')


def test_json(_path, out, _server):
    for name in 'jsonl', 'ecs', 'cowrie', 'files/manifest.jsonl':
        with open(f'{out}/{name}', 'rb') as file:
            count = file.read().count(b'\n')
        expect(jq(f'{out}/{name}', '1') == [1] * count, f'jq reads another number of objects in {name}')
    expect(len(jq(f'{out}/tree.json', '.processes[] | 1')) == 2, 'processes')
    runs = jq(f'{out}/jsonl', 'select(.name == "execve") | .args[0]')
    expect(len(runs) == len(NAMES), f'{len(runs)} runs')
    for name, arg in zip(NAMES, runs): # every byte of the name is in it
        text = arg.get('string_bytes')
        have = base64.b64decode(text) if text else arg.get('string', '').encode()
        expect(have.rstrip(b'\0') == name, f'{name[:40]} became {arg}')


def test_files(_path, out, _server):
    lines = jq(f'{out}/files/manifest.jsonl', 'select(.type == "file")')
    kept = {name for name in os.listdir(f'{out}/files') if name != 'manifest.jsonl'}
    expect(all(len(name) == 64 and set(name) <= set('0123456789abcdef') for name in kept), f'{kept}')
    want = {hashlib.sha256(name).hexdigest() for name in NAMES if name}
    expect(want <= kept and want <= {line['sha256'] for line in lines}, 'a file is missing')
    for name in kept:
        with open(f'{out}/files/{name}', 'rb') as file:
            expect(hashlib.sha256(file.read()).hexdigest() == name, f'{name} is not its hash')


def test_sebek(_path, out, _server):
    said, _ = run('tshark', '-n', '-r', f'{out}/sebek.pcap', '-d', 'udp.port==1101,sebek', '-T', 'fields', '-e',
                  'sebek.counter', '-e', 'sebek.type', '-e', '_ws.malformed')
    rows = [line.split('\t') for line in said.decode().splitlines()]
    expect([int(row[0]) for row in rows] == list(range(len(rows))), 'counters')
    expect(sum(row[1] == '3' for row in rows) >= len(NAMES), 'opens are missing')
    expect(all(not row[2] for row in rows), 'malformed')


def test_cast(path, out, _server):
    names = glob.glob(f'{out}/cast/*')
    expect(len(names) == 1, f'{names}')
    with open(names[0], encoding='utf-8') as file:
        events = [json.loads(line) for line in file][1:]
    shown = ''.join(text for _, code, text in events if code == 'o')
    expect(asciinema(names[0], f'{path}/played').decode() == shown and len(shown) > 4000, 'asciinema plays something else')


def test_sqlite(_path, out, _server):
    def shell(query):
        return run('sqlite3', '-batch', '-noheader', f'{out}/sqlite', query)[0]

    expect(shell('PRAGMA integrity_check') == b'ok\n', 'integrity')
    tables = shell("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'search_%'")
    for table in tables.decode().split():
        is_clean(f'table {table}', shell(f'SELECT * FROM {table}'), False)
    expect(int(shell('SELECT count(*) FROM commands')) == len(NAMES), 'commands are missing')


def test_html(path, out, _server):
    """In Chromium: every view shows the names, and none became a part of the page."""
    browser = page.Browser(path)
    try:
        browser.open(f'{out}/run.html')
        for view in 'Commands', 'Files', 'Typed':
            expect(page.view(browser, view, 'onerror=alert'), f'the names are not in {view}')
        page.no_markup(browser)
        expect(browser.errors() == [], f'{browser.errors()}')
    finally:
        browser.close()


def test_qbk(path, out, _server):
    expect(run(QEBEK, 'check', f'{out}/qbk')[0].decode().endswith('ok: 0 violations\n') or
           b'ok: 0 violations' in run(QEBEK, 'check', f'{out}/qbk')[0], 'check')
    for name in f'{out}/qbk', f'{path}/t':
        is_clean('check', b''.join(run(QEBEK, 'check', name)), False)
    expect(run(QEBEK, 'read', '-q', f'{out}/qbk') == run(QEBEK, 'read', '-q', f'{path}/t'), 'a copy reads otherwise')


def test_nats(_path, out, server):
    with Client(server.port) as client:
        got = [{k: v for k, v in o.items() if k != 'trace'} for _, _, o in client.read_all('QEBEK')]
    with open(f'{out}/jsonl', encoding='utf-8') as file:
        want = [json.loads(line) for line in file]
    expect(len(got) == len(want), f'{len(got)} messages, not {len(want)}')


def megabyte(path):
    """One byte a call, three calls a byte."""
    make(path, MEGABYTE)
    for name in 'keys', 'cast', 'files':
        os.mkdir(f'{path}/{name}')
    run(QEBEK, 'read', '-q', '--output', f'keys:{path}/keys', '--output', f'cast:{path}/cast', '--output',
        f'files:{path}/files', '--output', f'sebek:{path}/sebek.pcap', f'{path}/t')
    want = ''.join('\n' if i % 64 == 63 else chr(ord('a') + i // 64 % 26) for i in range(MEGABYTE))
    lines = []
    for name in sorted(glob.glob(f'{path}/keys/*')):
        with open(name, encoding='utf-8') as file:
            lines += [line.split(']: ', 1)[1] for line in file.read().splitlines()[-MEGABYTE // 64:]]
    expect('\n'.join(lines) + '\n' == want, f'keys has {len(lines)} lines')
    with open(glob.glob(f'{path}/cast/*')[0], encoding='utf-8') as file:
        typed = ''.join(event[2] for event in map(json.loads, list(file)[1:]) if event[1] == 'i')
    expect(typed.endswith(want), 'cast has not what was typed')
    expect(os.path.exists(f'{path}/files/{hashlib.sha256(want.encode()).hexdigest()}'), 'files has not what was written')
    said = run('capinfos', '-T', '-M', '-c', f'{path}/sebek.pcap')[0].decode().split()
    expect(int(said[-1]) >= 3 * MEGABYTE, f'{said} packets')


TESTS = {name[5:]: function for name, function in globals().items() if name.startswith('test_')}


def attempt(name, function, *args):
    try:
        function(*args)
        print(f'ok {name}', flush=True)
        return 0
    except (AssertionError, KeyError, OSError, ValueError, IndexError, subprocess.SubprocessError) as error:
        print(f'not ok {name}: {error}', flush=True)
        return 1


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as path:
        server = Server(path).start()
        with Client(server.port) as client:
            client.make_stream('QEBEK', ['qebek.>'])
        try:
            make(path, 10)
            out = read_all(path, server)
            for name, function in TESTS.items():
                failed += attempt(name, function, path, out, server)
        finally:
            server.kill()
    with tempfile.TemporaryDirectory() as path:
        failed += attempt('megabyte', megabyte, path)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
