# SPDX-License-Identifier: GPL-2.0-or-later
"""One kernel starts another in its place: the calls of the old one end, and the new one is found."""
import os
import shutil
import subprocess

from harness import KERNELS, QEBEK, Run, case, check_counts, expect, folder, json_lines, linux, monitor, read_text, script, wait_for
from cases_attach import calls_in, wait_for_calls
from cases_truth import identity


def with_next_kernel(path, kernel, line):
    """The guests' file system, and in it another kernel, the same file system for that, and its command line."""
    inner = f'{path}/root/kexec'
    os.makedirs(inner)
    shutil.copy(script('guest-kernel', KERNELS[kernel]), f'{inner}/kernel')
    shutil.copy(script('guest-image'), f'{inner}/initrd')
    with open(f'{inner}/line', 'w', encoding='ascii') as f:
        f.write(line)
    names = ''.join(f'kexec{n}\n' for n in ('', '/kernel', '/initrd', '/line'))
    image = f'{path}/initrd'
    shutil.copy(script('guest-image'), image)
    with open(image, 'ab') as f:  # the kernel unpacks one archive after the other
        subprocess.run(['cpio', '--create', '--quiet', '--format=newc'], input=names.encode(), stdout=f, cwd=f'{path}/root', check=True)
    shutil.rmtree(f'{path}/root')
    return image


def begun(path):
    """The releases of the kernels whose scripts have begun."""
    return [line.split()[1] for line in read_text(f'{path}/results').splitlines() if line.startswith('begun ')]


def machine(path, kernel, following, vcpus, cpu='max'):
    command = linux(path, '/bin/kexec.sh', kernel, vcpus, cpu, disk=False, monitor=True, reboot=True)
    line = command[command.index('-append') + 1].replace('/bin/kexec.sh', '/bin/wrong.sh,kernel')
    command[command.index('-initrd') + 1] = with_next_kernel(path, following, line)
    return Run(path, [QEBEK, 'run', '-q', '--debug-identity', '--output', f'jsonl:{path}/trace.jsonl', '--output',
                      f'qbk:{path}/trace.qbk', '--', *command])


def wait_begun(run, count):
    wait_for(f'kernel {count} began its script', lambda: len(begun(run.path)) >= count or run.process.poll() is not None, 240)
    expect(len(begun(run.path)) == count, f'{read_text(run.path + "/results")} {read_text(run.path + "/console")[-300:]} {run.err()}')
    wait_for_calls(run, calls_in(run) + 100)


def the_end(run):
    monitor(run.path, 'quit')
    expect(run.wait() == 0, run.err())
    _, counts = check_counts(f'{run.path}/trace.qbk')
    identity(f'{run.path}/trace.jsonl')
    objects = list(json_lines(f'{run.path}/trace.jsonl'))
    guests = [o for o in objects if o['type'] == 'guest']
    return counts, objects, [g['facts']['release'] for g in guests]


def lives(objects):
    """The calls between each kernel that was found and the next."""
    parts = []
    for o in objects:
        if o['type'] == 'guest':
            parts.append([])
        elif o['type'] == 'call' and parts:
            parts[-1].append(o)
    return parts


@case('kexec-other')
def kexec_other(name):
    """Into a later version; then a reset, which leads into the earlier one, and so on."""
    path = folder(name)
    run = machine(path, '6.1', '6.12', 2)
    try:
        wait_begun(run, 2)
        monitor(path, 'system_reset')
        wait_begun(run, 4)
        counts, objects, releases = the_end(run)
    finally:
        run.kill()
    truth = begun(path)
    expect(truth[0] != truth[1] and truth[:2] == truth[2:] and releases == truth, f'{releases} found, {truth} ran')
    for number, life in enumerate(lives(objects)):
        expect(sum(c['end'] == 'returned' for c in life) > 50, 'few calls of a kernel')
        if number % 2 == 0:  # these were ended by kexec
            gone = [c['name'] for c in life if c['end'] == 'machine_gone']
            expect(all(gone.count(name) == 1 for name in ('reboot', 'clock_nanosleep', 'read')), f'machine_gone: {gone}')
    return f'{" ".join(releases)}; {counts["ends"]["machine_gone"]} machine_gone'


@case('kexec-same')
def kexec_same(name):
    """Into the same version: the newest, on isolated page tables."""
    path = folder(name)
    run = machine(path, 'newest', 'newest', 1, 'Skylake-Client-v1')
    try:
        wait_begun(run, 2)
        counts, _, releases = the_end(run)
    finally:
        run.kill()
    truth = begun(path)
    expect(truth[0] == truth[1] and releases == truth, f'{releases} found, {truth} ran')
    return f'{" ".join(releases)}; {counts["ends"]["machine_gone"]} machine_gone'
