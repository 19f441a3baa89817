# SPDX-License-Identifier: GPL-2.0-or-later
"""What end-to-end tests share: cases, machines, and qebek run on them."""
import json
import os
import shutil
import signal
import socket
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('QEBEK_BUILD', os.path.join(TOP, 'build'))
QEBEK = os.path.join(BUILD, 'qebek')
QEMU = os.environ.get('QEMU', 'qemu-system-x86_64')
WORK = os.path.join(BUILD, 'e2e')

KERNELS = {'6.1': 'bookworm', '6.12': 'bookworm-backports', 'newest': 'trixie-backports'}
TRUTH_DISK = 64 << 20


class Failure(Exception):
    """What was expected did not happen; the text says what."""


def expect(condition, text):
    if not condition:
        raise Failure(text)


CASES = []


def case(*names):
    """Register a function as a test, bare (@case) under its own name, or under several: then called with each."""
    if len(names) == 1 and callable(names[0]):
        CASES.append((names[0].__name__, names[0]))
        return names[0]

    def register(function):
        for name in names:
            CASES.append((name, lambda n=name: function(n)))
        return function
    return register


def script(name, *args):
    """The path that one of our scripts prints."""
    done = subprocess.run([os.path.join(TOP, 'scripts', name), *args], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    expect(done.returncode == 0, f'{name} {" ".join(args)} failed: {done.stderr.strip()[-500:]}')
    return done.stdout.strip().splitlines()[-1]


def folder(name):
    """A new, empty folder for one test."""
    path = os.path.join(WORK, name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def linux(path, run, kernel='6.1', vcpus=1, cpu='max', disk=True, monitor=False, reboot=False, image=(), extra=()):
    """The QEMU command of a Linux guest that runs `run` (words joined by commas), with its places in folder `path`. Linux gives
    up at boot where its clock ticks late, as on a busy host: no_timer_check."""
    command = [QEMU, '-accel', 'tcg,thread=multi', '-cpu', cpu, '-smp', str(vcpus), '-m', '512',
               '-display', 'none', '-nic', 'none', *([] if reboot else ['-no-reboot']), '-serial', f'file:{path}/console',
               '-serial', f'file:{path}/results',
               '-kernel', script('guest-kernel', KERNELS[kernel]), '-initrd', script('guest-image', *image),
               '-append', f'console=ttyS0 quiet panic=-1 no_timer_check qebek.run={run}']
    if disk:
        with open(f'{path}/truth', 'wb') as f:
            f.truncate(TRUTH_DISK)
        command += ['-drive', f'file={path}/truth,if=none,id=truth,format=raw', '-device', 'nvme,drive=truth,serial=truth']
    command += ['-monitor', f'unix:{path}/monitor,server,nowait' if monitor else 'none']
    return command + list(extra)


def children_of(pid):
    try:
        with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as f:
            return [int(word) for word in f.read().split()]
    except OSError:
        return []


class Run:
    """A running `qebek …`, in a process group of its own, its output kept in files."""

    def __init__(self, path, args, **popen):
        self.path = path
        self.args = [str(a) for a in args]
        self.err_path = f'{path}/stderr'
        self.out_path = f'{path}/stdout'
        with open(self.out_path, 'wb') as out, open(self.err_path, 'wb') as err:
            self.process = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=popen.pop('stdout', out),
                                            stderr=popen.pop('stderr', err), start_new_session=True, **popen)
        self.pid = self.process.pid

    def qemu_pid(self, limit=10):
        """QEMU is the child of qebek that has qebek's own -plugin among its arguments, and is not only asked what it is."""
        until = time.monotonic() + limit
        while time.monotonic() < until:
            for pid in children_of(self.pid):
                try:
                    with open(f'/proc/{pid}/cmdline', 'rb') as f:
                        words = f.read().split(b'\0')
                    if b'-plugin' in words and b'probe=on' not in words[words.index(b'-plugin') + 1]:
                        return pid
                except OSError:
                    pass
            time.sleep(0.02)
        raise Failure(f'qebek started no QEMU: {self.err().strip()[-300:]}')

    def wait(self, limit=120):
        """The exit status (128 + signal for a death by one); everything is killed and the test fails past `limit`."""
        try:
            status = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f'not finished after {limit} s: {" ".join(self.args[:6])} …; stderr: '
                          f'{self.err().strip()[-300:]}') from None
        return status if status >= 0 else 128 - status

    def kill(self):
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def err(self):
        return read_text(self.err_path)

    def out(self):
        return read_text(self.out_path)


def read_text(path):
    try:
        with open(path, encoding='utf-8', errors='replace') as f:
            return f.read()
    except FileNotFoundError:
        return ''


def monitor(path, command, limit=20):
    """One command on QEMU's monitor; what it says until the next prompt."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(limit)
        s.connect(f'{path}/monitor')
        text = b''
        while not text.endswith(b'(qemu) '):
            text += s.recv(4096)
        s.sendall(command.encode() + b'\n')
        text = b''
        while not text.endswith(b'(qemu) '):
            more = s.recv(4096)
            if not more:
                break
            text += more
        return text.decode('utf-8', 'replace')


def wait_for(what, condition, limit=60):
    until = time.monotonic() + limit
    while not condition():
        if time.monotonic() > until:
            raise Failure(f'{what}: not within {limit} s')
        time.sleep(0.05)


def qebek(*args, limit=60, **run):
    """Run qebek to its end: (status, stdout, stderr)."""
    done = subprocess.run([QEBEK, *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=limit, check=False, **run)
    return done.returncode, done.stdout.decode('utf-8', 'replace'), done.stderr.decode('utf-8', 'replace')


def one_clear_line(err, *words):
    """stderr is a single line of qebek's that has these words."""
    lines = [line for line in err.splitlines() if line.strip()]
    expect(len(lines) == 1, f'one line was expected on stderr, not {len(lines)}: {err[-400:]!r}')
    expect(lines[0].startswith('qebek: '), f'not qebek\'s: {lines[0]!r}')
    for word in words:
        expect(word in lines[0], f'{word!r} is not in {lines[0]!r}')


def check_counts(trace, whole=True):
    """qebek check --json on it. With `whole`: no violation, and nothing orphaned, joined or lost."""
    status, out, err = qebek('check', '--json', trace)
    try:
        counts = json.loads(out)
    except ValueError:
        raise Failure(f'qebek check says no JSON (status {status}): {out[-200:]!r} {err[-300:]!r}') from None
    if whole:
        expect(status == 0, f'qebek check: status {status}: {counts["messages"][:5]} {err.strip()}')
        expect(counts['ends']['orphaned'] == 0, f'{counts["ends"]["orphaned"]} orphaned')
        expect(counts['joined'] == 0, f'{counts["joined"]} joined')
        expect(counts['lost_records'] == 0, f'{counts["lost_records"]} records lost')
        expect(counts['calls'] > 0, 'no calls at all')
    return status, counts


def json_lines(path):
    """The objects of a JSON Lines trace, in order."""
    with open(path, encoding='utf-8') as f:
        for number, line in enumerate(f, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise Failure(f'{path}:{number}: {error}: {line[:100]!r}') from None
