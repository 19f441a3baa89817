# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/agreement.md: what `make agree` measured."""
import collections

import compare

HEAD = '''# Agreement with strace

`make agree` writes this page. strace (Debian bookworm's) runs workloads inside guests, `qebek` watches the same threads
from outside, and the two logs are compared line by line: every call that strace prints must be in ours with the same
name, in the same order and with the same result, signals (`---`) and ends (`+++`) included; between the first and the
last common line of a thread there must be nothing that strace does not have. Lines that are the same byte for byte are
counted besides. `tests/agree/run WORKLOAD` does it for one workload; `make check` holds a small set of them.

'''


def total_of(results):
    total = compare.Result()
    for result in results:
        total.add(result)
    return total


def good(measured):
    return bool(measured) and all(
        r.found == r.lines and not r.extra for _, results, *_ in measured.values() for r in results.values()) and all(
        counts['ends']['orphaned'] == counts['lost_records'] == 0 for _, _, counts, *_ in measured.values())


def row(*cells):
    return '| ' + ' | '.join(str(cell) for cell in cells) + ' |\n'


def numbers(result):
    return (f'{result.lines:,}', f'{result.found:,}', result.extra, f'{result.share():.2f} %')


def code(text):
    """One line of a log as code in a table's cell or a list."""
    text = text if len(text) <= 220 else text[:220] + ' …'
    fence = '``' if '`' in text else '`'
    return f'{fence}{text}{fence}'


def machines(measured):
    text = row('machine', 'kernel', 'vCPUs', 'CPU model', 'options', 'lines of strace', 'found', 'extra', 'the same',
               'orphaned', 'lost') + row(*['---'] * 11)
    for name, ((_, vcpus, cpu, options), results, counts, release, _) in measured.items():
        text += row(name, release, vcpus, cpu, options or '–', *numbers(total_of(results.values())),
                    counts['ends']['orphaned'], counts['lost_records'])
    whole = total_of(r for _, results, *_ in measured.values() for r in results.values())
    return text + row('**all**', '', '', '', '', *numbers(whole), '', ''), whole


def workloads(measured):
    by_name = {}
    for _, results, *_ in measured.values():
        for name, result in results.items():
            by_name.setdefault(name, compare.Result()).add(result)
    text = row('workload', 'threads', 'lines of strace', 'found', 'extra', 'the same') + row(*['---'] * 6)
    for name, result in sorted(by_name.items()):
        text += row(name, f'{result.threads:,}', *numbers(result))
    return text


def differences(whole):
    text = ''
    for (kind, name), count in whole.differences.most_common():
        theirs, ours = whole.examples[kind, name][0]
        text += f'* **{name}**, {count:,} {"lines" if count > 1 else "line"}{"" if kind == "text" else ", " + kind}\n'
        for who, line in (('strace', theirs), ('qebek', ours)):
            if line is not None:
                text += f'  * {who}: {code(around(line, (theirs or "", ours or "")))}\n'
    return text


def explained(whole):
    text = ''
    for reason, count in whole.explained.most_common():
        text += f'* {count:,} × {reason}\n'
        for who, line in zip(('strace', 'qebek'), whole.shown[reason]):
            text += f'  * {who}: {code(around(line, whole.shown[reason]))}\n'
    return text


def around(line, both):
    """A long line from a little before the place where both begin to differ."""
    at = next((i for i, (a, b) in enumerate(zip(*both)) if a != b), 0)
    start = at - 60 if at > 160 else 0
    return line[:line.find('(') + 1] + '… ' + line[start:] if start else line


def of_several_builds(measured):
    """The machines that another build measured than the one that measured most."""
    builds = collections.Counter(build for *_, build in measured.values())
    usual = builds.most_common(1)[0][0] if builds else None
    return [name for name, (*_, build) in measured.items() if build != usual]


def write(path, measured, wanted):
    table, whole = machines(measured)
    others = of_several_builds(measured)
    if others:
        table += f'\nTraced by another build of the plugin than the others: {", ".join(others)}.\n'
    missing = [name for name in wanted if name not in measured]
    if missing:
        table += f'\nNot measured in this run: {", ".join(missing)}.\n'
    text = HEAD + '## Machines\n\n' + table + '\n## Workloads\n\nOver all machines.\n\n' + workloads(measured)
    text += '\n## What strace cannot see\n\nThese count as found, or not as extra: strace itself is the reason.\n\n'
    for reason, count in whole.reasons.most_common():
        text += f'* {count:,} × {reason}\n'
    text += ('\n## Lines that tell the same in other words\n\nName, order and result are the same; how arguments are written '
             'differs, for these reasons (`tests/agree/reasons.py` has them as rules), with one example each.\n\n')
    text += explained(whole) or 'None.\n'
    text += '\n## Differences without a reason\n\n'
    if whole.differences:
        text += 'By call, the most frequent first, with one example each.\n\n'
    else:
        text += 'None.\n'
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text + differences(whole))
