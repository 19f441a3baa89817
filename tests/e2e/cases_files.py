# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that the guest made, against sha256sum in the guest."""
import hashlib
import os

from harness import KERNELS, QEBEK, Run, case, check_counts, expect, folder, json_lines, linux, qebek, read_text


def told(path):
    """What the guest says that each file held: name -> SHA-256."""
    lines = [line.split() for line in read_text(f'{path}/results').splitlines()]
    expect(lines and lines[-1] == ['finished'], f'the guest did not finish: {lines[-3:]} {read_text(f"{path}/console")[-300:]}')
    return {words[1]: words[2] for words in lines if words[0] == 'file'}


def caught(directory):
    """The manifest's lines by hash; every file that it names lies there, whole, and nothing else does."""
    lines = list(json_lines(f'{directory}/manifest.jsonl'))
    expect(lines and lines[-1]['type'] == 'end', f'the manifest has no end: {lines[-1:]}')
    by_hash = {}
    for line in lines[:-1]:
        by_hash.setdefault(line['sha256'], []).append(line)
    names = set(os.listdir(directory)) - {'manifest.jsonl'}
    expect(names == set(by_hash), f'files and manifest differ: {sorted(names ^ set(by_hash))[:5]}')
    for name in names:
        with open(f'{directory}/{name}', 'rb') as f:
            expect(hashlib.sha256(f.read()).hexdigest() == name, f'{name} holds something else')
    return by_hash


def agree(files, wanted):
    for name, sha256 in wanted.items():
        expect(sha256 in files, f'{name} ({sha256[:12]}) was not caught: '
               f'{[(l.get("path"), l["why"], l.get("lacks")) for ls in files.values() for l in ls][:60]}')
        expect(any(line['complete'] for line in files[sha256]), f'{name} is not said to be whole: {files[sha256]}')


def compare(name, kernel, cpu, words, count, vcpus=1):
    """Live and from a kept trace: everything that the guest says, whole."""
    path = folder(name)
    run = Run(path, [QEBEK, 'run', '--output', f'files:{path}/live', '--output', f'qbk:{path}/trace.qbk', '--',
                     *linux(path, f'/bin/caught.sh,/tmp/f,{words}', kernel=kernel, cpu=cpu, vcpus=vcpus, disk=False)])
    expect(run.wait() == 0, run.err())
    expect('qebek:' not in run.err(), run.err())
    wanted = told(path)
    expect(len(wanted) == count, f'{len(wanted)} files')
    agree(caught(f'{path}/live'), wanted)
    check_counts(f'{path}/trace.qbk')
    status, _, err = qebek('read', '--output', f'files:{path}/kept', f'{path}/trace.qbk')
    expect(status == 0 and not err, err)
    agree(files := caught(f'{path}/kept'), wanted)
    expect(read_text(f'{path}/kept/manifest.jsonl') == read_text(f'{path}/live/manifest.jsonl'), 'live and kept differ')
    return files, wanted


@case(*(f'files-{kernel}' for kernel in KERNELS))
def all_ways(name):
    kernel = name.split('-', 1)[1]
    files, wanted = compare(name, kernel, 'max' if kernel != '6.12' else 'Skylake-Client-v1', 'all', 18,
                            vcpus=4 if kernel == '6.12' else 1)
    gone = files[wanted['gone']][-1]
    expect(gone['deleted'] and gone['path'] == '/tmp/f/gone' and gone['why'] == 'deleted' and gone['by']['comm'] == 'rm',
           f'the deleted file: {gone}')
    expect(files[wanted['moved']][-1]['path'] == '/tmp/f/moved', f'{files[wanted["moved"]]}')
    relative = files[wanted['relative']]
    expect([(line['why'], line['path']) for line in relative[-2:]] == [('renamed', '/tmp/f/there'), ('deleted', '/tmp/f/there')],
           f'names without a directory: {relative}')
    for what in ('program', 'self', 'memfd', 'script'):
        expect(any(line['executed'] for line in files[wanted[what]]), f'{what} was run: {files[wanted[what]]}')
    return f'{sum(map(len, files.values()))} lines about {len(files)} files'
