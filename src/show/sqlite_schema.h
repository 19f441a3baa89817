/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of the sqlite output. docs/outputs.md describes them; a change of their meaning raises the version. */
#ifndef QEBEK_SHOW_SQLITE_SCHEMA_H
#define QEBEK_SHOW_SQLITE_SCHEMA_H

#define SQLITE_SCHEMA_VERSION "1"

static const char sqlite_schema[] =
    "CREATE TABLE facts (about TEXT NOT NULL, key TEXT NOT NULL, value TEXT);"
    /* id: the number of the process's first thread, which no other has in this trace. */
    "CREATE TABLE processes (id INTEGER PRIMARY KEY, pid INTEGER, ppid INTEGER, parent INTEGER, uid INTEGER,"
    " euid INTEGER, gid INTEGER, comm TEXT, exe TEXT, cgroup TEXT, session INTEGER, remote TEXT,"
    " started_ns INTEGER, ended_ns INTEGER, exit INTEGER, signal TEXT, calls INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE calls (seq INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, duration_ns INTEGER NOT NULL,"
    " process INTEGER, tid INTEGER, vcpu INTEGER, abi TEXT NOT NULL, name TEXT NOT NULL, args TEXT NOT NULL,"
    " result INTEGER, error TEXT, end TEXT NOT NULL);"
    "CREATE TABLE sessions (id INTEGER PRIMARY KEY, remote TEXT, local TEXT, started_ns INTEGER, ended_ns INTEGER);"
    "CREATE TABLE commands (seq INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, process INTEGER, uid INTEGER,"
    " session INTEGER, remote TEXT, path TEXT NOT NULL, line TEXT NOT NULL, error TEXT);"
    "CREATE TABLE connections (seq INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, process INTEGER, session INTEGER,"
    " remote TEXT, action TEXT NOT NULL, family TEXT NOT NULL, address TEXT, port INTEGER, scope TEXT, error TEXT);"
    "CREATE TABLE files (seq INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, process INTEGER, session INTEGER,"
    " remote TEXT, action TEXT NOT NULL, path TEXT NOT NULL, target TEXT, error TEXT);"
    "CREATE TABLE typed (seq INTEGER, time_ns INTEGER NOT NULL, process INTEGER, session INTEGER, remote TEXT,"
    " uid INTEGER, terminal TEXT, line TEXT NOT NULL, end TEXT NOT NULL, hidden INTEGER NOT NULL);"
    "CREATE TABLE events (seq INTEGER, time_ns INTEGER NOT NULL, process INTEGER, kind TEXT NOT NULL, text TEXT);"
    "CREATE VIRTUAL TABLE search USING fts5(text, kind UNINDEXED, seq UNINDEXED);"
    /* The usual questions. Times as people write them; errors out of the way. */
    "CREATE VIEW who_ran_what AS SELECT strftime('%Y-%m-%d %H:%M:%f', c.time_ns / 1e9, 'unixepoch') AS time,"
    " c.remote, c.session, c.uid, p.pid, c.line, c.error FROM commands c LEFT JOIN processes p ON p.id = c.process"
    " ORDER BY c.seq;"
    "CREATE VIEW who_typed_what AS SELECT strftime('%Y-%m-%d %H:%M:%f', t.time_ns / 1e9, 'unixepoch') AS time,"
    " t.remote, t.session, t.uid, t.terminal, p.pid, p.comm, t.line, t.end FROM typed t LEFT JOIN processes p"
    " ON p.id = t.process ORDER BY t.seq;"
    "CREATE VIEW what_was_written AS SELECT strftime('%Y-%m-%d %H:%M:%f', f.time_ns / 1e9, 'unixepoch') AS time,"
    " f.remote, p.pid, p.comm, f.action, f.path, f.target FROM files f LEFT JOIN processes p ON p.id = f.process"
    " WHERE f.action <> 'read' AND f.error IS NULL ORDER BY f.seq;"
    "CREATE VIEW what_was_contacted AS SELECT n.address, n.port, n.scope, count(*) AS times,"
    " group_concat(DISTINCT p.comm) AS by, strftime('%Y-%m-%d %H:%M:%f', min(n.time_ns) / 1e9, 'unixepoch') AS first"
    " FROM connections n LEFT JOIN processes p ON p.id = n.process WHERE n.action = 'connect' AND n.family <> 'unix'"
    " GROUP BY n.address, n.port ORDER BY min(n.seq);"
    "CREATE VIEW who_came AS SELECT strftime('%Y-%m-%d %H:%M:%f', n.time_ns / 1e9, 'unixepoch') AS time,"
    " n.address, n.port, p.pid, p.comm FROM connections n LEFT JOIN processes p ON p.id = n.process"
    " WHERE n.action = 'accept' AND n.family <> 'unix' ORDER BY n.seq;"
    "CREATE VIEW failures AS SELECT p.comm, c.name, c.error, count(*) AS times FROM calls c"
    " LEFT JOIN processes p ON p.id = c.process WHERE c.error IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 4 DESC;";

/* Made when all is written: an index that grows with each row would cost more than the rows. */
static const char sqlite_indices[] = "CREATE INDEX IF NOT EXISTS calls_of_process ON calls (process, seq);"
                                     "CREATE INDEX IF NOT EXISTS calls_by_name ON calls (name, seq);";

#endif
