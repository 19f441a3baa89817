# SPDX-License-Identifier: GPL-2.0-or-later
"""qebek ctl: a live trace is stopped, started and refiltered."""
import os
import time

from harness import (QEBEK, Run, case, check_counts, expect, folder, json_lines, linux, monitor, one_clear_line, qebek,
                     read_text, wait_for)

FAILED, USAGE = 1, 2


def ctl(path, *words):
    status, out, err = qebek('ctl', f'{path}/control', *words)
    expect((status, out, err) == (0, '', ''), f'ctl {words}: status {status} {out!r} {err!r}')


def spans(objects):
    """The trace in pieces: (what was asked for, first seq, end seq) for each META with "control", the beginning first."""
    metas = [o for o in objects if o['type'] == 'meta']
    return [(m['facts'].get('control', ''), m['seq'], n['seq'] if n else 1 << 62) for m, n in zip(metas, metas[1:] + [None])]


def within(objects, span, kind='call'):
    return [o for o in objects if o['type'] == kind and span[1] < o['seq'] < span[2]]


def complete(objects, span):
    """Each cat that lived wholly within the span opened its file, and that is in the trace. Returns how many."""
    opened = {o['pid'] for o in within(objects, span)
              if o['name'] == 'openat' and any(a.get('string') == '/proc/version' for a in o['args'])}
    events = within(objects, span, 'process')
    started = {o['pid'] for o in events if o['event'] == 'start'}
    ended = {o['pid'] for o in events if o['event'] == 'exit' and o['comm'] == 'cat' and o['pid'] in started}
    expect(ended <= opened, f'of {len(ended)} cats {len(ended - opened)} opened nothing: {span}')
    return len(ended)


def some_cats(path):
    """Time for some to live from beginning to end, however slow the machine is."""
    def seen():
        return read_text(f'{path}/trace.jsonl').count('"string":"/proc/version"')
    before = seen()
    wait_for('some more cats', lambda: seen() >= before + 5)


def disturb(run, path):
    """Requests that are refused, each in a clear line, and change nothing."""
    for words, word in ((['filter', '-e', 'trace=nonsense'], 'nonsense'), (['dance'], 'start|stop'), (['start', '-z'], 'no options'),
                        (['filter', '-e', 'signal=none'], 'signal')):
        status, _, err = qebek('ctl', f'{path}/control', *words)
        expect(status == USAGE, f'ctl {words}: status {status}')
        one_clear_line(err, word)
    status, _, err = qebek('run', '--control', f'{path}/control', '--', *run.args[run.args.index('--') + 1:])
    expect(status == USAGE, f'the same --control twice: status {status}')
    one_clear_line(err, 'another trace')
    status, _, err = qebek('ctl', f'{path}/nobody', 'stop')
    expect(status == USAGE, f'ctl to nobody: status {status}')
    one_clear_line(err, '--control')


def while_paused(path):
    """A machine that stands still cannot do it now; it does it later."""
    monitor(path, 'stop')
    status, _, err = qebek('ctl', f'{path}/control', 'filter', '-e', 'trace=execve')
    expect(status == FAILED, f'ctl to a paused machine: status {status}')
    one_clear_line(err, 'does not run')
    status, _, err = qebek('ctl', f'{path}/control', 'stop')
    expect(status == FAILED, f'a second request: status {status}')
    one_clear_line(err, 'earlier request')
    monitor(path, 'cont')


@case
def ctl_live():
    path = folder('ctl_live')
    run = Run(path, [QEBEK, 'run', '--control', f'{path}/control', '--output', f'jsonl:{path}/trace.jsonl', '--output',
                     f'qbk:{path}/trace.qbk', '--output', f'text:{path}/trace.text', '--',
                     *linux(path, '/bin/wrong.sh,long', disk=False, vcpus=2, monitor=True)])
    try:
        wait_for('the guest began its script', lambda: 'begun' in read_text(f'{path}/results') or run.process.poll() is not None)
        time.sleep(1)
        ctl(path, 'filter', '-e', 'trace=openat', '--comm', 'cat')
        some_cats(path)
        ctl(path, 'filter')
        some_cats(path)
        ctl(path, 'stop')
        time.sleep(1.5)
        ctl(path, 'start')
        wait_for('a call joined', lambda: '"joined":true' in read_text(f'{path}/trace.jsonl'), 20)
        disturb(run, path)
        while_paused(path)
        time.sleep(1)
        monitor(path, 'quit')
        expect(run.wait(20) == 0, run.err())
        left = os.path.exists(f'{path}/control') and 'Landlock: the reader is confined' in qebek('doctor')[1]
        expect(not left, 'the socket is still there')
    finally:
        run.kill()
    objects = list(json_lines(f'{path}/trace.jsonl'))
    pieces = spans(objects)
    expect([p[0] for p in pieces] == ['', 'filter -e trace=openat --comm cat', 'filter', 'stop', 'start', 'filter -e trace=execve'],
           f'what the trace tells of requests: {pieces}')
    everything, narrow, wide, stopped, again, last = pieces
    expect({(o['name'], o['comm']) for o in within(objects, narrow)} == {('openat', 'cat')}, 'not only what the filter lets through')
    expect({o['name'] for o in within(objects, last)} == {'execve'}, 'not only execve in the end')
    expect(not within(objects, stopped), 'calls while it was stopped')
    status, _, err = qebek('read', '-q', '--output', f'jsonl:{path}/kept.jsonl', f'{path}/trace.qbk')
    expect(status == 0, err)
    kept = list(json_lines(f'{path}/kept.jsonl'))  # with every process, whatever the filters were
    expect({(o['name'], o['comm']) for o in within(kept, narrow)} == {('openat', 'cat')}, 'the plugin records more than is asked for')
    cats = [complete(kept, piece) for piece in (narrow, wide)]
    expect(min(cats) >= 2, f'too few cats to tell: {cats}')
    crossing = [o for o in within(objects, everything) if o['name'] == 'wait4' and o['end'] in ('returned', 'interrupted')
                and o['duration_ns'] > 0]
    ends = {o['end'] for o in within(objects, wide)}
    expect(crossing and 'in_flight' in ends, f'calls in flight at a change: {len(crossing)} waited, ends {ends}')
    status, counts = check_counts(f'{path}/trace.qbk', whole=False)
    expect(status == 0 and counts['ends']['orphaned'] == 0 and counts['lost_records'] == 0, f'{counts}')
    expect(counts['joined'] > 0 and any(o.get('joined') for o in within(objects, again)), 'nothing joined after the start')
    text = read_text(f'{path}/trace.text')
    expect(text.count('# trace: ') == 5, 'the text does not tell of the requests')
    return f'{cats} cats complete, {counts["joined"]} joined'


@case
def ctl_stopped():
    """--stopped: nothing before the start, everything after it."""
    path = folder('ctl_stopped')
    run = Run(path, [QEBEK, 'run', '--control', f'{path}/control', '--stopped', '--rotate-size', '100k', '--output',
                     f'jsonl:{path}/trace.jsonl', '--output', f'qbk:{path}/trace.qbk', '--',
                     *linux(path, '/bin/wrong.sh,work', disk=False)])
    try:
        wait_for('the guest began its script', lambda: 'begun' in read_text(f'{path}/results') or run.process.poll() is not None)
        expect('"type":"call"' not in read_text(f'{path}/trace.jsonl'), 'calls before the start')
        ctl(path, 'start')
        wait_for('a second part', lambda: os.path.exists(f'{path}/trace.qbk.1') or run.process.poll() is not None)
    finally:
        run.process.terminate()
        run.wait(20)
    expect(os.path.exists(f'{path}/trace.qbk.1'), 'too few calls after the start')
    status, counts = check_counts(f'{path}/trace.qbk', whole=False)
    expect(status == 0 and counts['calls'] > 100, f'{counts}')
    status, _, err = qebek('run', '--stopped', '--', 'qemu-system-x86_64')
    expect(status == USAGE, f'--stopped alone: status {status}')
    one_clear_line(err, '--control')
