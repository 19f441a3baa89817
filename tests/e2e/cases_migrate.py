# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine's state goes to a file, and another QEMU goes on from it; both are traced."""
from cases_attach import calls_in, wait_for_calls
from cases_truth import identity
from harness import QEBEK, Run, case, check_counts, expect, folder, json_lines, linux, monitor, read_text, wait_for


def machine(path, *extra):
    return Run(path, [QEBEK, 'run', '-q', '--debug-identity', '--output', f'jsonl:{path}/trace.jsonl', '--output', f'qbk:{path}/trace.qbk',
                      '--', *linux(path, '/bin/wrong.sh,long', disk=False, vcpus=2, monitor=True, extra=extra)])


def the_end(run):
    monitor(run.path, 'quit')
    expect(run.wait(60) == 0, run.err())
    status, counts = check_counts(f'{run.path}/trace.qbk', whole=False)
    expect(status == 0 and counts['ends']['orphaned'] == 0 and counts['lost_records'] == 0, f'{counts}')
    identity(f'{run.path}/trace.jsonl')
    objects = list(json_lines(f'{run.path}/trace.jsonl'))
    guests = [o for o in objects if o['type'] == 'guest']
    expect(len(guests) == 1, f'the kernel was found {len(guests)} times')
    return counts, {o['pid'] for o in objects if o['type'] == 'call'}


@case
def migrate():
    """The first ends with calls in flight; the second finds the kernel in the middle of its life, and joins those calls."""
    there, here = folder('migrate_from'), folder('migrate_to')
    source, target = machine(there), None
    try:
        wait_for('the guest began its script', lambda: 'begun' in read_text(f'{there}/results') or source.process.poll() is not None)
        wait_for_calls(source, calls_in(source) + 100)
        said = monitor(there, f'migrate "exec:cat >{here}/state"', 120)
        expect('rror' not in said, f'migrate: {said}')
        wait_for('the state is written', lambda: 'completed' in monitor(there, 'info migrate'), 120)
        counts, before = the_end(source)
        expect(counts['joined'] == 0 and counts['ends']['in_flight'] > 0, f'{counts}')
        target = machine(here, '-incoming', f'exec:cat {here}/state')
        wait_for_calls(target, 200, 120)
        counts, after = the_end(target)
    finally:
        source.kill()
        if target:
            target.kill()
    expect(counts['joined'] > 0, 'no call of before was joined')
    expect(before & after, f'no process lived on: {before}, {after}')
    return f'{counts["calls"]} calls after it, {counts["joined"]} joined'
