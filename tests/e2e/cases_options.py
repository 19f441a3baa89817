# SPDX-License-Identifier: GPL-2.0-or-later
"""strace's options mean the same on a live machine and on the trace that was kept of it."""
import glob
import os
import re
import subprocess

from harness import QEBEK, Run, case, expect, folder, linux, read_text


def threads(path):
    return {os.path.basename(name).rsplit('.', 1)[1]: read_text(name) for name in glob.glob(f'{path}.*')}


def live_and_kept(name, options, run):
    """Lines of each thread as the live trace wrote them; the kept one must give the same."""
    path = folder(name)
    live = Run(path, [QEBEK, 'run', '-q', *options, '-ff', '-o', f'{path}/live', '--output', f'qbk:{path}/trace.qbk', '--',
                      *linux(path, run)])
    expect(live.wait() == 0, live.err()[-300:])
    kept = subprocess.run([QEBEK, 'read', '-q', *options, '-ff', '-o', f'{path}/kept', f'{path}/trace.qbk'],
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    expect(kept.returncode == 0 and not kept.stderr, f'status {kept.returncode}: {kept.stderr}')
    mine, again = threads(f'{path}/live'), threads(f'{path}/kept')
    expect(mine.keys() == again.keys(), f'threads {sorted(mine)} live, {sorted(again)} kept')
    for tid, text in mine.items():
        if text != again[tid]:
            pairs = zip(text.splitlines(), again[tid].splitlines())
            expect(False, f'thread {tid}: {next((pair for pair in pairs if pair[0] != pair[1]), "length")}')
    return [line for text in mine.values() for line in text.splitlines()]


def has(lines, pattern, least=1):
    n = sum(1 for line in lines if re.search(pattern, line))
    expect(n >= least, f'{n} lines like {pattern}')
    return n


@case
def options_calls():
    """Names and classes, paths of descriptors, times, dumps, signals."""
    lines = live_and_kept('options_calls', ['-tt', '-T', '-y', '-v', '-s', '100', '-e', 'trace=%file,read,write,wait4',
                                            '-e', 'status=!detached', '-e', 'write=all', '-e', 'signal=CHLD'],
                          '/bin/truth,files,children,signals,/dev/nvme0n1')
    calls = [line for line in lines if re.match(r'\d\d:\d\d:\d\d\.\d{6} \w+\(', line)]
    names = {line.split()[1].split('(')[0] for line in calls}
    expect({'openat', 'read', 'write', 'wait4'} <= names and not names & {'mmap', 'close', 'clone', 'futex'}, f'{names}')
    has(lines, r'\bread\(\d+</\S*>, .* <\d\.\d{6}>$')
    has(lines, r'^ \| 00000  [0-9a-f]{2}')
    has(lines, r'--- SIGCHLD ')
    expect(not any(re.search(r'--- SIG(?!CHLD)', line) for line in lines), 'other signals than asked for')
    expect(not any('= ?' not in line and ' <' not in line for line in calls), 'a call without its time')
    return f'{len(lines)} lines of {len(names)} calls'


@case
def options_failed():
    """Only what failed, of some programs, with instruction pointers."""
    lines = live_and_kept('options_failed', ['-Z', '-i', '-x', '-e', '!futex', '--comm', 'tru*', '-e', 'signal=none'],
                          '/bin/truth,files,deaths,/dev/nvme0n1')
    calls = [line for line in lines if '+++' not in line]
    expect(len(calls) > 10, f'{len(calls)} calls')
    expect(all(re.match(r'\[[0-9a-f]{16}\] \w+\(', line) for line in calls), 'a line without its instruction pointer')
    expect(all(re.search(r'= (-1 E|\? ERESTART)', line) for line in calls), 'a call that did not fail')
    return f'{len(calls)} calls'


@case
def options_path():
    """A path, by name and through the descriptors that stand for it."""
    lines = live_and_kept('options_path', ['-y', '-P', '/init'], '/bin/cat,/init')
    calls = [line for line in lines if '(' in line and '+++' not in line and '---' not in line]
    has(calls, r'^openat\(.*"/init"')
    has(calls, r'^read\(\d+</init>')
    has(calls, r'^close\(\d+</init>')
    expect(all('/init' in line for line in calls), f'{[line for line in calls if "/init" not in line][:3]}')
    return f'{len(calls)} calls'
