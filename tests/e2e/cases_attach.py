# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines that somebody else started: qebek plugin and qebek attach."""
import os
import shlex
import signal
import stat
import subprocess
import time

from harness import (QEBEK, QEMU, Run, case, check_counts, expect, folder, json_lines, linux, monitor, one_clear_line,
                     qebek, read_text, wait_for)

FAILED, USAGE = 1, 2


class Machine:
    """A daemonized QEMU with the -plugin argument that `qebek plugin` prints."""

    def __init__(self, name, run, vcpus=1, extra=(), **more):
        self.path = folder(name)
        self.socket = f'{self.path}/qebek, the socket'  # as awkward as a path may be
        status, out, err = qebek('plugin', '--socket', self.socket, QEMU)
        expect(status == 0, f'qebek plugin: {status} {err}')
        words = shlex.split(out)
        expect(words[0] == '-plugin' and len(words) == 2, f'qebek plugin printed {out!r}')
        command = linux(self.path, run, disk=False, vcpus=vcpus, monitor=True, **more)
        command += ['-daemonize', '-pidfile', f'{self.path}/pid', *words, *extra]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=30, check=False, text=True)
        expect(done.returncode == 0, f'QEMU does not start: {done.stdout}')
        self.pid = int(read_text(f'{self.path}/pid'))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def begun(self):
        wait_for('the guest began its script', lambda: 'begun' in read_text(f'{self.path}/results'))

    def alive(self):
        try:
            with open(f'/proc/{self.pid}/stat', encoding='ascii', errors='replace') as f:
                return f.read().rsplit(')', 1)[1].split()[0] != 'Z'
        except OSError:
            return False

    def attach(self, name, *args):
        path = f'{self.path}/{name}'
        os.mkdir(path)
        return Run(path, [QEBEK, 'attach', '-q', '--output', f'jsonl:{path}/trace.jsonl', '--output', f'qbk:{path}/trace.qbk', *args,
                          self.socket])


def calls_in(run):
    """Complete lines of the JSON Lines trace that are calls."""
    return read_text(f'{run.path}/trace.jsonl').count('"type":"call"')


def wait_for_calls(run, count=200, limit=40):
    wait_for(f'{count} calls in the trace of {run.path}', lambda: calls_in(run) >= count or run.process.poll() is not None, limit)
    expect(run.process.poll() is None, f'attach ended: {run.err()}')


def detach(run):
    os.kill(run.pid, signal.SIGINT)
    status = run.wait(20)
    expect(status == 0, f'attach: status {status}: {run.err()}')
    status, counts = check_counts(f'{run.path}/trace.qbk', whole=False)
    expect(status == 0 and counts['ends']['orphaned'] == 0 and counts['lost_records'] == 0,
           f'check: {counts["messages"][:4]}, {counts["ends"]["orphaned"]} orphaned, {counts["lost_records"]} lost')
    return counts


@case
def attach():
    """Attach in mid-life, twice, with a second one refused meanwhile; then the machine goes away."""
    with Machine('attach', '/bin/wrong.sh,blocked', vcpus=2) as machine:
        mode = stat.S_IMODE(os.stat(machine.socket).st_mode)
        expect(mode == 0o600, f'the socket has mode {mode:o}')
        machine.begun()
        first = machine.attach('first')
        wait_for_calls(first)
        start = time.monotonic()
        second = machine.attach('refused')
        expect(second.wait(20) == FAILED, 'a second reader is not refused')
        expect(time.monotonic() - start < 3, 'a second reader is refused late')
        one_clear_line(second.err(), 'another qebek')
        wait_for('the sleep ended', lambda: 'slept' in read_text(f'{machine.path}/results'), 20)
        counts = detach(first)
        expect(counts['joined'] > 0, 'no thread was inside a call, but one sleeps in it since long ago')
        joined = [o for o in json_lines(f'{first.path}/trace.jsonl') if o['type'] == 'call' and o.get('joined')]
        expect(any(o['name'] == 'clock_nanosleep' and o['end'] == 'returned' and o['ret'] == 0 and o['args'] for o in joined),
               f'the sleep that began before is not there with its end: {joined}')
        born = {o['tid'] for o in json_lines(f'{first.path}/trace.jsonl') if o['type'] == 'process' and o['event'] == 'start'}
        late = [o for o in joined if o['tid'] in born]
        expect(born and not late, f'threads that were born while they were watched joined: {late}')
        expect(machine.alive(), 'detaching ended the machine')
        again = machine.attach('again', '-e', 'trace=openat')
        wait_for_calls(again, 20)
        only = {o['name'] for o in json_lines(f'{again.path}/trace.jsonl') if o['type'] == 'call'}
        expect(only == {'openat'}, f'not only openat: {only}')
        detach(again)
        last = machine.attach('last')
        wait_for_calls(last)
        monitor(machine.path, 'quit')
        status = last.wait(20)
        expect(status == 0, f'the machine ended, status {status}: {last.err()}')
        expect(check_counts(f'{last.path}/trace.qbk', whole=False)[0] == 0, 'check of the last trace')
        expect(not os.path.exists(machine.socket), 'the socket is still there')
    return f'{counts["joined"]} joined'


@case
def attach_killed():
    """Reader and machine are killed: the machine runs on and takes another reader; a stale socket is told, and reused."""
    with Machine('attach_killed', '/bin/wrong.sh,long') as machine:
        machine.begun()
        first = machine.attach('first')
        wait_for_calls(first)
        os.kill(machine.pid, signal.SIGSTOP)  # it will see at once that one is gone and another there
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        last = machine.attach('last')
        time.sleep(0.5)  # to connect; later is fine as well, but shows less
        os.kill(machine.pid, signal.SIGCONT)
        wait_for_calls(last)
        os.kill(machine.pid, signal.SIGKILL)
        status = last.wait(20)
        expect(status == FAILED, f'status {status}')
        one_clear_line(last.err(), 'cut off')
        stale = machine.attach('stale')
        expect(stale.wait(20) == USAGE, 'attached to a machine that is gone')
        one_clear_line(stale.err(), 'qebek plugin')
        socket = machine.socket
        expect(os.path.exists(socket), 'no stale socket to test with')
        plugin = shlex.split(qebek('plugin', '--socket', socket, QEMU)[1])[1]
        bare = [QEMU, '-machine', 'none', '-nodefaults', '-display', 'none', '-monitor', 'none', '-plugin']
        with subprocess.Popen([*bare, plugin], stdin=subprocess.DEVNULL) as other:
            try:
                wait_for('the stale socket is taken over', lambda: qebek_reaches(socket), 10)
                refused = subprocess.run([*bare, plugin], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=20,
                                         check=False)
                expect(refused.returncode != 0 and 'another machine listens there' in refused.stderr, f'{refused}')
                kept = f'{machine.path}/kept'
                with open(kept, 'w', encoding='ascii') as f:
                    f.write('precious')
                words = shlex.split(qebek('plugin', '--socket', kept, QEMU)[1])[1]
                refused = subprocess.run([*bare, words], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=20,
                                         check=False)
                expect(refused.returncode != 0 and read_text(kept) == 'precious', f'a file was replaced by a socket: {refused}')
            finally:
                other.kill()


def qebek_reaches(path):
    import socket
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(path)
            return True
        except OSError:
            return False


@case
def attach_reboot():
    """The machine is reset while it is watched: old calls end, the kernel is found again, the trace goes on."""
    with Machine('attach_reboot', '/bin/wrong.sh,long', vcpus=2, reboot=True) as machine:
        machine.begun()
        run = machine.attach('trace')
        wait_for_calls(run)
        monitor(machine.path, 'system_reset')
        wait_for('the guest began again', lambda: read_text(f'{machine.path}/results').count('begun') == 2)
        wait_for_calls(run, calls_in(run) + 200)
        counts = detach(run)
        expect(counts['ends']['machine_gone'] > 0, 'no call was cut off by the reset')
        guests = [o for o in json_lines(f'{run.path}/trace.jsonl') if o['type'] == 'guest']
        expect(len(guests) == 2, f'the kernel was found {len(guests)} times')
    return f'{counts["ends"]["machine_gone"]} machine_gone'


@case
def attach_wrong():
    """Sockets that are none, or somebody else's."""
    path = folder('attach_wrong')
    for name, status, word in (('nothing', USAGE, 'qebek plugin'), ('x' * 120, USAGE, 'too long')):
        got, _, err = qebek('attach', f'{path}/{name}')
        expect(got == status, f'{name}: status {got}')
        one_clear_line(err, word)
    with open(f'{path}/file', 'w', encoding='ascii'):
        pass
    got, _, err = qebek('attach', f'{path}/file')
    expect(got == USAGE, f'a plain file: status {got}')
    one_clear_line(err, 'file')
    with subprocess.Popen(['python3', '-c', f'import socket,time; s=socket.socket(socket.AF_UNIX); s.bind("{path}/other"); '
                           's.listen(); c=s.accept()[0]; c.sendall(b"SSH-2.0-nonsense of some length\\r\\n"); time.sleep(30)']) as other:
        try:
            wait_for('the other server listens', lambda: os.path.exists(f'{path}/other'), 10)
            time.sleep(0.2)
            got, _, err = qebek('attach', f'{path}/other')
            expect(got == FAILED, f'another server: status {got}')
            one_clear_line(err)
        finally:
            other.kill()


@case
def loadvm():
    """A snapshot is loaded: the calls of before end, and those that the snapshot was taken in are joined."""
    path = folder('loadvm')
    disk = f'{path}/disk'
    with open(disk, 'wb') as f:
        f.truncate(1 << 20)
    run = Run(path, [QEBEK, 'run', '-q', '--debug-identity', '--output', f'jsonl:{path}/trace.jsonl', '--output',
                     f'qbk:{path}/trace.qbk', '--',
                     *linux(path, '/bin/wrong.sh,long', disk=False, vcpus=2, monitor=True,
                            extra=['-drive', f'file={disk},if=virtio,format=raw', '-snapshot'])])
    try:
        wait_for('the guest began its script', lambda: 'begun' in read_text(f'{path}/results') or run.process.poll() is not None)
        said = monitor(path, 'savevm one', 60)
        expect('rror' not in said, f'savevm: {said}')
        wait_for_calls(run, calls_in(run) + 300)
        for _ in range(2):
            said = monitor(path, 'loadvm one', 60)
            expect('rror' not in said, f'loadvm: {said}')
            wait_for_calls(run, calls_in(run) + 300)
        monitor(path, 'quit')
        expect(run.wait(20) == 0, run.err())
    finally:
        run.kill()
    status, counts = check_counts(f'{path}/trace.qbk', whole=False)
    expect(status == 0 and counts['ends']['orphaned'] == 0 and counts['lost_records'] == 0, f'{counts}')
    objects = list(json_lines(f'{path}/trace.jsonl'))
    expect(sum(o['type'] == 'guest' for o in objects) == 3, 'the kernel was not found three times')
    expect(counts['ends']['machine_gone'] > 0 and counts['joined'] > 0, f'{counts["ends"]}, {counts["joined"]} joined')
    return f'{counts["ends"]["machine_gone"]} machine_gone, {counts["joined"]} joined'


@case
def reboot():
    """The guest reboots itself into the same kernel while qebek runs it."""
    path = folder('reboot')
    run = Run(path, [QEBEK, 'run', '-q', '--output', f'jsonl:{path}/trace.jsonl', '--output', f'qbk:{path}/trace.qbk', '--',
                     *linux(path, '/bin/wrong.sh,reboot', vcpus=2, reboot=True)])
    try:
        wait_for('the guest began again', lambda: read_text(f'{path}/results').count('begun') == 2 or run.process.poll() is not None)
        wait_for('its end', lambda: run.process.poll() is not None)
        expect(run.wait() == 0, run.err())
    finally:
        run.kill()
    _, counts = check_counts(f'{path}/trace.qbk')
    guests = [o for o in json_lines(f'{path}/trace.jsonl') if o['type'] == 'guest']
    expect(len(guests) == 2, f'the kernel was found {len(guests)} times')
    expect(counts['ends']['machine_gone'] > 0, f'{counts["ends"]}')
    return f'{counts["ends"]["machine_gone"]} machine_gone'
