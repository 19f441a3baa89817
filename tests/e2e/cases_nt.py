# SPDX-License-Identifier: GPL-2.0-or-later
"""NT guests: the test machine's own account of every call against the trace."""
import os

import nt_truth
from harness import QEBEK, QEMU, Failure, Run, case, check_counts, expect, folder, json_lines, read_text, script

# Everything that the machine's threads do: bits of enum start_options in tests/nt/machine/plan.h.
ALL = 127 | 256 | 1024
LIES = {1: 'result', 2: 'result', 3: 'argument 0', 4: 'bytes of argument', 5: 'depth', 6: 'completion', 7: 'completion', 8: 'direct'}
PENDING = 16  # of enum start_options


def machine(path, release, vcpus=1, cpu='max', getters='clang', stubs='', program='program.exe', megabytes=256, **options):
    """The QEMU command of the test machine; its memory and its serial port are files in `path`. getters, stubs: folders
    of the kernel, and of ntdll and win32u."""
    build = script('guest-nt', release)
    words = ' '.join(f'{key}={value}' for key, value in {'cpus': vcpus, **options}.items())
    modules = ','.join(os.path.join(build, name) for name in (f'{getters}/ntoskrnl.exe', f'{stubs}ntdll.dll', f'{stubs}win32u.dll', program))
    return [QEMU, '-accel', 'tcg,thread=multi', '-cpu', cpu, '-smp', str(vcpus), '-m', str(megabytes), '-display',
            'none', '-nic', 'none', '-monitor', 'none', '-no-reboot', '-serial', f'file:{path}/console',
            '-device', 'isa-debug-exit,iobase=0xf4,iosize=4',
            '-object', f'memory-backend-file,id=ram,size={megabytes}M,mem-path={path}/memory,share=on',
            '-machine', 'memory-backend=ram', '-kernel', os.path.join(build, 'loader.elf'), '-append', words,
            '-initrd', modules]


def trace(path, release, *qebek_options, **options):
    """Run the machine traced; returns what its threads wrote down."""
    run = Run(path, [QEBEK, 'run', '--capture', '16384', '--output', f'jsonl:{path}/trace.jsonl',
                     '--output', f'qbk:{path}/trace.qbk', *qebek_options, '--', *machine(path, release, **options)])
    status = run.wait(100)
    expect(status == 1, f'status {status}: {run.err().strip()[-300:]} {read_text(f"{path}/console")[-200:]}')
    return nt_truth.read(read_text(f'{path}/console'), f'{path}/memory')


def check(path, release, times=1, **options):
    """times: how many times as many calls as otherwise each thread makes."""
    truth = trace(path, release, calls=700 * times, threads=3, procs=3, what=ALL, log=512 * times, megabytes=256 * times, **options)
    check_counts(f'{path}/trace.qbk')
    summary = [line for line in json_lines(f'{path}/trace.jsonl') if line['type'] == 'summary'][-1]
    missed = summary['counters']['before_start']
    expect(missed == 0, f'{missed} calls before the kernel was found')
    told = nt_truth.compare(truth, f'{path}/trace.jsonl')
    os.unlink(f'{path}/memory')
    return told


@case('nt-10', 'nt-7', 'nt-11')
def each_release(name):
    """One vCPU: preemption, callbacks, APCs, exceptions, deaths, pending reads, direct calls."""
    return check(folder(name), name.split('-')[1], seed=3)


@case
def nt_10_vcpus():
    """Four vCPUs."""
    return check(folder('nt_10_vcpus'), '10', vcpus=4, seed=5)


@case('nt-10-shadow', 'nt-10-shadow-vcpus')
def shadow(name):
    """User mode runs on page tables without the kernel's memory."""
    return check(folder(name), '10', shadow=1, vcpus=4 if name.endswith('vcpus') else 1, seed=7)


@case
def nt_10_int2e():
    """All stubs enter by int 2Eh."""
    return check(folder('nt_10_int2e'), '10', int2e=1, seed=9)


@case('nt-xp', 'nt-xp-vcpus')
def xp(name):
    """x86: in by sysenter and int 2Eh, out by sysexit and iretd; with several vCPUs each has its own KPCR."""
    return check(folder(name), 'xp', vcpus=4 if name.endswith('vcpus') else 1, seed=11)


@case('nt-xp-nosep', 'nt-xp-nosep-vcpus')
def xp_nosep(name):
    """x86 without sysenter: in by int 2Eh, out by iretd."""
    vcpus = 4 if name.endswith('vcpus') else 1
    return check(folder(name), 'xp', vcpus=vcpus, cpu='pentium' if vcpus == 1 else 'max,-sep', seed=13)


@case('nt-identity-10', 'nt-identity-xp')
def identity(name):
    """A thread that comes back to where it made its call is not asked for its ids: they are what they were."""
    path = folder(name)
    truth = trace(path, name.split('-')[2], '--debug-identity', calls=500, threads=4, procs=3, what=ALL, log=512, vcpus=2, seed=23)
    told = nt_truth.compare(truth, f'{path}/trace.jsonl')
    n = [line for line in json_lines(f'{path}/trace.jsonl') if line['type'] == 'summary'][-1]['counters']
    expect(n['identity_compared'] > 1000 and n['identity_different'] == 0, f'{n}')
    os.unlink(f'{path}/memory')
    return f'{n["identity_compared"]} times of {n["identity_reads"]}; {told}'


FOUND = {'10': {'release': '10.0.19041', 'base': '0xfffff80002a00000'}, 'xp': {'release': '5.1.2600', 'base': '0x804d7000'}}


@case(*(f'nt-found-{release}-{getters}' for release in FOUND for getters in ('gcc', 'clang')))
def found(name):
    """What the guest record says, and names, of a kernel that was found without a profile."""
    path, release, getters = folder(name), *name.split('-')[2:]
    trace(path, release, getters=getters, calls=200, what=ALL)
    guests = [line['facts'] for line in json_lines(f'{path}/trace.jsonl') if line['type'] == 'guest']
    last = guests[-1]
    for key, value in {'os': 'nt', 'pdb': 'ntkrnlmp.pdb', 'system_root': 'C:\\WINDOWS', **FOUND[release]}.items():
        expect(last.get(key) == value, f'{key} is {last.get(key)}')
    expect(len(last['pdb_id']) == 34 and 'missing' not in last, f'{last.get("pdb_id")}, missing {last.get("missing")}')
    names = {call['name'] for call in json_lines(f'{path}/trace.jsonl') if call['type'] == 'call'}
    expect({'NtContinue', 'NtReadFile', 'NtTerminateThread'} <= names, f'names: {sorted(names)}')
    processes = {call['comm'] for call in json_lines(f'{path}/trace.jsonl') if call['type'] == 'call'}
    expect(processes == {'csrss.exe'}, f'processes: {processes}')
    os.unlink(f'{path}/memory')
    return last['how']


@case('nt-hooked-10', 'nt-hooked-xp')
def hooked(name):
    """Entries of the service tables that lead away: from the start, for some time, and never."""
    path, release, told = folder(name), name.split('-')[2], {}
    for hook in range(3):
        trace(path, release, calls=600, threads=3, what=ALL, log=512, hook=hook)
        told[hook] = [line['facts']['hooked'] for line in json_lines(f'{path}/trace.jsonl')
                      if line['type'] == 'guest' and 'hooked' in line['facts']]
    expect(told[0] == [], f'nothing was changed, but {told[0]}')
    expect(len(told[1]) == 1 and told[1][0].startswith('NtReadFile: the service table leads to 0x'), f'from the start: {told[1]}')
    away = sorted(text.split(':')[0] for text in told[2] if 'leads to' in text)
    back = sorted(text.split(':')[0] for text in told[2] if 'where it should again' in text)
    expect(away == back and len(away) == len(told[2]) / 2 == 2 and 'NtReadFile' in away, f'for some time: {told[2]}')
    os.unlink(f'{path}/memory')
    return told[1][0]


@case('nt-lies-10', 'nt-lies-xp')
def lies(name):
    """A truth that lies once a thread, in each of eight ways: the comparison must find each."""
    for lie, words in LIES.items():
        path = folder(f'{name}_{lie}')
        truth = trace(path, name.split('-')[2], calls=300 if lie in (6, 7) else 60, what=PENDING if lie in (6, 7) else 0, seed=lie, sabotage=lie, log=512)
        try:
            nt_truth.compare(truth, f'{path}/trace.jsonl')
        except Failure as failure:
            expect(words in str(failure) or 'end ' in str(failure), f'lie {lie} was found as: {failure}')
        else:
            raise Failure(f'lie {lie} ({words}) was not found')
        os.unlink(f'{path}/memory')
    return f'{len(LIES)} of {len(LIES)} lies found'
