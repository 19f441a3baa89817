# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU keeps the terminal as if it were started alone; the trace goes to standard error."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

from harness import QEBEK, Failure, case, check_counts, expect, folder, linux

ROWS, COLUMNS = 31, 97


class Terminal:
    """A program that is the foreground of a terminal of its own."""

    def __init__(self, args, stderr):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            for signo in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these
                signal.signal(signo, signal.SIG_DFL)
            os.dup2(os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), 2)
            os.execv(args[0], args)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack('4H', ROWS, COLUMNS, 0, 0))
        self.before = termios.tcgetattr(self.fd)
        self.text = ''

    def read(self, seconds):
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and select.select([self.fd], [], [], left)[0]:
            try:
                more = os.read(self.fd, 65536)
            except OSError:
                return False  # nobody has it open any more
            self.text += more.decode('utf-8', 'replace')
            return True
        return True

    def expect(self, pattern, limit=60):
        """Wait for what appears on the screen, and forget all up to it."""
        until = time.monotonic() + limit
        while not (match := re.search(pattern, self.text)):
            if time.monotonic() > until or not self.read(1):
                raise Failure(f'{pattern!r} did not appear; the screen ends with {self.text[-400:]!r}')
        self.text = self.text[match.end():]
        return match

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self, limit=30):
        """The exit status."""
        until = time.monotonic() + limit
        while time.monotonic() < until:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
        raise Failure(f'not ended; the screen ends with {self.text[-300:]!r}')

    def kill(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
        os.close(self.fd)


def console_machine(path):
    """A Linux guest with a shell on its serial console, which is the terminal (-nographic)."""
    command = linux(path, '/bin/setsid,-c,/bin/sh', disk=False)
    at = command.index('-serial')
    del command[at:at + 4]  # both serial ports
    at = command.index('-display')
    del command[at:at + 2]
    at = command.index('-monitor')
    del command[at:at + 2]
    return command + ['-nographic']


def compare_process(qemu, qebek):
    """The same process group, session, terminal and standard streams as qebek's own."""
    for pid in (qemu, qebek):
        with open(f'/proc/{pid}/stat', encoding='ascii') as f:
            words = f.read().rsplit(')', 1)[1].split()
        if pid == qemu:
            same = words[2:6]
    expect(same[0] == words[2] and same[1] == words[3] and same[2] == words[4] and same[3] == words[5],
           f'group, session, terminal, foreground: QEMU {same}, qebek {words[2:6]}')
    for fd in (0, 1):
        expect(os.readlink(f'/proc/{qemu}/fd/{fd}') == os.readlink(f'/proc/{qebek}/fd/{fd}'), f'descriptor {fd} differs')
    with open(f'/proc/{qemu}/status', encoding='ascii') as f:
        masks = dict(line.split(':', 1) for line in f if line.startswith('Sig'))
    ignored = int(masks['SigIgn'], 16)
    expect(not ignored >> (signal.SIGXFSZ - 1) & 1, 'QEMU ignores a signal that qebek ignores for its own sake')


def qemu_of(pid):
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as f:
        return [int(word) for word in f.read().split()]


@case
def terminal():
    """Type into the guest's shell, with the trace beside; ^C is the guest's; the modes are back in the end."""
    path = folder('terminal')
    screen = Terminal([QEBEK, 'run', '--output', f'qbk:{path}/trace.qbk', '--output', 'text', '--', *console_machine(path)],
                      f'{path}/stderr')
    try:
        screen.expect(r'[#$] ', 60)
        (qemu,) = qemu_of(screen.pid)
        compare_process(qemu, screen.pid)
        screen.type('echo "so $((6 * 7))"\r')
        screen.expect(r'so 42\r*\n', 20)
        screen.expect(r'[#$] ', 10)
        raw = termios.tcgetattr(screen.fd)
        expect(raw[3] & (termios.ICANON | termios.ISIG | termios.ECHO) == 0, 'QEMU did not put the terminal into raw mode')
        screen.type('sleep 1000; echo "status $?"\r')
        time.sleep(1.5)
        screen.type('\x03')  # as the terminal is raw, this is a byte for the guest
        screen.expect(r'\^C', 20)
        screen.expect(r'[#$] ', 20)
        expect(os.waitpid(screen.pid, os.WNOHANG) == (0, 0), '^C ended qebek')
        screen.type('echo "alive $((1 + 1))"\r')
        screen.expect(r'alive 2', 20)
        expect(fcntl.ioctl(screen.fd, termios.TIOCGWINSZ, b'\0' * 8) == struct.pack('4H', ROWS, COLUMNS, 0, 0), 'window size')
        screen.type('poweroff -f\r')
        status = screen.end(30)
        expect(status == 0, f'status {status}')
        expect(termios.tcgetattr(screen.fd) == screen.before, 'the terminal\'s modes were not put back')
    finally:
        screen.kill()
    with open(f'{path}/stderr', encoding='utf-8', errors='replace') as f:
        trace = f.read()
    expect(re.search(r'^sleep\[\d+\] clock_nanosleep\(', trace, re.M), 'no trace of the sleep on standard error')
    expect('--- SIGINT ' in trace, 'the guest\'s own SIGINT is not in the trace')
    check_counts(f'{path}/trace.qbk')


@case
def terminal_quit():
    """QEMU's own keys (^A x) end it, and qebek with it; a signal for the group does so, too, with the modes put back."""
    for how in ('keys', 'signal', 'qebek'):
        path = folder('terminal_quit')
        screen = Terminal([QEBEK, 'run', '-q', '--output', f'qbk:{path}/trace.qbk', '--', *console_machine(path)], f'{path}/stderr')
        try:
            time.sleep(1.5)
            screen.read(1)
            if how == 'keys':
                screen.type('\x01x')
            elif how == 'signal':
                os.killpg(os.getpgid(screen.pid), signal.SIGTERM)
            else:
                os.kill(screen.pid, signal.SIGTERM)
            screen.end(30)
            expect(termios.tcgetattr(screen.fd) == screen.before, f'{how}: the terminal\'s modes were not put back')
        finally:
            screen.kill()


@case
def terminal_stop():
    """Job control: the group is stopped and goes on; the machine and the trace lose nothing."""
    path = folder('terminal_stop')
    screen = Terminal([QEBEK, 'run', '-q', '--output', f'qbk:{path}/trace.qbk', '--', *console_machine(path)], f'{path}/stderr')
    try:
        screen.expect(r'[#$] ', 60)
        group = os.getpgid(screen.pid)
        os.killpg(group, signal.SIGSTOP)
        time.sleep(1)
        os.killpg(group, signal.SIGCONT)
        screen.type('echo "again $((2 + 3))"\r')
        screen.expect(r'again 5', 20)
        raw = termios.tcgetattr(screen.fd)
        expect(raw[3] & termios.ICANON == 0, 'the terminal is not raw again')
        screen.type('poweroff -f\r')
        expect(screen.end(30) == 0, 'status')
    finally:
        screen.kill()
    check_counts(f'{path}/trace.qbk')
