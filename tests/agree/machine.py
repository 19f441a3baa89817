# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that runs workloads under strace, watched by qebek at the same time."""
import hashlib
import os
import shlex
import subprocess
import tarfile

import harness

HERE = os.path.dirname(os.path.abspath(__file__))
RESULTS_MIB = 1024


def workloads():
    """Scripts over Debian's programs, and our own programs for hard cases."""
    return sorted(os.listdir(os.path.join(HERE, 'workloads')) +
                  [name[:-2] for name in os.listdir(os.path.join(HERE, 'programs')) if name.endswith('.c')])


def image():
    done = subprocess.run([os.path.join(HERE, 'image')], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    harness.expect(done.returncode == 0, f'image failed: {done.stderr.strip()[-500:]}')
    return done.stdout.strip().splitlines()[-1]


def qemu(path, kernel, vcpus, cpu):
    return [harness.QEMU, '-accel', 'tcg,thread=multi', '-cpu', cpu, '-smp', str(vcpus), '-m', '1536',
            '-display', 'none', '-nic', 'none', '-no-reboot', '-monitor', 'none', '-serial', f'file:{path}/console',
            '-kernel', harness.script('guest-kernel', harness.KERNELS[kernel]),
            '-append', 'console=ttyS0 quiet panic=-1 no_timer_check root=PARTUUID=71656265-01 rootwait rw init=/agree/init',
            '-drive', f'file={image()},if=none,id=root,format=raw,snapshot=on', '-device', 'nvme,drive=root,serial=root',
            '-drive', f'file={path}/results,if=none,id=results,format=raw,cache=unsafe',
            '-device', 'nvme,drive=results,serial=results']


def run(path, names, options, kernel, vcpus, cpu, limit, live=False):
    """Run the workloads in one machine: strace's logs of each into path/strace/WORKLOAD, our trace into path/trace.qbk
    (with `live` also as strace's logs into path/live)."""
    with open(f'{path}/results', 'wb') as f:
        f.write('\n'.join([shlex.join(options), *names, 'END', '']).encode())
        f.truncate(RESULTS_MIB << 20)
    if live:
        os.mkdir(f'{path}/live')
    started = harness.Run(path, [harness.QEBEK, 'run', '-q', *options, '--output', f'qbk:{path}/trace.qbk',
                                 *(['--output', f'strace:{path}/live/%p'] if live else []),
                                 '--', *qemu(path, kernel, vcpus, cpu)])
    status = started.wait(limit)
    console = harness.read_text(path + '/console').strip()[-600:]
    harness.expect(status == 0, f'status {status}: {started.err().strip()[-400:]} {console}')
    try:
        with tarfile.open(f'{path}/results') as tar:
            tar.extractall(f'{path}/strace', filter='data')
    except tarfile.TarError as error:
        raise harness.Failure(f'the guest brought no logs out: {error}; {console}') from None
    os.unlink(f'{path}/results')


def note_build(path):
    """Keeps, beside the logs, which build of the plugin made the trace."""
    digest = hashlib.sha256()
    for name in sorted(os.listdir(harness.BUILD)):
        if name.startswith('libqebek-') and name.endswith('.so'):
            with open(os.path.join(harness.BUILD, name), 'rb') as f:
                digest.update(f.read())
    with open(f'{path}/build', 'w', encoding='ascii') as f:
        f.write(digest.hexdigest())


def noted_build(path):
    return harness.read_text(f'{path}/build').strip()


def release(path):
    """The kernel's, as the guest said."""
    return harness.read_text(f'{path}/strace/release').strip()


def ours(path, options, trace=None):
    """Our trace as strace's logs, one file a thread, in path/ours."""
    os.makedirs(f'{path}/ours', exist_ok=True)
    for name in os.listdir(f'{path}/ours'):
        os.unlink(f'{path}/ours/{name}')
    status, _, err = harness.qebek('read', '-q', *options, '--output', f'strace:{path}/ours/%p',
                                   trace or f'{path}/trace.qbk', limit=600)
    harness.expect(status == 0, f'qebek read: status {status}: {err[-400:]}')
