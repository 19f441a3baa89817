# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMUs of every kind: those that cannot be traced, told in one line, and what may stand on the command line of one that can."""
import glob
import os
import re
import shutil
import subprocess
import time

from harness import (BUILD, QEBEK, QEMU, TOP, Run, case, check_counts, expect, folder, json_lines, linux, monitor,
                     one_clear_line, qebek, read_text, wait_for)

FAILED, USAGE = 1, 2


def fake(path, body, version='10.0.2'):
    """An executable that is asked what it is, and what it says then."""
    name = f'{path}/qemu-system-x86_64'
    with open(name, 'w', encoding='ascii') as f:
        f.write(f'#!/bin/sh\ncase $1 in -version) echo "QEMU emulator version {version} (Debian 1:{version})"; exit 0 ;; esac\n'
                f'{body}\n')
    os.chmod(name, 0o755)
    return name


FAKES = {  # what it says to a -plugin, its version, and what must be in our line
    'qemu-without-plugins': ('echo "$0: -plugin: invalid option" >&2; exit 1', '10.0.2', ['10.0.2', 'without plugins']),
    'qemu-without-plugins-says-so': ('echo "$0: plugin interface not enabled in this QEMU build" >&2; exit 1', '9.2.0', ['without plugins']),
    'qemu-too-old': ('echo "$0: Could not load plugin x: plugin requires API version 4, but this QEMU supports only up to version 2" >&2; '
                     'exit 1', '8.2.0', ['8.2.0', 'API 2', '10.0']),
    'qemu-too-new': ('echo "$0: Could not load plugin x: plugin requires API version 4, but this QEMU supports only a minimum version of 90" '
                     '>&2; exit 1', '99.0.0', ['99.0.0', 'API 90']),
    'qemu-other-target': ('echo "qebek-probe api=4 min=2 cur=4 target=aarch64"; exit 1', '10.0.2', ['aarch64', 'x86_64']),
    'qemu-that-crashes': ('kill -SEGV $$', '10.0.2', ['does not tell']),
    'qemu-with-nonsense': ('head -c 200000 /dev/urandom', '10.0.2', ['does not tell'])}


@case(*FAKES)
def unfit_qemu(name):
    body, version, words = FAKES[name]
    path = fake(folder(name), body, version)
    for command in (['run', '--', path, '-display', 'none'], ['plugin', path]):
        status, _, err = qebek(*command)
        expect(status == USAGE, f'{command[0]}: status {status}: {err}')
        one_clear_line(err, *words)
    status, out, _ = qebek('doctor', path)
    expect(status == FAILED and 'bad' in out, f'doctor: {status}: {out}')


@case
def wrong_plugin():
    """Only plugins of other levels beside qebek; none at all; one that is damaged; one loaded by hand where it does not belong."""
    path = f'{folder("wrong_plugin")}/where/no/plugin/is'
    os.makedirs(path)
    own = shutil.copy(QEBEK, path)

    def refused(*words):
        done = subprocess.run([own, 'run', '--', QEMU, '-display', 'none'], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True, timeout=60, check=False)
        expect(done.returncode == USAGE, f'status {done.returncode}: {done.stderr}')
        one_clear_line(done.stderr, *words)

    refused('libqebek-')
    shutil.copy(f'{BUILD}/libqebek-7.so', path)
    refused('API', 'libqebek-N.so')
    with open(f'{path}/libqebek-4.so', 'wb') as f:
        f.write(b'\x7fELF is not all that it takes')
    refused('libqebek-4.so')
    for level, qemu, words in ((7, QEMU, 'version'), (4, 'qemu-system-i386', 'qebek: only x86-64 machines')):
        done = subprocess.run([qemu, '-machine', 'none', '-display', 'none', '-plugin', f'file={BUILD}/libqebek-{level}.so,socket={path}/s'],
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        expect(done.returncode not in (0, 139) and words in done.stderr, f'{qemu} with level {level}: {done}')
    status, _, err = qebek('run', '--', 'qemu-system-i386', '-display', 'none')
    expect(status == USAGE, f'i386: status {status}')
    one_clear_line(err, 'i386')


REFUSED = {'kvm-enabled': (['-enable-kvm'], 'TCG'), 'kvm-accel': (['-accel', 'kvm,kernel-irqchip=split'], 'TCG'),
           'kvm-machine': (['-M', 'q35,usb=off,accel=kvm:tcg'], 'TCG'), 'daemonize': (['-daemonize'], 'qebek attach')}


@case(*REFUSED)
def refused_option(name):
    options, word = REFUSED[name]
    status, _, err = qebek('run', '--', QEMU, '-display', 'none', *options)
    expect(status == USAGE, f'status {status}')
    one_clear_line(err, word)


@case
def qemu_says_no():
    """QEMU refuses its own options: its words, its status, and nothing more."""
    status, _, err = qebek('run', '--', QEMU, '-display', 'none', '-nonsense')
    expect(status == 1, f'status {status}')
    expect(len(err.splitlines()) == 1 and '-nonsense: invalid option' in err, err)
    status, out, err = qebek('run', '--', QEMU, '-version')
    expect(status == FAILED and 'QEMU emulator' in out, f'-version: status {status}')
    one_clear_line(err, 'nothing was traced')


@case
def any_command_line():
    """Awkward paths, another plugin, -S, -snapshot, tcg asked for, and a vCPU that is plugged in later."""
    path = folder('any_command_line')
    place = f'{path}/a place, with everything'
    os.mkdir(place)
    own = shutil.copy(QEBEK, place)
    for plugin in glob.glob(f'{BUILD}/libqebek-*.so'):
        shutil.copy(plugin, place)
    other = f'{path}/other.so'
    subprocess.run(['gcc', '-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', other, f'{TOP}/tests/e2e/other_plugin.c'], check=True)
    command = linux(path, '/bin/wrong.sh,hotplug', monitor=True, extra=['-snapshot', '-S', '-plugin', other])
    command[command.index('-smp') + 1] = '1,maxcpus=2,sockets=2,cores=1,threads=1'
    command[command.index('-accel'):command.index('-accel') + 2] = ['-machine', 'q35,accel=tcg']
    run = Run(path, [own, 'run', '--output', f'jsonl:{place}/the trace.jsonl', '--output', f'qbk:{place}/the trace.qbk', '--', *command])
    try:
        run.qemu_pid()
        wait_for('the monitor', lambda: os.path.exists(f'{path}/monitor'))
        time.sleep(0.5)
        expect('prelaunch' in monitor(path, 'info status'), 'the machine is not stopped at its start')
        monitor(path, 'cont')
        wait_for('the guest began its script', lambda: 'begun' in read_text(f'{path}/results') or run.process.poll() is not None)
        said = monitor(path, 'device_add max-x86_64-cpu,socket-id=1,core-id=0,thread-id=0,id=second')
        expect('rror' not in said, f'the vCPU cannot be plugged in: {said}')
        status = run.wait(60)
    finally:
        run.kill()
    expect(status == 0, f'status {status}: {run.err()}')
    blocks = re.search(r'other plugin: (\d+) blocks', run.err())
    expect(blocks and int(blocks[1]) > 1000, f'the other plugin did not work: {run.err()}')
    expect('online 0-1' in read_text(f'{path}/results'), 'the second vCPU is not online in the guest')
    vcpus = {o['vcpu'] for o in json_lines(f'{place}/the trace.jsonl') if o['type'] == 'call'}
    expect(vcpus == {0, 1}, f'calls of vCPUs {vcpus}')
    check_counts(f'{place}/the trace.qbk')
    return f'{blocks[1]} blocks seen by the other plugin'


@case('icount', 'thread-single')
def one_thread(name):
    """One thread for all vCPUs: with one vCPU it is like any other; with two QEMU does not tell them apart, and we say so."""
    path = folder(name)
    options = ['--debug-identity', '--output', f'jsonl:{path}/trace.jsonl', '--output', f'qbk:{path}/trace.qbk', '--']

    def command(vcpus):
        words = linux(path, '/bin/wrong.sh,short', disk=False, vcpus=vcpus)
        words[words.index('-accel') + 1] = 'tcg' if name == 'icount' else 'tcg,thread=single'
        return words + (['-icount', 'shift=auto'] if name == 'icount' else [])
    status, _, err = qebek('run', *options, *command(2))
    expect(status == USAGE, f'two vCPUs: status {status}')
    one_clear_line(err, 'one thread')
    run = Run(path, [QEBEK, 'run', *options, *command(1)])
    status = run.wait(100)
    expect(status == 0 and 'finished' in read_text(f'{path}/results'), f'status {status}: {run.err()}')
    counts = check_counts(f'{path}/trace.qbk')[1]
    return f'{counts["calls"]} calls'


@case
def one_thread_unsaid():
    """The same where no option says it, but the threads themselves do."""
    path = folder('one_thread_unsaid')
    with open(f'{path}/config', 'w', encoding='ascii') as f:
        f.write('[accel]\n  accel = "tcg"\n  thread = "single"\n')
    words = linux(path, '/bin/wrong.sh,short', disk=False, vcpus=2, extra=['-readconfig', f'{path}/config'])
    at = words.index('-accel')
    run = Run(path, [QEBEK, 'run', '--output', f'qbk:{path}/trace.qbk', '--', *words[:at], *words[at + 2:]])
    status = run.wait(100)
    expect(status == USAGE, f'status {status}')
    one_clear_line(run.err(), 'one thread')
    expect('finished' in read_text(f'{path}/results'), 'the machine did not run on untraced')
