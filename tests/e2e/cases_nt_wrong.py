# SPDX-License-Identifier: GPL-2.0-or-later
"""NT kernels that do not tell what they are: damaged images, and what is left of the trace."""
import os
import shutil
import subprocess

import nt_truth
from cases_nt import trace
from cases_nt_profile import facts_of, save, table
from harness import TOP, case, check_counts, expect, folder, json_lines, qebek, script


def changed(path, release, name, *changes):
    """An image of the test machine with these bytes put in place of others, all of the same length; its folder."""
    with open(os.path.join(script('guest-nt', release), name), 'rb') as f:
        image = f.read()
    for old, new in changes:
        expect(len(old) == len(new) and old in image, f'{old} is not in {name}')
        image = image.replace(old, new)
    os.makedirs(path, exist_ok=True)
    save(os.path.join(path, os.path.basename(name)), image)
    return path


def kernel(path, *changes, release='10'):
    return changed(path, release, 'clang/ntoskrnl.exe', *changes)


@case
def nt_no_getters():
    """Exports that tell of threads are stripped: numbers and registers. With a symbol table, all is known again."""
    path = folder('nt_no_getters')
    trace(path, '10', calls=30)
    whole = facts_of(path)
    stripped = kernel(f'{path}/stripped', (b'PsGetThread', b'PsXetThread'))
    trace(path, '10', calls=300, getters=stripped)
    calls = [line for line in json_lines(f'{path}/trace.jsonl') if line['type'] == 'call']
    named = sum(c['name'].startswith('Nt') for c in calls)
    expect(len(calls) > 100 and all(c['abi'] == 'raw' for c in calls) and named > 100, f'{len(calls)} calls, {named} with names')
    facts = facts_of(path)
    expect(facts['os'] == 'nt' and 'pairing' in facts and 'ETHREAD.Cid' in facts['missing'], f'{facts}')
    profile = save(f'{path}/table.json', table(whole))
    truth = trace(path, '10', '--profile', profile, calls=200, what=127, getters=stripped)
    expect('adds 2' in facts_of(path)['how'], f'{facts_of(path)}')
    told = nt_truth.compare(truth, f'{path}/trace.jsonl')
    os.unlink(f'{path}/memory')
    return f'{len(calls)} calls without; with a table {told}'


@case
def nt_no_names():
    """Neither the kernel's exports nor ntdll's or win32u's tell numbers: those of the release have names all the same."""
    path = folder('nt_no_names')
    stripped = kernel(f'{path}/kernel', (b'\0Zw', b'\0Xw'), release='11')
    stubs = changed(f'{path}/stubs', '11', 'ntdll.dll', (b'ntdll.dll\0', b'ntxxx.dll\0'))
    changed(f'{path}/stubs', '11', 'win32u.dll', (b'win32u.dll\0', b'winxxx.dll\0'))
    truth = trace(path, '11', calls=300, threads=2, getters=stripped, stubs=f'{stubs}/')
    facts = facts_of(path)
    expect('numbers by build table' in facts['how'] and 'Zw exports' not in facts['how'], facts['how'])
    expect({'ntdll', 'win32u'} <= set(facts['missing'].split(', ')), facts['missing'])
    told = nt_truth.compare(truth, f'{path}/trace.jsonl')
    calls = [line for line in json_lines(f'{path}/trace.jsonl') if line['type'] == 'call']
    names = {call['name'] for call in calls}
    expect({'NtReadFile', 'NtClose', 'NtUserPeekMessage'} <= names and not any('syscall' in n for n in names), f'{names}')
    chosen = ('NtUserPeekMessage', 'NtUserMessageCall')
    trace(path, '11', '-e', f'trace={",".join(chosen)}', calls=300, getters=stripped, stubs=f'{stubs}/')
    calls = [line for line in json_lines(f'{path}/trace.jsonl') if line['type'] == 'call']
    expect(calls and {call['name'] for call in calls} == set(chosen), f'{len(calls)} calls')
    expect(all(len(call['args']) == 4 and call['nr'] >> 12 == 1 for call in calls), f'{calls[0]}')
    os.unlink(f'{path}/memory')
    return f'{told}; {facts["how"]}'


@case
def nt_foreign_getters():
    """Getters in a shape that nobody knows: what they would tell is missing, and said to be; the rest goes on."""
    path = folder('nt_foreign_getters')
    odd = b'\x48\x8b\x04\x11\x90\x90\x90\xc3'  # mov rax, [rcx+rdx]
    teb, cid = (b'\x48\x8b\x81' + offset.to_bytes(4, 'little') + b'\xc3' for offset in (0xf0, 0x478))
    truth = trace(path, '10', calls=200, what=127, getters=kernel(f'{path}/teb', (teb, odd)))
    facts = facts_of(path)
    expect('KTHREAD.Teb' in facts['missing'] and 'pairing' not in facts, f'{facts}')
    told = nt_truth.compare(truth, f'{path}/trace.jsonl')
    status, out, _ = qebek('doctor', f'{path}/trace.qbk')
    expect(status == 0 and 'KTHREAD.Teb' in out and 'The kernel was found.' in out, f'{status}: {out}')
    next_to = cid.replace(b'\x78\x04', b'\x80\x04')
    trace(path, '10', calls=300, getters=kernel(f'{path}/cid', (cid, odd), (next_to, odd)))
    facts = facts_of(path)
    expect(facts['os'] == 'nt' and 'ETHREAD.Cid' in facts['missing'] and 'pairing' in facts, f'{facts}')
    calls = [line for line in json_lines(f'{path}/trace.jsonl') if line['type'] == 'call']
    expect(len(calls) > 100 and all(c['abi'] == 'raw' and c['args'] for c in calls), f'{len(calls)} calls')
    status, out, _ = qebek('doctor', f'{path}/trace.qbk')
    expect(status == 1 and 'ETHREAD.Cid' in out and 'Too little of the kernel was found' in out, f'{status}: {out}')
    os.unlink(f'{path}/memory')
    return f'{told}; {len(calls)} calls by stack'


@case
def nt_no_header():
    """The header of the kernel's image cannot be read: numbers and registers, and what is missing is said."""
    path = folder('nt_no_header')
    trace(path, '10', calls=300, bare=1)
    facts = facts_of(path)
    calls = [line for line in json_lines(f'{path}/trace.jsonl') if line['type'] == 'call']
    expect(len(calls) > 100 and all(c['abi'] == 'raw' and c['args'] for c in calls), f'{len(calls)} calls')
    expect(facts['os'] == 'unknown' and facts['missing'] == 'names, threads, processes', f'{facts}')
    check_counts(f'{path}/trace.qbk')
    status, out, _ = qebek('doctor', f'{path}/trace.qbk')
    expect(status == 1 and 'no kernel that qebek knows was found' in out, f'{status}: {out}')
    os.unlink(f'{path}/memory')
    return f'{len(calls)} calls by number'


@case
def nt_stranger():
    """An image that calls itself something else is no kernel of NT's: traced raw."""
    path = folder('nt_stranger')
    trace(path, '10', calls=300, getters=kernel(f'{path}/other', (b'ntoskrnl.exe\0', b'ntxxkrnl.exe\0')))
    calls = [line for line in json_lines(f'{path}/trace.jsonl') if line['type'] == 'call']
    expect(len(calls) > 100 and all(c['abi'] == 'raw' for c in calls), f'{len(calls)} calls')
    os.unlink(f'{path}/memory')
    return f'{len(calls)} calls by number'


@case
def nt_demo():
    """make demo-nt: without a disk, with one that is not there, and with an ISO of the test machine."""
    path = folder('nt_demo')
    demo = os.path.join(TOP, 'demo', 'nt')

    def run(*args, **env):
        done = subprocess.run([demo, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=150, check=False, text=True,
                              env={**os.environ, 'DISPLAY': '', 'WAYLAND_DISPLAY': '', 'BUILD_DEMO': '', **env})
        return done.returncode, done.stdout, done.stderr

    for args, word in (('',), 'which disk?'), ((f'{path}/no.img',), 'there is no'), ((path,), 'is a folder'):
        status, _, err = run(*args)
        expect(status == 1 and word in err and 'make demo-nt DISK=' in err and len(err.splitlines()) == 1, f'{status}: {err}')
    build, boot = script('guest-nt', '10'), f'{path}/iso/boot'
    os.makedirs(f'{boot}/grub')
    for name in ('loader.elf', 'clang/ntoskrnl.exe', 'ntdll.dll', 'win32u.dll', 'program.exe'):
        shutil.copy(os.path.join(build, name), boot)
    modules = '\n'.join(f'module /boot/{name}' for name in ('ntoskrnl.exe', 'ntdll.dll', 'win32u.dll', 'program.exe'))
    save(f'{boot}/grub/grub.cfg', f'set timeout=0\nmultiboot /boot/loader.elf cpus=1 calls=200\n{modules}\nboot\n'.encode())
    subprocess.run(['grub-mkrescue', '-o', f'{path}/nt.iso', f'{path}/iso'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   timeout=60, check=True)
    status, out, err = run(f'{path}/nt.iso', SECONDS_MAX='45', MEMORY='256')
    expect(status == 0 and 'guest: nt 10.0.19041' in out and 'ok: 0 violations' in out, f'{status}: {out[-500:]} {err[-300:]}')
    os.unlink(f'{path}/nt.iso')
    return next(line for line in out.splitlines() if line.startswith('guest: '))
