# SPDX-License-Identifier: GPL-2.0-or-later
"""NT guests: processes with image, command line, parent, user and end, against what the test machine says of them."""
import os
import sqlite3
import subprocess

import nt_truth
from cases_nt import trace
from harness import QEBEK, case, check_counts, expect, folder, json_lines, read_text

PROCESSES = 2048  # WITH_PROCESSES of tests/nt/machine/plan.h
SYSTEM = {'S-1-5-18': 'NT AUTHORITY\\SYSTEM', 'S-1-5-19': 'NT AUTHORITY\\LOCAL SERVICE'}


def told(console):
    """pid → (parent, user, image, command line), and pid → exit status: the machine's own word."""
    processes, ends = {}, {}
    for line in console.splitlines():
        if line.startswith('PROCESS '):
            _, pid, parent, rest = line.split(' ', 3)
            processes[int(pid)] = (int(parent), *rest.split('|', 2))
        elif line.startswith('EXIT '):
            _, pid, status = line.split()
            ends[int(pid)] = int(status)
    return processes, ends


def shown(lines):
    """The same out of the trace, and how each was first told of."""
    processes, ends, how = {}, {}, {}
    for line in lines:
        if line['type'] != 'process':
            continue
        pid = line['pid']
        if line['event'] in ('start', 'seen'):
            expect(pid not in how, f'process {pid} comes twice')
            how[pid] = line['event']
        elif line['event'] == 'exec':
            expect(pid not in processes, f'process {pid} is told twice')
            processes[pid] = (line['ppid'], line.get('user'), line.get('exe'), line.get('command'))
            name = SYSTEM.get(line['user'], 'Administrator' if line['user'].endswith('-500') else None)
            expect(line.get('user_name') == name, f'{line["user"]} is called {line.get("user_name")}')
            expect(line['uid'] == int(line['user'].rsplit('-', 1)[1]), f'uid {line["uid"]} of {line["user"]}')
        elif line['event'] == 'exit':
            ends[pid] = line.get('exit')
    return processes, ends, how


def compare(console, lines):
    """Every process that ran is there as it was; each end that is told is right. Returns what was told."""
    truth, truth_ends = told(console)
    processes, ends, how = shown(lines)
    for pid, true in truth.items():
        expect(processes.get(pid) == true, f'process {pid} is {processes.get(pid)}, truly {true}')
        begun = 'seen' if true[0] == 4 or truth[true[0]][0] == 4 and pid < 100 and how[pid] == 'seen' else 'start'
        expect(how[pid] == begun, f'process {pid} is told of as {how[pid]}')
    expect(set(processes) == set(truth), f'never were: {set(processes) - set(truth)}')
    for pid, status in ends.items():
        expect(status == truth_ends.get(pid), f'process {pid} ended with {status}, truly {truth_ends.get(pid)}')
    expect(len(ends) >= 0.6 * len(truth_ends) and set(truth_ends.values()) - {0}, f'{len(ends)} of {len(truth_ends)} ends told')
    return truth, ends


def check_creation(lines, truth):
    """The calls that made processes tell what they run, and whose id came back; those that failed, too."""
    made = [c for c in lines if c['type'] == 'call' and c['name'] == 'NtCreateUserProcess']
    worked = [c for c in made if c.get('ret') == 0]
    for call in worked:
        new = call['process']
        expect(new['image'].startswith('\\??\\') and new['directory'] == 'C:\\Users\\', f'{new}')
        if new['pid'] in truth:
            expect(truth[new['pid']][0] == call['pid'] and truth[new['pid']][3] == new['command'], f'{new}')
    failed = [c for c in made if c.get('status') == 'STATUS_OBJECT_NAME_NOT_FOUND']
    expect(worked and all('missing.exe' in c['process']['image'] for c in failed), f'{len(worked)}, {failed[:1]}')
    return len(worked), len(failed)


STANDARD = {('NtReadFile', 0x20): 'input', ('NtWriteFile', 0x24): 'output', ('NtWriteFile', 0x28): 'error'}


def check_standard(lines, truth):
    """Reads and writes of the handles that a process was started with as its standard ones say so; others do not."""
    marked = 0
    for call in lines:
        if call['type'] == 'call' and call['name'] in ('NtReadFile', 'NtWriteFile') and call['pid'] in truth:
            want = STANDARD.get((call['name'], call['args'][0]['value'])) if 'echo' in truth[call['pid']][3] else None
            expect(call.get('standard') == want, f'{call["pid"]}: {call["name"]} of {call["args"][0]["value"]:#x} is {call.get("standard")}')
            marked += want is not None
    return marked


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    expect(done.returncode == 0, f'{command}: {done.stderr[-300:]}')
    return done.stdout


def check_outputs(path, truth, ends):
    """The outputs that tell of processes have the same of each."""
    run([QEBEK, 'read', '--output', f'sqlite:{path}/db', '--output', f'tree:{path}/tree', '--output', f'ecs:{path}/ecs',
         '--output', f'html:{path}/page.html', '--output', f'text:{path}/text', f'{path}/trace.qbk'])
    with sqlite3.connect(f'{path}/db') as db:
        rows = {pid: rest for pid, *rest in db.execute('SELECT p.pid, p.ppid, p.exe, c.line, p.exit FROM processes p JOIN commands c ON c.process = p.id WHERE c.error IS NULL')}
        joined = db.execute('SELECT count(*) FROM processes p JOIN processes q ON p.parent = q.id AND p.ppid = q.pid').fetchone()[0]
        errors = db.execute("SELECT count(*) FROM commands WHERE error = 'STATUS_OBJECT_NAME_NOT_FOUND'").fetchone()[0]
    for pid, (parent, _, image, command) in truth.items():
        doubled = [text.replace('\\', '\\\\') for text in (image, command)]  # as docs/outputs.md says
        expect(rows.get(pid) == [parent, *doubled, ends.get(pid)], f'sqlite has {rows.get(pid)} of {pid}')
    expect(joined >= len(truth) - 2, f'{joined} parents')
    tree, page, text = (read_text(f'{path}/{name}') for name in ('tree', 'page.html', 'text'))
    starts = [e for e in json_lines(f'{path}/ecs') if e.get('event.action') == 'exec' and e['event.outcome'] == 'success']
    expect({e['process.pid']: (e['process.parent.pid'], e['user.id'], e['process.executable'], e['process.command_line']) for e in starts} == truth,
           'ecs differs')
    for pid, (_, user, image, command) in truth.items():
        line = next((line for line in tree.splitlines() if line.lstrip().startswith(f'{pid} ')), '')
        expect(f'{pid} {command}  [uid ' in line, f'tree has {line!r} of {pid}')
        if pid in ends:
            expect(f', exit {ends[pid]:#x}' in line if ends[pid] >> 31 else f', exit {ends[pid]},' in line, f'tree has {line!r} of {pid}')
        quoted = command.replace('"', '\\u{22}')
        expect(f'+++ started "{image}", command line "{quoted}", parent {truth[pid][0]}, user {user}' in text, f'the text lacks {pid}')
        expect(image.split('\\')[-1] in page, f'the page lacks {image}')
    return errors


@case('nt_process-xp', 'nt_process-7', 'nt_process-10', 'nt_process-11', 'nt_process-10-shadow')
def process(name):
    """Made by NtCreateUserProcess, or step by step as XP does; ended by themselves, by others, with their last thread."""
    path, release = folder(name), name.split('-')[1]
    shadow = {'shadow': 1, 'vcpus': 4} if name.endswith('shadow') else {}
    truth = trace(path, release, calls=500, threads=3, procs=2, what=PROCESSES | 2 | 8, log=512, seed=23, **shadow)
    check_counts(f'{path}/trace.qbk')
    nt_truth.compare(truth, f'{path}/trace.jsonl')
    lines = list(json_lines(f'{path}/trace.jsonl'))
    processes, ends = compare(read_text(f'{path}/console'), lines)
    made, failed = check_creation(lines, processes) if release != 'xp' else (len(processes) - 2, 0)
    marked = check_standard(lines, processes)
    errors = check_outputs(path, processes, ends)
    expect(errors == failed, f'{errors} failed starts in the database, truly {failed}')
    os.unlink(f'{path}/memory')
    return f'{len(processes)} processes, {made} made, {failed} failed to start, {len(ends)} ends, {marked} standard reads and writes'
