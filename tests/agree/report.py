# SPDX-License-Identifier: GPL-2.0-or-later
"""What a comparison found, for people."""
import json
import os
import shutil

import compare
import harness


def fresh_folder(path):
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)


def compare_all(path):
    """Workload → Result, from the logs in this folder."""
    ours = compare.read_logs(f'{path}/ours')
    results = {}
    for name in sorted(os.listdir(f'{path}/strace')):
        if os.path.isdir(f'{path}/strace/{name}'):
            results[name] = compare.compare_threads(compare.read_logs(f'{path}/strace/{name}', 'log.'), ours)
    harness.expect(results, 'strace wrote no logs')
    return results


def show(results, top):
    total = compare.Result()
    print(f'{"workload":20} {"threads":>7} {"lines":>8} {"found":>8} {"missing":>7} {"extra":>6} {"identical":>9} {"%":>7}')
    for name, result in results.items():
        total.add(result)
        line(name, result)
    if len(results) > 1:
        line('total', total)
    for reason, count in total.reasons.most_common():
        print(f'{count} lines: {reason}')
    if total.differences:
        print('\ndifferences, by call:')
    for (kind, name), count in total.differences.most_common(top):
        print(f'{count:7} {kind:8} {name}')
        for theirs, ours in total.examples[kind, name]:
            if theirs is not None:
                print(f'          strace: {shorten(theirs, ours)}')
            if ours is not None:
                print(f'          qebek:  {shorten(ours, theirs)}')
    rest = len(total.differences) - top
    if rest > 0:
        print(f'… and {rest} more kinds')


def line(name, r):
    print(f'{name:20} {r.threads:7} {r.lines:8} {r.found:8} {r.lines - r.found:7} {r.extra:6} {r.identical:9} '
          f'{r.share():7.3f}')


def shorten(text, other, width=300):
    """Long lines around the place where they begin to differ."""
    if len(text) <= width:
        return text
    at = next((i for i, (a, b) in enumerate(zip(text, other or '')) if a != b), 0)
    start = max(0, at - width // 3)
    return ('…' if start else '') + text[start:start + width] + ('…' if start + width < len(text) else '')


def counts(path):
    """What qebek check counts in the trace."""
    return harness.check_counts(f'{path}/trace.qbk', whole=False)[1]


def check(path, quiet=False):
    """qebek check on the trace; False if anything is orphaned, joined or lost."""
    status, counts = harness.check_counts(f'{path}/trace.qbk', whole=False)
    if not quiet:
        print(f'\nqebek check: status {status}, {counts["calls"]} calls, {counts["ends"]["orphaned"]} orphaned, '
              f'{counts["joined"]} joined, {counts["lost_records"]} lost')
        for message in counts['messages'][:5]:
            print(f'  {json.dumps(message)}')
    return status == 0 and counts['ends']['orphaned'] == counts['joined'] == counts['lost_records'] == 0
