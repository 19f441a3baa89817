# SPDX-License-Identifier: GPL-2.0-or-later
"""Hook modules: what they see is what the guest did, whatever the tracer beside them is asked for."""
import collections
import os
import re
import signal
import subprocess

from harness import (BUILD, QEBEK, TOP, Run, case, check_counts, expect, folder, json_lines, linux, one_clear_line, qebek,
                     read_text, wait_for)
from cases_wrong import notlinux
from truth import read_truth

EXAMPLES = os.path.join(BUILD, 'examples')
PROBE = os.path.join(BUILD, 'tests', 'e2e', 'modules', 'probe.so')
CXX = os.path.join(BUILD, 'tests', 'e2e', 'modules', 'cxx.so')
UNIT = os.path.join(BUILD, 'tests', 'unit', 'calls', 'modules')
USAGE = 2


def example(name, args=None):
    return ['--module', f'{EXAMPLES}/{name}.so' + (f'={args}' if args is not None else '')]


def probe(args):
    return ['--module', f'{PROBE}={args}']


def logs(objects, prefix):
    """The rest of each line that a module logged."""
    return [o['text'][len(prefix):] for o in objects if o['type'] == 'log' and o['text'].startswith(prefix)]


def traced(name, programs, *options, vcpus=4):
    """The objects of a machine that ran some truth programs, checked; and what the guest says of itself."""
    path = folder(name)
    run = Run(path, [QEBEK, 'run', '-q', *options, '--output', f'jsonl:{path}/trace.jsonl', '--output',
                     f'qbk:{path}/trace.qbk', '--', *linux(path, f'/bin/truth,{programs},/dev/nvme0n1', vcpus=vcpus)])
    status = run.wait(150)
    expect(status == 0, f'status {status}: {run.err().strip()[-400:]}')
    expect(run.err() == '', f'said: {run.err()[-300:]}')
    status, counts = check_counts(f'{path}/trace.qbk', whole=False)
    expect(status == 0, f'qebek check: {counts["messages"][:5]}')
    truth = read_truth(f'{path}/truth')
    os.unlink(f'{path}/truth')
    return list(json_lines(f'{path}/trace.jsonl')), truth


def probe_counts(objects):
    """Callbacks of each of the probe's hooks: letter → (pre, post); and the ends that its hook on all saw."""
    said = logs(objects, 'probe: ')
    expect(said[0] == 'init', f'the probe did not begin: {said[:2]}')
    words = said[-2].split()
    expect(words[:4] == ['wrong', '0', 'late', '0'], f'the probe found fault: {said[-2]}')
    pairs = {words[i]: tuple(int(n) for n in words[i + 1].split('/')) for i in range(4, len(words), 2)}
    expect(all(pre == post for pre, post in pairs.values()), f'not as many post as pre: {said[-2]}')
    return pairs, [int(n) for n in said[-1].split()[1:]]


def unescape(text):
    return re.sub(rb'\\x([0-9a-f]{2})', lambda m: bytes([int(m[1], 16)]), text.encode('latin-1'))


def compare_reads(objects, truth):
    """What the module logged for a thread of the truth is every read that succeeded there, in order, with its data."""
    logged = collections.defaultdict(list)
    for line in logs(objects, 'reads: '):
        m = re.fullmatch(r'tid (\d+) fd (\d+) got (\d+), (\d+) here: "(.*)"', line)
        expect(m, f'not a line of the module: {line}')
        logged[int(m[1])].append((int(m[2]), int(m[3]), unescape(m[5])))
    compared = 0
    for tid, entries in truth.items():
        true = [(e.args[0], e.result, e.data[1][1][:900]) for e in entries
                if e.kind == 'c' and e.name == 'read' and e.end == 'R' and e.result > 0]
        have = logged[tid]
        expect(have == true, f'thread {tid}: {len(have)} reads logged, {len(true)} made; '
               f'the first that differs: {next(((a, b) for a, b in zip(have, true) if a != b), "at the end")}')
        compared += len(true)
    expect(compared > 100, f'only {compared} reads were compared')
    return compared


@case
def modules_beside_filters():
    """Modules see what the tracer's filters keep out of the trace, several at once, each with its own contexts."""
    objects, truth = traced('modules_beside_filters', 'files:5,pipes,children,threads,signals', '--comm', 'nobody', '-p', '999999', '-e',
                            'trace=chdir', *example('reads'), *probe('nx'), *example('opens', '/tmp/d'), '--module', CXX)
    expect(not [o for o in objects if o['type'] == 'call'], 'the filters let a call through')
    reads = compare_reads(objects, truth)
    calls = [e for entries in truth.values() for e in entries if e.kind == 'c']
    pairs, _ = probe_counts(objects)
    for letter, name in (('n', 'getppid'), ('x', 'getpid')):
        true = sum(e.name == name for e in calls)
        expect(pairs[letter][0] >= true > 0, f'{name}: {pairs[letter][0]} seen, {true} made')
    said = logs(objects, 'opens: ')
    total, refused, ended = (int(n) for n in re.fullmatch(r'(\d+) calls, (\d+) refused, (\d+) ended', said[-1]).groups())
    true = [e for e in calls if e.name == 'openat' and e.data.get(1, ('', b''))[1].startswith(b'/tmp/d')]
    expect(len(true) > 0 and ended >= len(true), f'{ended} watched, {len(true)} made')
    expect(total == refused + ended and refused > ended, f'refused calls came back: {said[-1]}')
    expect([int(line.split()[0]) for line in said[:-1] if line.endswith('/tmp/data')] == [e.result for e in true],
           'not the results that the guest had')
    runs = logs(objects, 'cxx: runs ')
    expect('truth' in runs, f'the C++ module saw no program start: {runs}')
    summary = objects[-1]['counters']
    expect(summary['entries'] == 0 and summary['unwatched'] > len(calls) and summary['no_room'] == 0, f'{summary}')
    return f'{reads} reads, {ended} of {total} opens, {len(calls)} calls of the truth'


@case
def modules_count():
    """Counts of a module that hooks everything are those of the trace: calls by number, and how each ended."""
    objects, truth = traced('modules_count', 'mix:3000,children,deaths,signals', *example('counter'), *probe('aex'))
    numbers = collections.Counter()
    names = {}
    for line in logs(objects, 'counter: '):
        abi, nr, name, n = re.fullmatch(r'abi (\d+) nr (\d+) (\S+) (\d+)', line).groups()
        numbers[int(abi), int(nr)] = int(n)
        names[int(abi), int(nr)] = name
    calls = [o for o in objects if o['type'] == 'call']
    in_trace = collections.Counter(c['nr'] for c in calls)
    expect({abi for abi, _ in numbers} == {0}, f'calls of other interfaces: {numbers}')
    counted = {nr: n for (_, nr), n in numbers.items()}
    expect(counted == dict(in_trace), f'counted {counted}, in the trace {dict(in_trace)}')
    other = {(names[0, c['nr']], c['name']) for c in calls}
    other = {(a, b) for a, b in other if a != b and not (a == '?' and b.startswith('syscall_0x'))}
    expect(not other, f'other names than in the trace: {other}')
    pairs, ends = probe_counts(objects)
    expect(pairs['a'][0] == len(calls) > 4000, f'the hook on all saw {pairs["a"][0]} of {len(calls)} calls')
    order = ['returned', 'noreturn', 'interrupted', 'pending', 'in_flight', 'thread_gone', 'machine_gone', 'orphaned']
    in_trace = collections.Counter(c['end'] for c in calls)
    expect(ends == [in_trace[end] for end in order], f'ends {ends}, in the trace {dict(in_trace)}')
    for letter, name in (('e', 'exit_group'), ('x', 'getpid')):
        n = sum(c['name'] == name for c in calls)
        expect(pairs[letter][0] == n > 0, f'{name}: {pairs[letter][0]} seen, {n} in the trace')
    true = sum(e.kind == 'c' for entries in truth.values() for e in entries)
    expect(true <= len(calls), f'{true} calls were made')
    return f'{len(calls)} calls of {len(numbers)} kinds, {sum(n > 0 for n in ends)} kinds of ends'


def wrong_module(path, kind):
    """The options, and what the one line must say."""
    text = f'{path}/text.so'
    with open(text, 'w', encoding='ascii') as f:
        f.write('not a shared object\n')
    return {'missing': (['--module', '/nonexistent/module.so'], ['/nonexistent/module.so', 'No such file']),
            'text': (['--module', text], [text]),
            'folder': (['--module', path], [path]),
            'no-init': (['--module', f'{UNIT}/none.so'], ['none.so', 'qebek_module_init']),
            'no-abi': (['--module', f'{UNIT}/noabi.so'], ['noabi.so', 'qebek_module_abi']),
            'newer': (['--module', f'{UNIT}/newer.so'], ['newer.so', 'version 1000']),
            'symbol': (['--module', f'{UNIT}/unresolved.so'], ['unresolved.so', 'nobody_has_this']),
            'init': (probe('fail'), ['probe.so', 'init', 'Permission denied']),
            'second': ([*example('counter'), *probe('fail')], ['probe.so', 'Permission denied']),
            'args': (example('opens'), ['opens.so', 'Invalid argument']),
            'twice': ([*example('reads'), *example('counter'), *example('reads')], ['reads.so', 'twice'])}[kind]


@case(*(f'module-{kind}' for kind in ('missing', 'text', 'folder', 'no-init', 'no-abi', 'newer', 'symbol', 'init', 'second',
                                      'args', 'twice')))
def module_refused(name):
    """One line, exit status 2, and the machine is not started."""
    path = folder(name)
    options, words = wrong_module(path, name.split('-', 1)[1])
    run = Run(path, [QEBEK, 'run', *options, '--output', f'jsonl:{path}/trace.jsonl', '--',
                     *linux(path, '/bin/wrong.sh,short', disk=False)])
    status = run.wait(30)
    expect(status == USAGE, f'status {status}: {run.err()[-300:]}')
    one_clear_line(run.err(), *words)
    expect(read_text(f'{path}/console') + read_text(f'{path}/results') == '', 'the machine was started all the same')


def attached(path, n, sock, *options):
    """Attach until the guest has gone on for a while, then leave; the objects of that trace."""
    trace = f'{path}/{n}.jsonl'
    run = Run(folder(f'modules_attached/{n}'),
              [QEBEK, 'attach', '-q', *options, '--output', f'jsonl:{trace}', sock])
    try:
        wait_for('the guest is traced', lambda: read_text(trace).count('"openat"') > 3 or
                 run.process.poll() is not None, 60)
        expect(run.process.poll() is None, f'ended at once: {run.err()[-300:]}')
        os.kill(run.pid, signal.SIGINT)
        status = run.wait(20)
    finally:
        run.kill()
    expect(status == 0 and run.err() == '', f'status {status}: {run.err()[-300:]}')
    objects = list(json_lines(trace))
    expect(objects[-1]['type'] == 'summary', 'no summary at the end')
    return objects


@case
def modules_attached():
    """Modules live as long as a trace: loaded anew by each that asks for them, gone with it, refused without harm."""
    path = folder('modules_attached')
    sock = f'{path}/socket'
    status, out, err = qebek('plugin', '--socket', sock)
    expect(status == 0, err)
    plugin = out.split(' ', 1)[1].strip().strip("'")
    with open(f'{path}/qemu', 'wb') as said, subprocess.Popen(
            [*linux(path, '/bin/wrong.sh,long', disk=False, vcpus=2), '-plugin', plugin], stdin=subprocess.DEVNULL,
            stdout=said, stderr=said) as qemu:
        try:
            wait_for('the guest began', lambda: 'begun' in read_text(f'{path}/results'))
            blocked = 0
            for n in range(10):  # twice, and again where nobody happened to be inside a call at the end
                objects = attached(path, n, sock, *example('counter'), *probe('ae'))
                pairs, ends = probe_counts(objects)
                calls = sum(o['type'] == 'call' for o in objects)
                counted = sum(int(line.split()[-1]) for line in logs(objects, 'counter: '))
                expect(pairs['a'][0] == counted == calls, f'{pairs["a"][0]} seen, {counted} counted, {calls} in the trace')
                blocked += ends[4]
                if n > 0 and blocked:
                    break
            expect(blocked, 'no call was ever in flight when a trace ended')
            status, _, err = qebek('attach', *probe('fail'), '--output', f'jsonl:{path}/failed.jsonl', sock)
            expect(status == USAGE, f'status {status}: {err}')
            one_clear_line(err, 'probe.so', 'Permission denied')
            objects = attached(path, 'without', sock)
            expect(not [o for o in objects if o['type'] == 'log'], 'a module of an earlier trace still logs')
            objects = attached(path, 'others', sock, *probe('n'), *example('opens', '/proc'))
            expect(probe_counts(objects)[0]['a'] == (0, 0), 'hooks of an earlier trace are in force')
            expect(any('/proc/version' in line for line in logs(objects, 'opens: ')), 'nothing of /proc was opened')
            expect(qemu.poll() is None, f'QEMU ended: {read_text(path + "/qemu")[-300:]}')
        finally:
            qemu.kill()
    expect(read_text(f'{path}/qemu') == '', f'QEMU said: {read_text(path + "/qemu")[-300:]}')
    return f'{calls} calls in the last of {n + 1} traces with modules'


@case
def modules_documented():
    """The module in docs/modules.md builds as it says, with the header as it is installed, and runs; a guest that is
    not known has hooks, too."""
    path = folder('modules_documented')
    with open(f'{TOP}/docs/modules.md', encoding='utf-8') as f:
        source = re.search(r'```c\n(.*?)```', f.read(), re.S)[1]
    with open(f'{path}/counter.c', 'w', encoding='utf-8') as f:
        f.write(source)
    include = f'{path}/include'
    os.makedirs(include)
    for line in read_text(f'{TOP}/meson.build').splitlines():  # the installation itself has a test of its own
        if line.startswith('install_headers('):
            for header in re.findall(r"'(include/[^']+)'", line):
                os.makedirs(f'{include}/qebek', exist_ok=True)
                os.symlink(f'{TOP}/{header}', f'{path}/{header}')
    done = subprocess.run(['cc', '-Wall', '-Wextra', '-Wno-unused-parameter', '-Werror', '-shared', '-fPIC', f'-I{include}',
                           '-o', f'{path}/counter.so', f'{path}/counter.c'], stderr=subprocess.PIPE, text=True, check=False)
    expect(done.returncode == 0, done.stderr[-400:])
    run = Run(path, [QEBEK, 'run', '-q', '--module', f'{path}/counter.so', *probe('a'), '--output',
                     f'jsonl:{path}/trace.jsonl', '--', *notlinux(path)])
    expect(run.wait(60) == 43, run.err()[-300:])
    objects = list(json_lines(f'{path}/trace.jsonl'))
    expect(logs(objects, 'openat: ') == ['0'], f'{logs(objects, "openat: ")}')
    pairs, ends = probe_counts(objects)
    calls = sum(o['type'] == 'call' for o in objects)
    expect(pairs['a'][0] == calls > 0 and ends[4] == 1, f'{pairs["a"]} of {calls} calls, ends {ends}')
    return f'{calls} calls of a guest that is not known'


@case
def modules_end_in_a_crowd():
    """A device ends QEMU while other vCPUs make calls: no callback runs after a module's exit, and the trace is whole."""
    path = folder('modules_end_in_a_crowd')
    run = Run(path, [QEBEK, 'run', '-q', *probe('a'), '--output', f'jsonl:{path}/trace.jsonl', '--output',
                     f'qbk:{path}/trace.qbk', '--', *linux(path, '/bin/wrong.sh,exit', vcpus=4, disk=False, extra=(
                         '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'))])
    status = run.wait(100)
    expect(status == 15, f'status {status}: {run.err()[-300:]}')
    expect(run.err() == '', f'said: {run.err()[-300:]}')
    _, counts = check_counts(f'{path}/trace.qbk')
    objects = list(json_lines(f'{path}/trace.jsonl'))
    pairs, ends = probe_counts(objects)
    calls = sum(o['type'] == 'call' for o in objects)
    expect(pairs['a'][0] == calls, f'{pairs["a"]} of {calls} calls')
    return f'{calls} calls, {counts["ends"]["in_flight"]} in flight'
