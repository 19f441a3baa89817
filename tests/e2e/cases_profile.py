# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels that do not tell what they are: without type information, without symbols; and what --profile gives back."""
import os

from harness import QEBEK, KERNELS, Run, case, check_counts, expect, folder, json_lines, linux
from kernels import symbol_map, take_btf, vmlinux, without_symbols
from truth import compare

KERNEL = '6.1'


def save(path, content):
    with open(path, 'wb') as f:
        f.write(content)
    return path


def run(path, image, *options, check=True):
    """Boot an ELF image (QEMU starts it by its PVH note), traced; the objects of the trace."""
    command = linux(path, '/bin/truth,files,children,/dev/nvme0n1', KERNEL)
    command[command.index('-kernel') + 1] = save(f'{path}/vmlinux', image)
    done = Run(path, [QEBEK, 'run', '-q', *options, '--capture', '16k', '--output', f'jsonl:{path}/trace.jsonl',
                      '--output', f'qbk:{path}/trace.qbk', '--', *command])
    expect(done.wait() == 0, done.err()[-300:])
    os.unlink(f'{path}/vmlinux')
    if check:
        check_counts(f'{path}/trace.qbk')
    return list(json_lines(f'{path}/trace.jsonl'))


def original(path):
    with open(vmlinux(path, KERNELS[KERNEL]), 'rb') as f:
        return f.read()


def facts(objects):
    return [o['facts'] for o in objects if o['type'] == 'guest'][-1]


def named(objects, name):
    return sum(o['type'] == 'call' and o['name'] == name for o in objects)


@case
def no_btf():
    """Calls by thread and by name; who the threads are is not known. With the BTF given, all is."""
    path = folder('no_btf')
    btf, image = take_btf(original(path))
    objects = run(path, image)
    told = facts(objects)
    expect(told['how'] == 'kallsyms' and 'layouts' in told['missing'], f'what is missing is not told: {told}')
    calls = [o for o in objects if o['type'] == 'call']
    expect(all('pid' not in c for c in calls), 'a process number out of nowhere')
    expect(named(objects, 'openat') > 10 and named(objects, 'fork') + named(objects, 'clone') > 10,
           'calls are not named')
    expect(len({c['thread'] for c in calls}) > 20, 'threads are not kept apart')
    objects = run(path, image, '--profile', save(f'{path}/btf', btf))
    expect('missing' not in facts(objects), f'{facts(objects)}')
    result = compare(f'{path}/truth', f'{path}/trace.jsonl')
    return f'{len(calls)} calls without, {result.calls} as the guest says with --profile'


@case
def no_symbols():
    """Neither symbols nor types: numbers and registers. With a System.map and BTF in the image, all is known."""
    path = folder('no_symbols')
    image = original(path)
    save(f'{path}/System.map', symbol_map(f'{path}/vmlinux'))
    bare = without_symbols(take_btf(image)[1])
    objects = run(path, bare)
    told = facts(objects)
    expect(told['pairing'] == 'page table and stack pointer', f'{told}')
    calls = [o for o in objects if o['type'] == 'call']
    expect(len(calls) > 500 and all(c['abi'] == 'raw' for c in calls), f'{len(calls)} calls')
    objects = run(path, without_symbols(image), '--profile', f'{path}/System.map')
    expect(facts(objects)['how'] == 'System.map and BTF' and 'missing' not in facts(objects), f'{facts(objects)}')
    result = compare(f'{path}/truth', f'{path}/trace.jsonl')
    return f'{len(calls)} calls without, {result.calls} as the guest says with --profile'


@case
def missed_switches():
    """The probe at the context switch lies elsewhere: noticed by itself, told, and calls still go to who made them."""
    path = folder('missed_switches')
    image = original(path)
    lines = symbol_map(f'{path}/vmlinux').decode().splitlines()
    elsewhere = next(line.split()[0] for line in lines if line.endswith(' panic'))
    wrong = [f'{elsewhere} T __switch_to' if line.endswith(' __switch_to') else line for line in lines]
    save(f'{path}/System.map', '\n'.join(wrong).encode() + b'\n')
    objects = run(path, without_symbols(image), '--profile', f'{path}/System.map', check=False)
    errors = [o for o in objects if o['type'] == 'error']
    expect(len(errors) == 1 and 'switches threads' in errors[0]['text'], f'not told: {errors}')
    result = compare(f'{path}/truth', f'{path}/trace.jsonl')
    return f'told as number {errors[0]["seq"]}, {result.calls} calls as the guest says'
