# SPDX-License-Identifier: GPL-2.0-or-later
"""The faults of the first Qebek's demo: its way has them where it is said to, and no other; qebek has none."""
import nt_faults
from harness import case, expect, folder


@case('faults-xp', 'faults-10')
def faults(name):
    path, release, told = folder(name), name.split('-')[1], []
    for mode, number in nt_faults.MODES.items():
        made, wrong, none = nt_faults.pairs(path, release, 'qebek', number, 150)
        expect(wrong == none == 0, f'qebek, {mode}: {wrong} of {made} wrong, {none} lost')
        made, wrong, none = nt_faults.pairs(path, release, '2009', number, 150)
        if mode == 'one after another':
            expect(wrong == none == 0, f'the other way is made worse than it was: {wrong} of {made} wrong, {none} lost')
        else:
            expect(wrong + none > 0, f'{mode}: the other way got {made} results right, so the machine does not try it')
        told.append(f'{mode} {100 * wrong // made} % wrong')
    return 'the other way: ' + ', '.join(told)
