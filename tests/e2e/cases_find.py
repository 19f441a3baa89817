# SPDX-License-Identifier: GPL-2.0-or-later
"""What the finder says of real kernels, without a machine: their unpacked images are what would lie in memory."""
import os
import subprocess

from harness import KERNELS, case, expect, folder
from kernels import FINDER, vmlinux

# The kernel's own name of a call's implementation, where the call is known by another.
OTHER_NAMES = {'newstat': 'stat', 'newfstat': 'fstat', 'newlstat': 'lstat', 'sendfile64': 'sendfile',
               'newuname': 'uname', 'umount': 'umount2'}


def lines_of(out, key):
    return [line.split()[1:] for line in out.splitlines() if line.startswith(key + ' ')]


@case(*(f'find-{kernel}' for kernel in KERNELS))
def find_kernel(name):
    """All that the plugin asks for is found, and our table of calls agrees with the kernel's own."""
    path = folder(name)
    image = vmlinux(path, KERNELS[name.split('-', 1)[1]])
    done = subprocess.run([FINDER, image, '30', '0x2545f4914f6cdd1d'], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False, timeout=300)
    os.unlink(image)
    out = done.stdout
    expect(done.returncode == 0, f'status {done.returncode}: {done.stderr[-500:]}')
    facts = {words[0]: ' '.join(words[1:]) for words in lines_of(out, 'text')}
    expect(facts['how'] == 'kallsyms and BTF' and 'missing' not in facts, f'not all was found: {facts}')
    expect(len(facts.get('build_id', '')) == 40, f'build id: {facts.get("build_id")}')
    lost = [p for p, address in lines_of(out, 'probe') if address == '0']
    expect(not lost, f'probes not found: {lost}')
    lost = [o for o, value in lines_of(out, 'offset') if value == '-1']
    expect(not lost, f'offsets not found: {lost}')
    expect(lines_of(out, 'current') != [['0']], 'the current thread is not found')
    services = lines_of(out, 'service')
    expect(len(services) > 330, f'only {len(services)} calls in the kernel\'s table')
    wrong = [s for s in services if s[3] != '-' and s[3] != OTHER_NAMES.get(s[1], s[1])]
    expect(not wrong, f'other names than the kernel has: {wrong}')
    told = {words.split()[1] for words in facts.get('services', '').split(', ') if words}
    unknown = {s[1] for s in services if s[3] == '-'}
    expect(told == unknown, f'calls without a row: {unknown}, told: {told}')
    expect(out.count('survived') == 2 and 'invalid' not in out, f'damaged images: {out[-200:]}')
    return f'{lines_of(out, "symbols")[0][0]} symbols, {len(services)} calls, {len(unknown)} of them new'


# What the sources of all three kernels say of these functions.
FUNCTIONS = {
    'vfs_read': 'file:file/8 buf:bytes/8 count:uint/8 pos:to_int/8 -> int/8',
    'vfs_write': 'file:file/8 buf:bytes/8 count:uint/8 pos:to_int/8 -> int/8',
    'filp_open': 'filename:string/8 flags:int/4 mode:uint/2 -> file/8',
    'dentry_open': 'path:path/8 flags:int/4 cred:hex/8 -> file/8',
    'do_exit': 'code:int/8 -> void/0',
    'capable': 'cap:int/4 -> bool/1',
    'schedule': '-> void/0',
}


@case(*(f'find-functions-{kernel}' for kernel in KERNELS))
def find_functions(name):
    """Kernel functions by name and pattern, with what the kernel's own types say of their arguments."""
    path = folder(name)
    image = vmlinux(path, KERNELS[name.split('-', 2)[2]])
    specs = [f'kernel:{function}' for function in FUNCTIONS] + ['kernel:vfs_raed', 'kernel:tcp_*', 'kernel:print_fmt_*']
    done = subprocess.run([FINDER, image, 'functions', *specs], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False, timeout=300)
    os.unlink(image)
    expect(done.returncode == 0, f'status {done.returncode}: {done.stderr[-500:]}')
    told = {words[0]: ' '.join(words[1:]) for words in lines_of(done.stdout, 'function')}
    for function, prototype in FUNCTIONS.items():
        expect(told.get(function) == prototype, f'{function}: {told.get(function)}, not {prototype}')
    wrong = [' '.join(words) for words in lines_of(done.stdout, 'wrong')]
    expect(len(wrong) == 2 and 'near it: vfs_read' in wrong[0], f'told of a wrong name: {wrong}')
    expect('no function print_fmt_*' in wrong[1], f'data taken for functions: {wrong}')
    tcp = [function for function in told if function.startswith('tcp_')]
    known = [function for function in tcp if '?' not in told[function]]
    expect(len(tcp) > 300 and len(known) > 0.7 * len(tcp), f'{len(tcp)} of TCP, {len(known)} with types')
    expect('sk:hex/8' in told['tcp_sendmsg'], f'tcp_sendmsg: {told["tcp_sendmsg"]}')
    return f'{len(tcp)} functions of TCP, {len(known)} with types'
