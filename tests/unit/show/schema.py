#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""schema.py SCHEMA PROGRAM: each line that PROGRAM writes is valid by the schema, and all of the schema is used."""
import json
import subprocess
import sys

import jsonschema


def unique(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), f'a key twice: {keys}'
    return dict(pairs)


def main():
    with open(sys.argv[1], encoding='utf-8') as f:
        schema = json.load(f)
    cls = jsonschema.validators.validator_for(schema)
    cls.check_schema(schema)
    validator = cls(schema)
    out = subprocess.run(sys.argv[2:], stdout=subprocess.PIPE, check=True).stdout
    objects = [json.loads(line, object_pairs_hook=unique) for line in out.splitlines()]
    bad = 0
    seen = {}
    for o in objects:
        seen.setdefault(o['type'], set()).update(o)
        for error in validator.iter_errors(o):
            bad += 1
            print(f'{error.message} in {json.dumps(o)}')
    # A schema that takes what it should not proves nothing.
    for o in ({}, {'type': 'call'}, {**objects[-1], 'type': 'nonsense'}, {**objects[0], 'extra': 1}):
        if validator.is_valid(o):
            bad += 1
            print(f'the schema takes {json.dumps(o)}')
    for name in schema['properties']['type']['enum']:
        # fd_hex and the like need numbers that a trace of ours does not have.
        missing = {k for k in schema['$defs'][name]['properties'] if not k.endswith('_hex')} - seen.get(name, set())
        if name not in seen or missing - ALLOWED.get(name, set()):
            bad += 1
            print(f'{name}: nothing had {missing - ALLOWED.get(name, set())}')
    print(f'{len(objects)} objects, {bad} faults')
    return 1 if bad else 0


# Keys that no record of the sample leads to.
WHO = {'vcpu', 'thread', 'pid', 'tid', 'ppid', 'uid', 'comm', 'comm_bytes', 'cr3', 'session', 'remote'}
ALLOWED = {
    'process': WHO | {'core_dumped', 'gid', 'euid', 'parent'}, 'thread': WHO | {'core_dumped'},
    'call': WHO | {'handler', 'restart'}, 'enter': WHO, 'signal': WHO, 'name': WHO, 'error': WHO | {'text_bytes'},
    'object': WHO, 'mapping': WHO, 'code': {'vcpu'}, 'blocks': WHO, 'layer': WHO, 'function': WHO | {'function_bytes'}, 'completion': WHO | {'console'},
    'log': WHO | {'text_bytes'}, 'meta': {'vcpu'}, 'guest': {'vcpu'}, 'gap': {'vcpu'}, 'summary': {'vcpu'},
}

if __name__ == '__main__':
    sys.exit(main())
