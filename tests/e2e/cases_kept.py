# SPDX-License-Identifier: GPL-2.0-or-later
"""Kept traces that are split while they are written, and read while they grow; and the reader that does it, confined."""
import glob
import os
import re
import shutil
import signal

from harness import QEBEK, Run, case, check_counts, expect, folder, json_lines, linux, one_clear_line, qebek, read_text, wait_for

FAILED = 1
PART = 400 << 10


def parts_of(trace):
    """The files in order: PATH, PATH.1, PATH.2 …"""
    return sorted(glob.glob(f'{trace}*'), key=lambda name: int(name[len(trace) + 1:] or 0))


def objects_of(path, trace):
    """What `read` makes of it: all from this part on, as far as parts are there."""
    status, _, err = qebek('read', '-q', '--output', f'jsonl:{path}/read.jsonl', trace)
    expect(status == 0, f'read {trace}: status {status} {err[-200:]}')
    return list(json_lines(f'{path}/read.jsonl'))


def proved(part):
    status, counts = check_counts(part, whole=False)
    expect(status == 0, f'{part}: {counts["messages"][:3]}')
    return counts


@case
def rotation():
    """The parts read as the whole that they are, and each is whole by itself; with a count only the last are kept."""
    path = folder('rotation')
    run = Run(path, [QEBEK, 'run', '-q', '--rotate-size', str(PART), '--output', f'qbk:{path}/all', '--output', f'jsonl:{path}/live.jsonl',
                     '--', *linux(path, '/bin/wrong.sh,work', disk=False)])
    expect(run.wait() == 0, run.err())
    parts = parts_of(f'{path}/all')
    expect(len(parts) >= 4 and [name[len(f'{path}/all') + 1:] for name in parts[1:]] == [str(i + 1) for i in range(len(parts) - 1)],
           f'parts: {parts}')
    expect(all(os.path.getsize(part) < PART * 5 / 4 for part in parts), f'sizes: {[os.path.getsize(p) for p in parts]}')
    objects = objects_of(path, parts[0])
    expect(objects == list(json_lines(f'{path}/live.jsonl')), 'the parts together are not what was seen live')
    proved(parts[0])
    alone = folder('rotation_alone')
    for part in (parts[0], parts[len(parts) // 2], parts[-1]):
        copy = shutil.copy(part, f'{alone}/{os.path.basename(part)}')
        status, counts = check_counts(copy, whole=False)
        expect(counts['violations'] == 0 and counts['calls'] > 20, f'{part} alone: {counts}')
        if part != parts[-1]:  # what follows is missing, and that is told
            expect(status == FAILED, f'{part} alone: status {status}')
            one_clear_line(qebek('check', copy)[2], 'goes on in')
        else:
            expect(status == 0, f'the last part alone: status {status}')
        os.unlink(copy)

    few = folder('rotation_few')
    run = Run(few, [QEBEK, 'run', '-q', '--rotate-size', str(PART), '--rotate-count', '2', '--output', f'qbk:{few}/last', '--',
                    *linux(few, '/bin/wrong.sh,work', disk=False)])
    expect(run.wait() == 0, run.err())
    kept = parts_of(f'{few}/last')
    expect(len(kept) == 2 and kept[0] != f'{few}/last', f'kept: {kept}')
    expect(proved(kept[0])['summary'] and proved(kept[1])['summary'], 'the end is missing')
    return f'{len(parts)} parts, {len(objects)} objects'


@case
def follow():
    """read --follow shows what comes, ends when the writer does, and is complete; a signal ends it before."""
    path, reader_path, cut_path = folder('follow'), folder('follow_reader'), folder('follow_cut')
    run = Run(path, [QEBEK, 'run', '-q', '--output', f'qbk:{path}/trace.qbk', '--output', f'jsonl:{path}/live.jsonl', '--',
                     *linux(path, '/bin/wrong.sh,short', disk=False)])
    reader = cut = None
    try:
        wait_for('the trace', lambda: os.path.exists(f'{path}/trace.qbk') and os.path.getsize(f'{path}/trace.qbk') > 200)
        reader = Run(reader_path, [QEBEK, 'read', '-q', '--follow', '--output', f'jsonl:{reader_path}/seen.jsonl', f'{path}/trace.qbk'])
        cut = Run(cut_path, [QEBEK, 'read', '-q', '--follow', '--output', f'jsonl:{cut_path}/seen.jsonl', f'{path}/trace.qbk'])
        wait_for('calls while the machine runs', lambda: read_text(f'{reader_path}/seen.jsonl').count('"type":"call"') > 20)
        expect(run.process.poll() is None, 'the machine had ended by then')
        confined(reader.pid)
        wait_for('calls in the other', lambda: '"type":"call"' in read_text(f'{cut_path}/seen.jsonl'))
        os.kill(cut.pid, signal.SIGINT)
        expect(cut.wait(10) == 0, f'interrupted: {cut.err()}')
        expect(run.wait() == 0, run.err())
        expect(reader.wait(10) == 0, f'the follower: {reader.err()}')
    finally:
        for r in (run, reader, cut):
            if r:
                r.kill()
    expect(read_text(f'{path}/live.jsonl') == read_text(f'{reader_path}/seen.jsonl'), 'the follower saw something else')


def status_of(pid):
    with open(f'/proc/{pid}/status', encoding='ascii', errors='replace') as f:
        return dict(line.rstrip('\n').split(':\t', 1) for line in f if ':\t' in line)


def confined(pid):
    """Every thread of it."""
    for task in os.listdir(f'/proc/{pid}/task'):
        status = status_of(task)
        expect(status['Seccomp'] == '2' and status['NoNewPrivs'] == '1', f'thread {task}: Seccomp {status["Seccomp"]}')


@case
def confinement():
    """The process that reads the guest's bytes is confined, its QEMU is not, and doctor tells what the host has."""
    path = folder('confinement')
    run = Run(path, [QEBEK, 'run', '-q', '--output', f'qbk:{path}/trace.qbk', '--', *linux(path, '/bin/wrong.sh,long', disk=False)])
    try:
        wait_for('the guest began its script', lambda: 'begun' in read_text(f'{path}/results') or run.process.poll() is not None)
        confined(run.pid)
        expect(len(os.listdir(f'/proc/{run.pid}/task')) == 2, 'not two threads')
        expect(status_of(run.qemu_pid())['Seccomp'] == '0', 'QEMU is confined, too: it would not run as if started alone')
    finally:
        run.process.terminate()
        run.wait(20)
    check_counts(f'{path}/trace.qbk')
    out = qebek('doctor')[1]
    expect(re.search(r'seccomp: .*confined', out), f'doctor: {out}')
