# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo does what it claims: what it shows, what is in its trace, and the commands that it names."""
import base64
import os
import pty
import select
import shlex
import signal
import subprocess
import termios
import time

from harness import QEBEK, TOP, Failure, case, check_counts, expect, folder, json_lines, read_text

LIMIT = 150


def lines_of(process):
    """Its standard output as (seconds since the start, line), until it ends."""
    start = time.monotonic()
    for line in process.stdout:
        yield time.monotonic() - start, line.rstrip('\n')
        if time.monotonic() - start > LIMIT:
            process.terminate()
            raise Failure(f'the demo was not finished after {LIMIT} s')


def first_time(lines, text):
    for moment, line in lines:
        if text in line:
            return moment
    raise Failure(f'the demo did not show {text!r}')


def find(calls, text, condition):
    """The first call for which the condition holds."""
    for call in calls:
        if condition(call):
            return call
    raise Failure(f'not in the trace: {text}')


def argument(call, name):
    for arg in call['args']:
        if arg['name'] == name:
            return arg
    return {}


def data(call, name):
    """What a buffer held."""
    return base64.b64decode(argument(call, name).get('bytes', ''))


def of(call, comm, name):
    return call['comm'] == comm and call['name'] == name


def check_trace(path):
    """Each thing that the guest's script does, as its trace should tell it."""
    calls = [line for line in json_lines(path) if line['type'] == 'call']
    find(calls, 'the failing open', lambda c: of(c, 'cat', 'openat') and c.get('error') == 'ENOENT' and
         argument(c, 'filename').get('string') == '/etc/no-such-file')
    find(calls, 'the rename', lambda c: of(c, 'mv', 'rename') and c['ret'] == 0 and
         [a.get('string') for a in c['args']] == ['/tmp/box/note', '/tmp/box/letter'])
    find(calls, 'what was written', lambda c: of(c, 'demo.sh', 'write') and c['ret'] == 21 and
         data(c, 'buf') == b'what the guest wrote\n')
    find(calls, 'the pipe', lambda c: of(c, 'demo.sh', 'pipe2') and c['ret'] == 0)
    find(calls, 'what came through it', lambda c: of(c, 'wc', 'read') and c['ret'] == len('1\n') + 10 * len('10\n'))
    writers = {c['tid'] for c in calls if of(c, 'demo-threads', 'write') and c['tid'] != c['pid']}
    expect(len(writers) == 3, f'{len(writers)} threads wrote, not 3')
    expect(sum(of(c, 'demo-threads', 'exit') and c['end'] == 'noreturn' for c in calls) == 3, 'three threads end')
    accepted = find(calls, 'accept', lambda c: of(c, 'demo-tcp', 'accept') and c['ret'] >= 0)
    connected = find(calls, 'connect', lambda c: of(c, 'demo-tcp', 'connect') and c['ret'] == 0)
    expect(accepted['pid'] != connected['pid'], 'accept and connect are of two processes')
    find(calls, 'what the server got', lambda c: c['pid'] == accepted['pid'] and c['name'] == 'recvfrom' and
         data(c, 'ubuf') == b'what time is it?\n')
    cut = find(calls, 'the interrupted read', lambda c: of(c, 'demo-signals', 'read') and c['end'] == 'interrupted')
    expect(cut['duration_ns'] > 50e6, f'that read waited {cut["duration_ns"]} ns only')
    find(calls, 'the read that was killed', lambda c: of(c, 'demo-signals', 'read') and c['end'] == 'thread_gone')
    children = {c['ret'] for c in calls if of(c, 'demo.sh', 'clone')}
    expect(len(children) > 10, f'{len(children)} children only')
    return calls


def check_commands(lines):
    """The three commands that it names work as they stand, and show something."""
    commands = [line.strip() for _, line in lines if line.startswith('  ') and ' read ' in line and '.qbk' in line]
    expect(len(commands) == 3, f'three commands to go on with, not {commands}')
    for command in commands:
        done = subprocess.run(shlex.split(command), cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False, timeout=30)
        expect(done.returncode == 0 and not done.stderr, f'{command}: status {done.returncode}: {done.stderr[-300:]}')
        expect(done.stdout.count('\n') >= 5, f'{command} shows nothing: {done.stdout[-300:]!r}')
    return commands


def check_readme(path):
    """The README's commands on the demo's trace do what they are there for."""
    commands = [line.strip() for line in read_text(f'{TOP}/README.md').splitlines()
                if line.startswith('    ') and '/demo/trace.' in line]
    expect(len(commands) >= 8, f'few commands in the README: {commands}')
    for command in commands:
        command = command.replace('build/demo/', f'{shlex.quote(path)}/').replace('build/qebek', shlex.quote(QEBEK))
        done = subprocess.run(['bash', '-o', 'pipefail', '-c', command], cwd=TOP, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=30)
        expect(done.returncode == 0 and not done.stderr, f'{command}: status {done.returncode}: {done.stderr[-300:]}')
        expect(done.stdout.count('\n') >= 2, f'{command} shows nothing: {done.stdout[-300:]!r}')


def table_counts(lines):
    """The counts by name that the summary prints."""
    words = []
    rows = iter(lines)
    for _, line in rows:
        if line.endswith('by name:'):
            break
    for _, line in rows:
        if not line.strip():
            break
        words += line.split()
    return dict(zip(words[1::2], map(int, words[::2])))


@case('demo')
def demo(name):
    path = folder(name)
    with subprocess.Popen([f'{TOP}/demo/run', path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors='replace', start_new_session=True) as process:
        lines = list(lines_of(process))
        status = process.wait()
    expect(status == 0, f'status {status}: {[line for _, line in lines[-5:]]}')
    shown = first_time(lines, 'mkdir("/tmp/box"')
    ended = first_time(lines, 'how they ended:')
    expect(ended - shown > 3, f'not live: all of it came in the last {ended - shown:.1f} s')
    first_time(lines, '/etc/no-such-file", O_RDONLY) = -1 ENOENT')
    first_time(lines, 'qebek check: ok: 0 violations')
    calls = check_trace(f'{path}/trace.jsonl')
    _, counts = check_counts(f'{path}/trace.qbk')
    expect(counts['calls'] == len(calls), f'{counts["calls"]} calls were kept, {len(calls)} are in the JSON Lines')
    table = table_counts(lines)
    expect(sum(table.values()) == counts['calls'] and table['execve'] == sum(c['name'] == 'execve' for c in calls),
           f'the summary counts otherwise: {table}')
    check_commands(lines)
    check_readme(path)
    return f'{len(lines)} lines, {len(calls)} calls'


def until(terminal, text, limit):
    """Read from the terminal until the text has come; what came."""
    seen, end = b'', time.monotonic() + limit
    while text not in seen:
        left = end - time.monotonic()
        if left <= 0 or not select.select([terminal], [], [], left)[0]:
            raise Failure(f'{text!r} did not come within {limit} s: {seen[-300:]!r}')
        try:
            seen += os.read(terminal, 65536)
        except OSError:  # how a pseudo-terminal says that its other end is closed
            raise Failure(f'{text!r} did not come: {seen[-300:]!r}') from None
    return seen


def processes_with(text):
    """Processes that have this in their command lines."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as f:
                if text in f.read():
                    found.append(pid)
        except OSError:  # gone meanwhile
            pass
    return found


# How it is ended: by a key in its terminal, or by a signal to the script alone; and its exit status then.
ENDINGS = {'demo-interrupted': (None, 130), 'demo-terminated': (signal.SIGTERM, 143)}


@case(*ENDINGS)
def demo_ended(name):
    """Ctrl-C in a terminal, or SIGTERM, ends it at once; the terminal is as it was, and what was traced is whole."""
    signo, wanted = ENDINGS[name]
    path = folder(name)
    terminal, other = pty.openpty()
    before = termios.tcgetattr(other)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.dup2(os.open(os.ttyname(other), os.O_RDWR), 0)
        os.dup2(0, 1)
        os.dup2(0, 2)
        os.closerange(3, 100)
        os.execv(f'{TOP}/demo/run', ['run', path])
    try:
        until(terminal, b'/tmp/box', LIMIT)
        begun = time.monotonic()
        if signo:
            os.kill(pid, signo)
        else:
            os.write(terminal, b'\x03')
        until(terminal, b'stopped; what was traced', 15)
        _, status = os.waitpid(pid, 0)
    except BaseException:
        os.killpg(pid, signal.SIGKILL)
        raise
    took = time.monotonic() - begun
    after = termios.tcgetattr(other)
    os.close(other)
    os.close(terminal)
    expect(os.waitstatus_to_exitcode(status) == wanted, f'wait status {status:#x}')
    expect(after == before, 'the terminal was left in another state')
    left = processes_with(f'{path}/'.encode())
    expect(not left, f'still running: {left}')
    expect('the end' not in read_text(f'{path}/console'), 'the guest was left to do all of its work')
    _, counts = check_counts(f'{path}/trace.qbk')
    expect(counts['summary'] and counts['ends']['in_flight'] > 0, f'not ended in the middle, cleanly: {counts}')
    return f'{took:.1f} s'
