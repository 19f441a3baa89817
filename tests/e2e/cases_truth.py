# SPDX-License-Identifier: GPL-2.0-or-later
"""Guest programs print what they did, and the trace agrees call by call."""
import itertools
import json
import os

from harness import BUILD, KERNELS, QEBEK, Run, case, check_counts, expect, folder, json_lines, linux, read_text
from truth import compare

PROGRAMS = 'files,pipes,children,exec,deaths,threads,signals,tcp,count'
CPUS = {'flat': 'max', 'isolated': 'Skylake-Client-v1'}


def identity(trace):
    """The last object of the trace, and that both ways to know the current thread agreed."""
    summary = None
    for line in json_lines(trace):
        if line['type'] == 'summary':
            summary = line
    expect(summary is not None, 'the trace has no summary')
    counts = summary.get('counters', summary)
    expect(counts['identity_compared'] > 0, 'the identity of no thread was compared')
    expect(counts['identity_different'] == 0, f'{counts["identity_different"]} threads were taken for another')
    return counts


def agree(name, programs, kernel, vcpus, cpu, options=('--debug-identity',)):
    path = folder(name)
    run = Run(path, [QEBEK, 'run', '-q', '--capture', '16k', *options, '--output', f'jsonl:{path}/trace.jsonl',
                     '--output', f'qbk:{path}/trace.qbk', '--',
                     *linux(path, f'/bin/truth,{programs},/dev/nvme0n1', kernel, vcpus, cpu)])
    status = run.wait(240)
    expect(status == 0, f'status {status}: {run.err().strip()[-400:]} {read_text(path + "/console").strip()[-300:]}')
    result = compare(f'{path}/truth', f'{path}/trace.jsonl')
    check_counts(f'{path}/trace.qbk')
    if '--debug-identity' in options:
        identity(f'{path}/trace.jsonl')
    os.unlink(f'{path}/truth')
    return f'{result.calls} calls of {result.threads} threads, {result.data} pieces of data'


MATRIX = {f'truth-{vcpus}cpu-{kind}': (vcpus, kind) for vcpus, kind in itertools.product((1, 4), CPUS)}


@case(*MATRIX)
def truth_matrix(name):
    vcpus, kind = MATRIX[name]
    return agree(name, PROGRAMS, '6.1', vcpus, CPUS[kind])


@case(*(f'truth-mix-{kind}' for kind in CPUS))
def truth_mix(name):
    return agree(name, 'mix:100000', '6.1', 4, CPUS[name.rsplit('-', 1)[1]])


@case('truth-reset-vector')
def truth_vector(name):
    """A program that runs code at the reset vector's address resets nothing, and harms nobody."""
    return agree(name, 'vector', '6.1', 4, 'max')


@case('truth-without-switch-probe')
def truth_no_probe(name):
    return agree(name, 'files,children,signals,deaths', '6.1', 4, 'max', ['--debug-no-switch-probe'])


@case(*(f'truth-{kernel}-{kind}' for kernel in KERNELS if kernel != '6.1' for kind in CPUS))
def truth_kernels(name):
    _, kernel, kind = name.split('-')
    return agree(name, PROGRAMS, kernel, 4 if kind == 'flat' else 1, CPUS[kind])


@case('json-lines-schema')
def schema(name):
    """What we write validates against the schema that we publish."""
    import jsonschema
    del name
    schemas = [f for f in os.listdir(os.path.join(os.path.dirname(BUILD), 'docs')) if f.endswith('.schema.json')]
    expect(len(schemas) == 1, f'one schema in docs, not {schemas}')
    with open(os.path.join(os.path.dirname(BUILD), 'docs', schemas[0]), encoding='utf-8') as f:
        validator_for = jsonschema.validators.validator_for(document := json.load(f))
    validator = validator_for(document)
    path = folder('json-lines-schema')
    run = Run(path, [QEBEK, 'run', '-q', '-y', '--enter', '--output', f'jsonl:{path}/trace.jsonl', '--',
                     *linux(path, f'/bin/truth,{PROGRAMS},/dev/nvme0n1')])
    expect(run.wait() == 0, run.err()[-300:])
    types = {}
    # Every kind of object often enough, not every one of tens of thousands: the validator is slow.
    for line in json_lines(f'{path}/trace.jsonl'):
        key = (line['type'], line.get('name'), line.get('end'))
        types[key] = types.get(key, 0) + 1
        if types[key] <= 20:
            errors = [e.message for e in validator.iter_errors(line)]
            expect(not errors, f'{errors[0][:200]} in {json.dumps(line)[:300]}' if errors else '')
    expect(len(types) > 50, f'only {len(types)} kinds of objects')
    return f'{sum(min(n, 20) for n in types.values())} objects of {len(types)} kinds'


@case('truth-raw-where-threads-are-not-known')
def truth_raw(name):
    """Isolated page tables and no switch probe: nothing tells who runs at a return. Traced raw, and said so."""
    path = folder(name)
    run = Run(path, [QEBEK, 'run', '-q', '--debug-no-switch-probe', '--output', f'jsonl:{path}/trace.jsonl', '--output',
                     f'qbk:{path}/trace.qbk', '--',
                     *linux(path, '/bin/truth,files,/dev/nvme0n1', vcpus=2, cpu=CPUS['isolated'])])
    expect(run.wait() == 0, run.err()[-300:])
    guests = [o for o in json_lines(f'{path}/trace.jsonl') if o['type'] == 'guest']
    expect(any(o['facts'].get('pairing') == 'page table and stack pointer' for o in guests), f'raw tracing is not told: {guests}')
    _, counts = check_counts(f'{path}/trace.qbk')
    expect(counts['ends']['returned'] > 300, f'few calls returned: {counts["ends"]}')
    return f'{counts["calls"]} calls, {counts["ends"]["returned"]} returned'
