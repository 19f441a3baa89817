# SPDX-License-Identifier: GPL-2.0-or-later
"""What a user gets by `make install`: files in their places that work there, the manual page and the completion."""
import glob
import os
import re
import shlex
import subprocess

from harness import BUILD, QEBEK, TOP, Run, case, expect, folder, json_lines, linux, read_text

PREFIX = '/opt/qebek'
COMMANDS = ('run', 'read', 'check', 'list', 'doctor', 'plugin', 'attach', 'ctl')
FILES = {'bin/qebek', 'include/qebek/module.h', 'include/qebek/record.h',
         'lib/qebek/libqebek-4.so', 'lib/qebek/libqebek-5.so', 'lib/qebek/libqebek-6.so', 'lib/qebek/libqebek-7.so',
         'share/man/man1/qebek.1', 'share/bash-completion/completions/qebek'}


def command(*args, limit=300, **options):
    """Run it; its output. Fails with what it wrote if its status is not 0."""
    done = subprocess.run([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors='replace', check=False, timeout=limit, **options)
    expect(done.returncode == 0, f'{shlex.join(map(str, args))[:200]}: status {done.returncode}: {done.stdout[-600:]}')
    return done.stdout


def make(*words):
    # Not the variables of a make that runs these tests.
    clean = {k: v for k, v in os.environ.items() if k not in ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'QEBEK_BUILD')}
    return command('make', '-s', '-C', TOP, *words, env=clean)


def files_below(path):
    return {os.path.relpath(os.path.join(top, name), path) for top, _, names in os.walk(path) for name in names}


def check_module(source, out, include):
    command('cc', '-std=gnu11', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-I', include, '-o', out, source)
    return out


@case('install')
def install(name):
    path = folder(name)
    # A build of its own, so that the prefix of the one under test stays.
    places = [f'BUILD={path}/build', f'DESTDIR={path}/dest', f'PREFIX={PREFIX}']
    make(*places, 'MESON_OPTIONS=-Dtests=false', 'install')
    root = f'{path}/dest{PREFIX}'
    have = files_below(root)
    expect(have == FILES, f'missing: {FILES - have}; not expected: {have - FILES}')
    expect(files_below(f'{path}/dest') == {f'{PREFIX[1:]}/{f}' for f in have}, 'files beside the prefix')

    qebek = f'{root}/bin/qebek'
    doctor = command(qebek, 'doctor')
    loads = re.search(r'^ok +it loads (\S+)$', doctor, re.M)
    expect(loads and loads[1].startswith(root), f'its plugin is not the installed one: {doctor}')
    expect(doctor.rstrip().endswith('This host is fit.'), doctor)

    for source in sorted(glob.glob(f'{TOP}/examples/*.c')):
        check_module(source, f'{path}/{os.path.basename(source)}.so', f'{root}/include')
    module = check_module(f'{TOP}/tests/e2e/installed_module.c', f'{path}/module.so', f'{root}/include')
    run = Run(path, [qebek, 'run', '-q', '--module', module, '--output', f'qbk:{path}/trace.qbk',
                     '--output', f'jsonl:{path}/trace.jsonl', '--', *linux(path, '/bin/cat,/no/such/file', disk=False)])
    expect(run.wait() == 0, run.err()[-400:])
    expect(' 0 violations' in command(qebek, 'check', f'{path}/trace.qbk'), 'its own trace does not pass its check')
    logs = [line for line in json_lines(f'{path}/trace.jsonl') if line['type'] == 'log']
    expect(any('not there: /no/such/file' in str(line) for line in logs), f'the module did not say it: {logs[:3]}')

    expect('qebek' in complete('qebek ch', data=f'{root}/share', bin_dir=f'{root}/bin', loader=True)['loaded'],
           'bash-completion does not load the installed completion')
    make(*places, 'uninstall')
    expect(not files_below(f'{path}/dest'), f'left by uninstall: {files_below(path + "/dest")}')
    return f'{len(have)} files'


def help_options(name):
    """(short, long, whether it takes a value) of each option in the command's help."""
    found = set()
    for line in command(QEBEK, name, '--help').splitlines():
        match = re.match(r'  (?:(-\w),| {3}) (--[\w-]+)( \S+)?', line)
        if match:
            found.add((match[1], match[2], bool(match[3]) and match[3].strip()[0].isupper()))
    return found


def page_options(page):
    """The same out of the rendered page: its tags, lines like "-s n, --string-limit n"."""
    found = set()
    for line in page.splitlines():
        match = re.match(r' {5}(?:(-\w)(?: \S+)?, )?(--[\w-]+)(?: (\S+))?(?:  .*)?$', line)
        if match:
            found.add((match[1], match[2], bool(match[3])))
    return found


@case('manual-page')
def manual_page(name):
    """It renders without a warning, and names exactly the options that --help names."""
    del name
    source = f'{TOP}/docs/qebek.1'
    # mandoc's remarks on pages that this host has not, or that its index lacks, are not about ours.
    lint = command('mandoc', '-T', 'lint', '-W', 'warning', source)
    expect(not [line for line in lint.splitlines() if not line.startswith('mandoc: outdated')], lint[-400:])
    groff = command('groff', '-ww', '-mandoc', '-Tutf8', '-Kutf8', source, limit=60)
    expect(not re.search(r'^(groff|troff|\S*qebek\.1):', groff, re.M), f'groff: {groff[:300]}')
    page = command('man', '--warnings=w', '-l', source, limit=60,
                   env=dict(os.environ, MANWIDTH='200', MANPAGER='cat', PAGER='cat', LC_ALL='C.UTF-8'))
    page = re.sub(r'\x1b\[[0-9;]*m', '', page)
    in_page, in_help = page_options(page), set().union(*map(help_options, COMMANDS))
    in_page.discard((None, '--version', False))
    expect(len(in_help) > 30, f'only {len(in_help)} options in --help')
    expect(in_page == in_help, f'only in the page: {in_page - in_help}; only in --help: {in_help - in_page}')
    for word in COMMANDS:
        expect(re.search(rf'^     qebek {word}\b', page, re.M), f'"qebek {word}" is not in the synopsis')
    return f'{len(in_help)} options'


SCRIPT = r'''
. /usr/share/bash-completion/bash_completion
if [ -n "$LOADER" ]; then _completion_loader qebek; else . "$COMPLETION"; fi
read -ra COMP_WORDS <<<"$LINE"
[[ $LINE == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$LINE COMP_POINT=${#LINE}
_qebek
complete -p qebek | sed 's/^/loaded /'
printf 'reply %s\n' "${COMPREPLY[@]}"
'''


def complete(line, data='', bin_dir=BUILD, loader=False):
    """What bash would offer behind this line: {'loaded': …, 'replies': [...]}."""
    env = dict(os.environ, LINE=line, COMPLETION=f'{TOP}/completions/qebek', LOADER='yes' if loader else '',
               PATH=f'{bin_dir}:{os.environ["PATH"]}')
    if data:
        env.update(XDG_DATA_DIRS=data, BASH_COMPLETION_USER_DIR='/nonexistent')
    out = command('bash', '--norc', '-c', SCRIPT, env=env, limit=30)
    expect('command not found' not in out, out[-300:])
    lines = [entry.partition(' ') for entry in out.splitlines()]
    return {'loaded': ' '.join(rest for key, _, rest in lines if key == 'loaded'),
            'replies': [rest for key, _, rest in lines if key == 'reply' and rest]}


@case('completion')
def completion(name):
    """Completion offers commands, each command's own options, output kinds, calls, and files."""
    path = folder(name)
    with open(f'{path}/some.qbk', 'wb'):
        pass
    expect(set(COMMANDS) <= set(complete('qebek ')['replies']), 'not all commands')
    expect(complete('qebek ch')['replies'] == ['check'], 'qebek ch')
    for sub in COMMANDS:
        offered = set(complete(f'qebek {sub} --')['replies'])
        wanted = {long for _, long, _ in help_options(sub)}
        expect(offered == wanted, f'qebek {sub} --: missing {wanted - offered}, too many: {offered - wanted}')
    kinds = {line.split()[0] for line in command(QEBEK, 'list', 'outputs').splitlines()}
    expect({'text', 'strace', 'jsonl', 'qbk'} <= kinds, f'kinds: {kinds}')
    expect(set(complete('qebek run --output ')['replies']) == kinds, 'output kinds')
    expect('openat' in complete('qebek run -e opena')['replies'], 'names of calls')
    expect('%network' in complete('qebek read -e %net')['replies'], 'classes of calls')
    expect(complete('qebek list o')['replies'] == ['outputs'], 'what can be listed')
    expect(complete(f'qebek read {path}/so')['replies'] == [f'{path}/some.qbk'], 'files')
    expect(any('qemu-system-x86_64' in r for r in complete('qebek run -- qemu-system-x')['replies']), 'QEMU')


@case('help')
def help_texts(name):
    """Each command explains itself on standard output, with status 0, in lines that fit a terminal."""
    del name
    texts = {'': command(QEBEK, '--help'), **{c: command(QEBEK, c, '--help') for c in COMMANDS}}
    for word in COMMANDS:
        expect(re.search(rf'^  qebek {word} ', texts[''], re.M), f'{word} is not in "qebek --help"')
        expect(texts[word].startswith(f'qebek {word} '), f'"qebek {word} --help" does not say how it is called')
    long = [line for text in texts.values() for line in text.splitlines() if len(line) > 115]
    expect(not long, f'too long: {long[:2]}')
    for what in ('syscalls', 'classes', 'outputs', 'ends', 'signals', 'errors', 'statuses'):
        expect(command(QEBEK, 'list', what).strip(), f'"qebek list {what}" lists nothing')


@case('documents')
def documents(name):
    """What the documents link to is there; the README names all of them."""
    del name
    pages = [f'{TOP}/README.md', *sorted(glob.glob(f'{TOP}/docs/*.md'))]
    count = 0
    for page in pages:
        text = re.sub(r'^```.*?^```', '', read_text(page), flags=re.M | re.S)
        for target in re.findall(r'\]\(([^)#\s]+)[^)]*\)', text):
            if '://' not in target:
                count += 1
                path = os.path.join(os.path.dirname(page), target)
                expect(os.path.exists(path), f'{os.path.relpath(page, TOP)} links to {target}, which is not there')
    readme = read_text(pages[0])
    for page in glob.glob(f'{TOP}/docs/*.*'):
        expect(f'(docs/{os.path.basename(page)})' in readme, f'the README does not name {os.path.basename(page)}')
    return f'{count} links'
