# SPDX-License-Identifier: GPL-2.0-or-later
"""Our trace agrees with strace's, made inside the guest at the same time: every call, in order, with its result, and
nothing more. tests/agree has the machinery, and more workloads than are run here."""
import os
import shutil
import sys

from harness import TOP, case, expect, folder, json_lines, qebek, read_text

sys.path.insert(0, os.path.join(TOP, 'tests', 'agree'))
import compare  # noqa: E402
import lines  # noqa: E402
import machine  # noqa: E402
import reasons  # noqa: E402
import report  # noqa: E402

# Name: kernel, vCPUs, CPU model, options, workloads, and how many lines must be the same byte for byte, in percent.
MACHINES = {
    'agree-hard': ('6.1', 1, 'max', '', 'abi32 bogus busybox clones deaths dispatch execs handlers int80 memory reuse '
                   'seccomp tracer twice', 99.3),
    'agree-isolated': ('6.1', 4, 'Skylake-Client-v1', '-v -y -s 64', 'abi32 bash-jobs deaths execs int80 migrate '
                       'python-sockets python-events threads', 99.7),
    'agree-6.12': ('6.12', 4, 'max', '-x -s 8', 'abi32 bogus clones deaths execs handlers perl restarts seccomp', 99.6),
    'agree-newest': ('newest', 2, 'max', '', 'abi32 bogus clones deaths dispatch execs handlers memory seccomp sqlite',
                     99.5),
}


def compared(path):
    results = report.compare_all(path)
    total = compare.Result()
    for result in results.values():
        total.add(result)
    return total


def faults(total):
    """What must not be: calls that are missing, too much, or ended otherwise."""
    return {key: count for key, count in total.differences.items() if key[0] != 'text'}


def run(name):
    kernel, vcpus, cpu, options, workloads, _ = MACHINES[name]
    path = folder(name)
    machine.run(path, workloads.split(), options.split(), kernel, vcpus, cpu, 600)
    machine.ours(path, options.split())
    return path


@case(*MACHINES)
def agree(name):
    path = run(name)
    total = compared(path)
    bad = faults(total)
    example = next(iter(bad), None)
    expect(not bad, f'{total.found} of {total.lines} lines found, {total.extra} too much: {bad}; '
           f'strace, then ours: {total.examples.get(example)}')
    expect(total.lines > 2000, f'only {total.lines} lines of strace')
    floor = MACHINES[name][-1]
    expect(total.share() >= floor, f'{total.share():.2f} % of the lines are the same, less than {floor} %: '
           f'{total.differences.most_common(5)}')
    expect(report.check(path, quiet=True), 'qebek check finds faults in the trace')
    shutil.rmtree(path)
    return f'{total.lines} lines, all found, {total.share():.2f} % the same'


def spoil(path, edit):
    """Change one line in the middle of our longest log; the number of faults found then."""
    logs = {name: os.path.getsize(f'{path}/ours/{name}') for name in os.listdir(f'{path}/ours')
            if os.path.exists(f'{path}/strace/busybox/log.{name}')}
    name = max(logs, key=logs.get)
    text = read_text(f'{path}/ours/{name}').splitlines(keepends=True)
    at = next(i for i in range(len(text) // 2, len(text)) if text[i].rstrip().endswith(' = 0'))
    changed = edit(text, at)
    shutil.copy(f'{path}/ours/{name}', f'{path}/kept')
    with open(f'{path}/ours/{name}', 'w', encoding='latin-1') as f:
        f.writelines(changed)
    bad = faults(compared(path))
    shutil.move(f'{path}/kept', f'{path}/ours/{name}')
    return sum(bad.values())


@case
def agree_notices():
    """The comparison fails when a line is gone, twice, changed in name or result, or in another place."""
    path = folder('agree-notices')
    machine.run(path, ['busybox'], [], '6.1', 1, 'max', 600, live=True)
    machine.ours(path, [])
    expect(not faults(compared(path)), 'faults before anything was changed')
    edits = {
        'dropped': lambda text, i: text[:i] + text[i + 1:],
        'doubled': lambda text, i: text[:i] + [text[i]] + text[i:],
        'renamed': lambda text, i: text[:i] + ['x' + text[i]] + text[i + 1:],
        'another result': lambda text, i: text[:i] + [text[i].rsplit('= 0', 1)[0] + '= 1\n'] + text[i + 1:],
        'invented': lambda text, i: text[:i] + ['getpid() = 99999\n'] + text[i:],
        'cut off': lambda text, i: text[:i],
        'moved': lambda text, i: text[:i] + text[i + 1:i + 40] + [text[i]] + text[i + 40:],
    }
    for what, edit in edits.items():
        expect(spoil(path, edit) > 0, f'a line that was {what} went unnoticed')
    expect(not faults(compared(path)), 'faults after all was put back')
    # The same lines, written live while the machine ran.
    different = [name for name in os.listdir(f'{path}/ours')
                 if read_text(f'{path}/ours/{name}') != read_text(f'{path}/live/{name}')]
    expect(not different, f'written live and read later differ for threads {different[:5]}')
    count = len(os.listdir(f'{path}/live'))
    expect(count > 50, f'only {count} threads written live')
    return f'{len(edits)} ways; {count} threads written live and read later are the same'


KILLED = '+++ killed by SIGKILL +++'
# strace's lines, ours, and then: how many of strace's are found, how many of ours are too much.
REASONS = [
    (['getpid() = 1', '???()   = ?', KILLED], ['getpid() = 1', KILLED], 3, 0),
    (['getpid() = 1', '???()   = ?', KILLED], ['getpid() = 1', 'futex(0x10) = ?', KILLED], 3, 0),
    (['getpid() = 1', '???()   = ?'], ['getpid() = 1', 'futex(0x10) = ?', KILLED], 2, 0),
    (['getpid() = 1', KILLED], ['getpid() = 1', 'futex(0x10) = ?', KILLED], 2, 0),
    (['getpid() = 1', KILLED], ['getpid() = 1', 'futex(0x10) = 0', KILLED], 2, 1),
    (['getpid() = 1', KILLED], ['getpid() = 1', 'futex(0x10) = ?', 'futex(0x10) = 0', KILLED], 2, 1),
    (['getpid() = 1', '???()   = ?', KILLED], ['getpid() = 1', 'futex(0x10) = 4', KILLED], 3, 1),
    (['getpid() = 1', 'close(3) = ?', KILLED], ['getpid() = 1', KILLED], 2, 0),
    # What strace last read of another thread, at the beginning and at the end of a call.
    (['getpid() = 1', 'kill(3, SIGKILL <unfinished ...>', KILLED],
     ['getpid() = 1', 'wait4(7,  <unfinished ...>) = ?', KILLED], 3, 0),
    (['getpid() = 1', 'kill(3, SIGKILL <unfinished ...>', KILLED],
     ['getpid() = 1', 'wait4(7, 0x1, 0, NULL) = 7', KILLED], 2, 1),
    (['getpid() = 1', 'wait4(7, 0x1, 0, NULL) = -1 (errno 18446744073709551554)', KILLED],
     ['getpid() = 1', 'wait4(7, 0x1, 0, NULL) = -1 ECHILD (No child processes)', KILLED], 3, 0),
    (['getpid() = 1', 'wait4(7, 0x1, 0, NULL) = -1 (errno 18446744073709551554)', KILLED],
     ['getpid() = 1', 'close(3) = 0', KILLED], 2, 1),
    (['getpid() = 1', 'close(3) = 261', KILLED], ['getpid() = 1', 'close(3) = 0', KILLED], 3, 0),
    (['getpid() = 1', 'close(3) = 261', 'getpid() = 1', KILLED], ['getpid() = 1', 'close(3) = 0', 'getpid() = 1', KILLED], 3, 0),
    (['getpid() = 1', 'clone3({flags=0} => {parent_tid=[7]}, 88) = 56', KILLED],
     ['getpid() = 1', 'clone3({flags=0} => {parent_tid=[7]}, 88) = 7', KILLED], 3, 0),
    (['getpid() = 1', 'clone3({flags=0} => {parent_tid=[7]}, 88) = 7', KILLED],
     ['getpid() = 1', 'clone3({flags=0} => {parent_tid=[7]}, 88) = 56', KILLED], 2, 0),
    # A wrong result or another call in a dying thread's last line is found.
    (['getpid() = 1', 'close(3) = 0', KILLED], ['getpid() = 1', 'close(3) = 7', KILLED], 2, 0),
    (['getpid() = 1', 'close(3) = -1 EBADF (Bad file descriptor)', KILLED], ['getpid() = 1', 'close(3) = 0', KILLED], 2, 0),
    (['getpid() = 1', 'close(3) = ?', KILLED], ['getpid() = 1', 'futex(0x10) = ?', KILLED], 2, 0),
    # A signal that strace held back until it was too late; one that was lost.
    (['getpid() = 1', '--- SIGCONT {si_signo=SIGCONT} ---', KILLED], ['getpid() = 1', KILLED], 3, 0),
    (['getpid() = 1', '--- SIGCONT {si_signo=SIGCONT} ---', 'getpid() = 1', KILLED],
     ['getpid() = 1', 'getpid() = 1', KILLED], 3, 0),
]

# strace's line, ours, and whether the difference has a reason.
WORDS = [
    ('access(0x7f1a95f9b000, R_OK)            = -1 ENOENT (No such file or directory)',
     'access("", R_OK)                        = -1 ENOENT (No such file or directory)', True),
    ('access(0x7f1a95f9b140, R_OK)            = 0', 'access("/x", R_OK)                      = 0', False),
    ('access("/y", R_OK)                      = 0', 'access("/x", R_OK)                      = 0', False),
    ('pidfd_open(955, PIDFD_NONBLOCK|0xfffff7fe) = 3', 'pidfd_open(955, PIDFD_THREAD|PIDFD_NONBLOCK|0xfffff77e) = 3', True),
    ('pidfd_open(955, PIDFD_NONBLOCK)         = 3', 'pidfd_open(955, PIDFD_THREAD)           = 3', False),
    ('fcntl(4, 0x40c /* F_??? */, 0x7fff87de39f0) = 0', 'fcntl(4, F_SET_RW_HINT, [RWH_WRITE_LIFE_EXTREME]) = 0', True),
    ('fcntl(4, F_GETFD)                       = 0', 'fcntl(4, F_GETFL)                       = 0', False),
]


@case
def agree_reasons():
    """What is excused in a dying thread's last lines, and what is not."""
    for theirs, ours, found, extra in REASONS:
        result = compare.compare_threads({1: [lines.parse(text) for text in theirs]}, {1: [lines.parse(text) for text in ours]})
        expect((result.found, result.extra) == (found, extra),
               f'{theirs} and {ours}: {result.found} found, {result.extra} too much, not {found} and {extra}')
    for theirs, ours, explained in WORDS:
        line = lines.parse(theirs)
        expect((reasons.of(line.name, theirs, ours) is not None) == explained, f'{theirs} and {ours}: not {explained}')
    return f'{len(REASONS)} endings, {len(WORDS)} pairs'


@case
def agree_unseen():
    """Calls that strace cannot see: of a process that has a tracer already, of init, of one that runs before strace."""
    path = folder('agree-unseen')
    machine.run(path, ['unseen'], [], '6.1', 1, 'max', 600)
    said = read_text(f'{path}/strace/unseen.output')
    machine.ours(path, [])
    logs = compare.read_logs(f'{path}/ours')
    words = {line.split()[0]: line.split()[1:] for line in said.splitlines() if line.strip()}
    expect('refused: ' in said and 'Operation not permitted' in said.split('refused: ')[1], f'strace was not refused: {said}')
    calls = [line for line in logs[int(words['selftraced'][0])] if line.name == 'umask']
    expect(len(calls) == int(words['selftraced'][1]) == 100, f'{len(calls)} calls of the traced process in our trace')
    masks = [line.text.split('(')[1].split(')')[0] for line in logs[int(words['early'][0])] if line.name == 'umask']
    expect(masks == ['0123', '0321', '0213'], f'masks of the early process: {masks}')
    late = [line for line in lines.read(f'{path}/strace/unseen/late') if line.name == 'umask']
    expect(len(late) == 1, f'strace saw {len(late)} of 3 calls of a process that ran before it')
    expect('init: ' in said and 'Operation not permitted' in said.split('init: ')[1], f'strace was not refused init: {said}')
    init = [line.name for line in logs[1]]
    expect(init.count('clone') + init.count('fork') + init.count('vfork') > 5,
           f'{len(init)} calls of init, the first ones {init[:3]}')
    status, _, _ = qebek('read', '-q', '-p', '1', '--output', f'jsonl:{path}/init.jsonl', f'{path}/trace.qbk')
    expect(status == 0 and any(o['type'] == 'call' and o['pid'] == 1 for o in json_lines(f'{path}/init.jsonl')),
           'no call of process 1 in JSON Lines')
    return f'100 calls under another tracer, {len(init)} of init, 3 of a process that strace sees 1 of'
