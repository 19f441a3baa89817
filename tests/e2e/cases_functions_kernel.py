# SPDX-License-Identifier: GPL-2.0-or-later
"""How calls of kernel functions end: each kind of function that the kernel has."""
import collections

from harness import KERNELS, case, check_counts, expect, folder, json_lines, linux, qebek

# What is entered by hardware, or stores registers above its own return address, or is reached by a return.
NO_RETURN_ADDRESS = ['asm_exc_page_fault', 'error_entry', 'asm_sysvec_apic_timer_interrupt', 'entry_SYSCALL_64']
# These return whatever happens: on the stacks of tasks and interrupts, at exceptions, across switches of threads.
RETURN = ['exc_page_fault', 'sync_regs', 'sysvec_apic_timer_interrupt', 'irq_exit_rcu', 'schedule', 'schedule_tail',
          'copy_process', 'asm_load_gs_index']
# They end with their thread, or not before the machine.
NEVER = ['do_exit', 'kthread']
ENDS = {**{name: {'entry_only'} for name in NO_RETURN_ADDRESS},
        **{name: {'returned', 'in_flight', 'thread_gone'} for name in RETURN},
        **{name: {'in_flight', 'thread_gone'} for name in NEVER},
        'do_syscall_64': {'returned', 'in_flight', 'thread_gone'}}


def hooks(names):
    return [word for name in names for word in ('--hook', f'kernel:{name}')]


def run(path, names, machine, *options):
    """Trace it; function calls of the trace, and what `qebek check` counts: no violation, nothing lost, no error."""
    status, _, err = qebek('run', *hooks(names), '-e', 'trace=none', *options, '-o', '/dev/null', '--output',
                           f'jsonl:{path}/trace.jsonl', '--output', f'qbk:{path}/trace.qbk', '--', *machine, limit=150)
    expect(status == 0 and not err, f'status {status}: {err}')
    status, counts = check_counts(f'{path}/trace.qbk', whole=False)
    expect(status == 0 and counts['lost_records'] == 0, f'qebek check: {counts["messages"][:5]}')
    lines = list(json_lines(f'{path}/trace.jsonl'))
    errors = [line for line in lines if line['type'] in ('error', 'gap')]
    expect(not errors, f'errors in the trace: {errors[:3]}')
    return [line for line in lines if line['type'] == 'function'], counts


@case(*(f'functions-ends-{kernel}' for kernel in KERNELS))
def functions_ends(name):
    """Each call has the end that its function must have, from the moment on at which the kernel is known."""
    path, kernel = folder(name), name.split('-')[2]
    calls, counts = run(path, ENDS, linux(path, 'truth', kernel=kernel, vcpus=2, disk=False))
    ends = collections.defaultdict(collections.Counter)
    for call in calls:
        ends[call['function']][call['end']] += 1
    for function, allowed in ENDS.items():
        expect(ends[function], f'{function} was never called')
        expect(set(ends[function]) <= allowed, f'{function}: {dict(ends[function])}')
    expect(counts['function_ends']['unwound'] == 0, f'{counts["function_ends"]["unwound"]} unwound')
    died = ends['do_exit']['thread_gone']
    expect(died > 20 and ends['do_syscall_64']['thread_gone'] > 0, f'{died} threads that died inside')
    return f'{len(calls)} calls, {died} threads died inside'
