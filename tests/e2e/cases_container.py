# SPDX-License-Identifier: GPL-2.0-or-later
"""Containers: a process's numbers in its own pid namespace, and its control group."""
from harness import KERNELS, QEBEK, Run, case, check_counts, expect, folder, json_lines, linux, read_text


@case(*(f'container-{kernel}' for kernel in KERNELS))
def container(name):
    path = folder(name)
    run = Run(path, [QEBEK, 'run', '-q', '--output', f'jsonl:{path}/trace.jsonl', '--output', f'qbk:{path}/trace.qbk',
                     '--', *linux(path, '/bin/container.sh', name.split('-', 1)[1], vcpus=2, disk=False)])
    expect(run.wait() == 0, run.err()[-300:])
    said = dict(line.split(None, 1) for line in read_text(f'{path}/results').splitlines() if ' ' in line)
    inner, group = said['inside'].split()
    expect(inner == '1' and group == '0::/machine/box', f'the guest did not do what the test needs: {said}')
    check_counts(f'{path}/trace.qbk')
    objects = list(json_lines(f'{path}/trace.jsonl'))
    events = [o for o in objects if o['type'] == 'process']
    init = [o for o in events if o.get('ns_pid') == 1 and o['event'] == 'exec' and o['comm'] == 'container.sh']
    expect(len(init) == 1 and init[0]['pid'] > 1, f'the first process inside: {init}')
    expect(init[0]['cgroup'] == '/machine/box', f'its control group: {init[0]}')
    inside = [o for o in events if o['event'] == 'exec' and o['comm'] == 'true']
    expect([o['ns_pid'] for o in inside] == sorted(o['ns_pid'] for o in inside) and len(inside) == 2 and
           all(o['cgroup'] == '/machine/box' and o['ns_pid'] > 1 and o['pid'] != o['ns_pid'] for o in inside),
           f'children inside: {inside}')
    outside = [o for o in events if o['event'] == 'exec' and o['comm'] == 'container.sh' and o is not init[0]]
    expect(outside and 'ns_pid' not in outside[0] and outside[0]['cgroup'] == '/', f'outside: {outside}')
    moved = [o for o in objects if o['type'] == 'name' and o['what'] == 'cgroup' and o['pid'] == int(said['moved'])]
    expect(moved and moved[-1]['path'] == '/machine', f'the moved process: {moved}')
    return f'{len(events)} process events'
