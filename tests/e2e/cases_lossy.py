# SPDX-License-Identifier: GPL-2.0-or-later
"""--lossy: four processors are held back by nobody, and what is lost is told exactly."""
import os
import signal

from harness import QEBEK, Run, case, check_counts, expect, folder, json_lines, linux, qebek, read_text, wait_for


@case
def lossy():
    """The reader stands still while all processors make calls; the guest gets its work done meanwhile."""
    path = folder('lossy')
    run = Run(path, [QEBEK, 'run', '-q', '--lossy', '--output', f'jsonl:{path}/trace.jsonl', '--output', f'qbk:{path}/trace.qbk', '--',
                     *linux(path, '/bin/wrong.sh,crowd', vcpus=4, disk=False)])
    try:
        wait_for('the guest began its work', lambda: 'begun' in read_text(f'{path}/results') or run.process.poll() is not None)
        os.kill(run.pid, signal.SIGSTOP)
        wait_for('the guest finished its work', lambda: 'worked' in read_text(f'{path}/results'), 240)
        os.kill(run.pid, signal.SIGCONT)
        expect(run.wait(240) == 0, run.err())
    finally:
        run.kill()
    status, counts = check_counts(f'{path}/trace.qbk', whole=False)
    expect(status == 0 and counts['ends']['orphaned'] == 0, f'check: status {status} {counts["messages"][:3]}')
    expect(counts['lost_records'] > 1000, f'only {counts["lost_records"]} records lost')
    gaps, summary = {}, None
    for o in json_lines(f'{path}/trace.jsonl'):
        if o['type'] == 'gap':
            gaps[o['vcpu']] = gaps.get(o['vcpu'], 0) + o['records']
        elif o['type'] == 'summary':
            summary = o['counters']
    expect(len(gaps) == 4, f'records were lost on {len(gaps)} of four processors')
    expect(summary['waits'] == 0, f'a processor waited {summary["waits"]} times')
    expect(sum(gaps.values()) == summary['lost'] == counts['lost_records'], f'{gaps} {summary["lost"]} {counts["lost_records"]}')
    _, out, _ = qebek('read', '-e', 'trace=none', f'{path}/trace.qbk')
    expect('# lost ' in out, 'the text does not tell')
    return f'{counts["lost_records"]} records lost and told, {counts["calls"]} calls'
