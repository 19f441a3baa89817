# SPDX-License-Identifier: GPL-2.0-or-later
"""When things go wrong: one clear line, the right exit status, nothing lost that had been written."""
import glob
import os
import re
import resource
import shutil
import signal
import subprocess
import time

from harness import (QEBEK, Failure, Run, case, check_counts, expect, folder, json_lines, linux, monitor,
                     one_clear_line, qebek, read_text, script, wait_for)

FAILED, USAGE = 1, 2
LONG = '/bin/wrong.sh,long'
ONE_BLOCK = 1 << 20


def started(name, run=LONG, args=(), options=None, **more):
    """A machine that is traced, far enough that its script has begun."""
    path = folder(name)
    popen = {k: more.pop(k) for k in ('preexec_fn', 'stderr') if k in more}
    outputs = options if options is not None else ['--output', f'jsonl:{path}/trace.jsonl', '--output', f'qbk:{path}/trace.qbk']
    process = Run(path, [QEBEK, 'run', *args, *outputs, '--', *linux(path, run, disk=False, **more)], **popen)
    try:
        wait_for('the guest began its script', lambda: 'begun' in read_text(f'{path}/results') or
                 process.process.poll() is not None)
        expect(process.process.poll() is None, f'ended at once: {process.err()[-300:]}')
    except Failure:
        process.kill()
        raise
    return process


def ends_in_flight(trace):
    """A whole trace, in which the calls of the last moment are in flight."""
    _, counts = check_counts(trace)
    expect(counts['ends']['in_flight'] > 0, 'no call was in flight at the end')
    return counts


def by_signal(name, signo):
    run = started(name)
    os.kill(run.pid, signo)
    run.wait(20)
    counts = ends_in_flight(f'{run.path}/trace.qbk')
    last = None
    for last in json_lines(f'{run.path}/trace.jsonl'):
        pass
    expect(last['type'] == 'summary', f'the last object is a {last["type"]}, not the summary')
    return f'{counts["calls"]} calls, {counts["ends"]["in_flight"]} in flight'


@case
def sigint():
    return by_signal('sigint', signal.SIGINT)


@case
def sigterm():
    return by_signal('sigterm', signal.SIGTERM)


@case
def terminal_group_sigint():
    """Ctrl-C of a terminal reaches both; once is enough."""
    run = started('terminal_group_sigint')
    os.killpg(run.pid, signal.SIGINT)
    run.wait(20)
    ends_in_flight(f'{run.path}/trace.qbk')


@case
def qemu_killed():
    run = started('qemu_killed')
    os.kill(run.qemu_pid(), signal.SIGKILL)
    status = run.wait(20)
    expect(status == 128 + signal.SIGKILL, f'status {status}')
    one_clear_line(run.err(), 'cut off')
    _, counts = check_counts(f'{run.path}/trace.qbk')
    expect(not counts['summary'], 'a summary of a plugin that was killed')
    expect(counts['whole'], 'the file is not whole though its writer lived')
    return f'{counts["calls"]} calls kept'


@case
def qebek_killed():
    """The machine runs on, untraced, to its own end."""
    run = started('qebek_killed', '/bin/wrong.sh,short')
    qemu = run.qemu_pid()
    time.sleep(0.5)  # a kept trace is at most 0.2 s behind
    os.kill(run.pid, signal.SIGKILL)
    wait_for('the guest finished', lambda: 'finished' in read_text(f'{run.path}/results'), 40)
    wait_for('QEMU ended by itself', lambda: not alive(qemu), 20)
    status, counts = check_counts(f'{run.path}/trace.qbk', whole=False)
    expect(status == FAILED and counts['violations'] == 0, f'status {status}: {counts["messages"][:3]}')
    expect(counts['calls'] > 100, f'only {counts["calls"]} calls are readable')
    return f'{counts["calls"]} calls kept'


def alive(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as f:
            return f.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except OSError:
        return False


def stalled(name, *args):
    run = started(name, '/bin/wrong.sh,busy', args=args, monitor=True)
    os.kill(run.pid, signal.SIGSTOP)
    return run


@case
def reader_stopped():
    """The machine is held back for the limit, then goes on; the monitor always works; the gap is told."""
    run = stalled('reader_stopped', '--stall', '1')
    try:
        wait_for('the guest finished its work', lambda: 'worked' in read_text(f'{run.path}/results'), 60)
        start = time.monotonic()
        expect('running' in monitor(run.path, 'info status'), 'the machine is not running')
        monitor(run.path, 'stop')
        expect('paused' in monitor(run.path, 'info status'), 'the machine cannot be stopped')
        took = time.monotonic() - start
        os.kill(run.pid, signal.SIGCONT)
        try:
            monitor(run.path, 'quit')
        except OSError:
            pass
        run.wait(30)
    finally:
        run.kill()
    status, counts = check_counts(f'{run.path}/trace.qbk', whole=False)
    expect(counts['lost_records'] > 0, 'no gap was told')
    expect(status == 0, f'check: status {status} {counts["messages"][:3]}')
    return f'{counts["lost_records"]} records lost and told, monitor answered in {took:.1f} s'


@case
def reader_stopped_monitor():
    """While a vCPU is held back, `stop` and SIGTERM work within the limit."""
    run = stalled('reader_stopped_monitor', '--stall', '4')
    try:
        time.sleep(1)
        start = time.monotonic()
        monitor(run.path, 'stop', 15)
        took = time.monotonic() - start
        os.kill(run.qemu_pid(), signal.SIGTERM)
        wait_for('QEMU ended on SIGTERM', lambda: not any(alive(p) for p in run_children(run)), 15)
        os.kill(run.pid, signal.SIGCONT)
        run.wait(20)
    finally:
        run.kill()
    return f'stop took {took:.1f} s'


def run_children(run):
    try:
        with open(f'/proc/{run.pid}/task/{run.pid}/children', encoding='ascii') as f:
            return [int(w) for w in f.read().split()]
    except OSError:
        return []


@case
def disk_full():
    """One output hits a limit of the file system: said once, the machine goes on, what was written is readable."""
    path = folder('disk_full')
    run = Run(path, [QEBEK, 'run', '--output', f'qbk:{path}/cut.qbk', '--output', f'jsonl:{path}/trace.jsonl', '--',
                     *linux(path, '/bin/wrong.sh,work', disk=False)])
    run.qemu_pid()
    limit = 64 << 10  # of qebek's own process alone: that of a kept trace after some hundred calls
    resource.prlimit(run.pid, resource.RLIMIT_FSIZE, (limit, limit))
    status = run.wait()
    expect('finished' in read_text(f'{path}/results'), 'the machine did not finish')
    expect(status == FAILED, f'status {status}')
    lines = run.err().splitlines()
    expect(len(lines) == 2 and all(line.startswith('qebek: ') and 'too large' in line for line in lines),
           f'one line for each output, not {lines}')
    for name in ('cut.qbk', 'trace.jsonl'):
        expect(os.path.getsize(f'{path}/{name}') > limit // 2, f'too little was written to {name}')
    status, counts = check_counts(f'{path}/cut.qbk', whole=False)
    expect(status == FAILED and counts['violations'] == 0 and counts['calls'] > 100, f'{status}: {counts}')


@case
def device_full():
    """A full device is found out before the machine starts, or else costs one output and not the others."""
    path = folder('device_full')
    run = Run(path, [QEBEK, 'run', '--output', 'qbk:/dev/full', '--', *linux(path, '/bin/wrong.sh,short', disk=False)])
    expect(run.wait(30) == USAGE, 'a kept trace on a full device')
    one_clear_line(run.err(), '/dev/full')
    run = Run(path, [QEBEK, 'run', '--output', 'jsonl:/dev/full', '--output', f'qbk:{path}/trace.qbk', '--',
                     *linux(path, '/bin/wrong.sh,short', disk=False)])
    status = run.wait()
    expect(status == FAILED, f'status {status}')
    one_clear_line(run.err(), '/dev/full')
    check_counts(f'{path}/trace.qbk')


@case('not-writable-folder', 'not-writable-missing', 'not-writable-kind')
def not_writable(name):
    """Refused before the machine is started."""
    path = folder(name)
    where = {'folder': f'qbk:{path}', 'missing': f'qbk:{path}/no/such/trace', 'kind': 'nonsense:x'}[name.rsplit('-', 1)[1]]
    run = Run(path, [QEBEK, 'run', '--output', where, '--', *linux(path, '/bin/wrong.sh,short', disk=False)])
    status = run.wait(30)
    expect(status in (FAILED, USAGE), f'status {status}')
    one_clear_line(run.err())
    expect(not os.path.exists(f'{path}/results'), 'the machine was started all the same')


WRONG_OPTIONS = {'unknown-option': ['--nonsense'], 'unknown-call': ['-e', 'trace=nonsense'], 'wrong-number': ['-s', 'many'],
                 'wrong-status': ['-e', 'status=nonsense'], 'no-such-module': ['--module', '/nonexistent/module.so'],
                 'no-such-profile': ['--profile', '/nonexistent/profile']}


@case(*WRONG_OPTIONS)
def wrong_option(name):
    status, _, err = qebek('run', *WRONG_OPTIONS[name], '--', 'qemu-system-x86_64', '-display', 'none')
    expect(status in (FAILED, USAGE), f'status {status}')
    one_clear_line(err)


@case('no-qemu', 'not-qemu', 'no-machine')
def bad_command(name):
    command = {'no-qemu': ['/nonexistent/qemu-system-x86_64'], 'not-qemu': ['/bin/true'], 'no-machine': []}[name]
    status, _, err = qebek('run', '--', *command)
    expect(status in (FAILED, USAGE, 127), f'status {status}')
    one_clear_line(err, *{'no-qemu': ['no such program']}.get(name, []))


@case
def old_qemu():
    """Debian 12's own QEMU 7.2: its plugins can read neither registers nor memory."""
    path = folder('old_qemu')
    root = f'{path}/root'
    for package in ('qemu-system-x86', 'qemu-system-common', 'qemu-system-data', 'seabios'):
        deb = script('guest-deb', 'bookworm', package)
        subprocess.run(['dpkg-deb', '-x', deb, root], check=True)
    old = f'{root}/usr/bin/qemu-system-x86_64'
    status, _, err = qebek('run', '--', old, '-display', 'none')
    expect(status in (FAILED, USAGE), f'status {status}')
    one_clear_line(err, '7.2')
    status, out, err = qebek('doctor', old)
    expect(status != 0, f'doctor is content with it: {out}')
    shutil.rmtree(root)


@case
def exit_status():
    """QEMU's own is passed on."""
    path = folder('exit_status')
    run = Run(path, [QEBEK, 'run', '-q', '--output', f'qbk:{path}/trace.qbk', '--', *notlinux(path)])
    status = run.wait(60)
    expect(status == 43, f'status {status}: {run.err()[-300:]}')


def notlinux(path):
    return ['qemu-system-x86_64', '-accel', 'tcg', '-m', '64', '-display', 'none', '-nic', 'none', '-no-reboot', '-serial',
            f'file:{path}/console', '-kernel', script('guest-notlinux'), '-device', 'isa-debug-exit,iobase=0xf4,iosize=4']


@case
def not_linux():
    """A guest that is unknown: numbers, registers and results are traced, and the trace says that it is unknown."""
    path = folder('not_linux')
    run = Run(path, [QEBEK, 'run', '-q', '--output', f'jsonl:{path}/trace.jsonl', '--output', f'qbk:{path}/trace.qbk', '--',
                     *notlinux(path)])
    expect(run.wait(60) == 43, run.err()[-300:])
    n = int(read_text(f'{path}/console').split()[-1])
    objects = list(json_lines(f'{path}/trace.jsonl'))
    calls = sorted((o for o in objects if o['type'] == 'call'), key=lambda o: o['seq'])
    expect(n == 500 and len(calls) == n + 1, f'{len(calls)} calls in the trace, the kernel counted {n} and one more')
    for i, call in enumerate(calls[:n]):
        nr = 1000 + i % 7
        values = [a['value'] for a in call['args']]
        expect((call['nr'], call['end'], call['ret']) == (nr, 'returned', nr + i), f'call {i}: {call}')
        expect(values[:6] == [i, i + 1, i + 2, i + 3, i + 4, i + 5], f'call {i}: arguments {values}')
    expect(calls[n]['nr'] == 9999 and calls[n]['end'] == 'in_flight', f'the last call: {calls[n]}')
    said = [o for o in objects if o['type'] in ('guest', 'error')]
    expect(any('unknown' in str(o).lower() or 'not known' in str(o).lower() for o in said), f'that the guest is unknown is not said: {said}')
    check_counts(f'{path}/trace.qbk')
    return f'{n} calls'


# ---- kept traces that are not whole ----

def a_trace():
    """One small trace, made once and shared; tests run side by side."""
    path = os.path.join(os.path.dirname(folder('kept')), 'kept-trace')
    os.makedirs(path, exist_ok=True)
    run = Run(path, [QEBEK, 'run', '-q', '--output', f'qbk:{path}/trace.qbk', '--', *linux(path, '/bin/wrong.sh,work', disk=False)])
    expect(run.wait() == 0, run.err()[-300:])
    return f'{path}/trace.qbk'  # of many blocks: a file is whole up to the block that is hit


@case
def damaged_traces():
    """read and check say which, keep what is whole, and exit with 1."""
    whole = a_trace()
    with open(whole, 'rb') as f:
        data = f.read()
    path = folder('damaged_traces')
    middle = len(data) // 2
    version = bytearray(data)
    version[8] ^= 0x40  # the format's version follows the magic number
    damaged = {'cut': (data[:middle], 'cut off', True), 'flipped': (data[:middle] + bytes([data[middle] ^ 0xff]) + data[middle + 1:], 'damaged', True),
               'garbage': (bytes(range(256)) * 64, '', False), 'empty': (b'', '', False), 'version': (bytes(version), 'version', False)}
    for name, (content, word, some) in damaged.items():
        file = f'{path}/{name}.qbk'
        with open(file, 'wb') as f:
            f.write(content)
        for command in ('read', 'check'):
            status, out, err = qebek(command, file)
            expect(status == FAILED, f'{command} {name}: status {status}')
            one_clear_line(err, word)
            expect(not some or len(out.splitlines()) > 5, f'{command} {name}: kept nothing')
    status, _, err = qebek('read', f'{path}/nothing.qbk')
    expect(status == FAILED, f'read of no file: status {status}')
    one_clear_line(err, 'nothing.qbk')


@case
def read_again():
    """A kept trace reads as the live one did."""
    path = folder('read_again')
    run = Run(path, [QEBEK, 'run', '-q', '--output', f'qbk:{path}/trace.qbk', '--output', f'jsonl:{path}/live.jsonl', '--output',
                     f'text:{path}/live.text', '--output', f'strace:{path}/live.strace', '--', *linux(path, '/bin/wrong.sh,short', disk=False)])
    expect(run.wait() == 0, run.err()[-300:])
    for kind in ('jsonl', 'text', 'strace'):
        status, _, err = qebek('read', '-q', '--output', f'{kind}:{path}/kept.{kind}', f'{path}/trace.qbk')
        expect(status == 0, f'read: status {status} {err[-300:]}')
        live, kept = (read_text(f'{path}/{which}.{kind}') for which in ('live', 'kept'))
        expect(live and joined_lines(live) == joined_lines(kept), f'{kind}: not the same, live and kept')


def joined_lines(text):
    """A call that blocks is shown at once where somebody watches, on two lines: make them one."""
    return re.sub(r' <unfinished \.\.\.>\n.*<\.\.\. \w+ resumed>', '', text)


@case
def large_capture():
    """What a call could take with the largest --capture is more than a record holds: cut, not lost."""
    path = folder('large_capture')
    run = Run(path, [QEBEK, 'run', '-q', '--capture', '256k', '--output', f'qbk:{path}/trace.qbk', '--output',
                     f'jsonl:{path}/trace.jsonl', '--', *linux(path, '/bin/wrong.sh,short', disk=False)])
    expect(run.wait() == 0, run.err()[-300:])
    check_counts(f'{path}/trace.qbk')
    execs = [o for o in json_lines(f'{path}/trace.jsonl') if o['type'] == 'call' and o['name'] == 'execve']
    expect(len(execs) > 5 and all(o['args'][0].get('string') for o in execs), f'{len(execs)} execs')
    return f'{len(execs)} execs'
