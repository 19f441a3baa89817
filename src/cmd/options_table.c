/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/options_table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "show/code.h"
#include "trace/functions.h"
#include "trace/link.h"

#define CAPTURE_MAX     (1u << 18) /* so that the snippets of a call fit into a record */
#define SHOW_STRING_MAX (1u << 20)

bool options__size(const char *text, uint64_t max, uint64_t *value)
{
    static const char units[] = "kMG";
    char *end = NULL;
    const char *unit;
    guint64 n;

    if (*text < '0' || *text > '9') {
        return false;
    }
    errno = 0;
    n = g_ascii_strtoull(text, &end, 10);
    if (errno) {
        return false;
    }
    if (*end && (unit = strchr(units, *end == 'K' ? 'k' : *end))) {
        unsigned shift = 10u * (unsigned)(unit - units + 1);

        if (n > (UINT64_MAX >> shift)) {
            return false;
        }
        n <<= shift;
        end++;
    }
    if (*end || n > max) {
        return false;
    }
    *value = n;
    return true;
}

/* "1,2,3" into an array of 32-bit numbers, at most as many as the link can carry. */
static const char *add_numbers(GArray *to, const char *value, uint64_t max)
{
    g_auto(GStrv) words = g_strsplit(value, ",", -1);

    for (char **word = words; *word; word++) {
        uint64_t n;
        uint32_t n32;

        if (!options__size(*word, max, &n)) {
            return "is not a number, or several with commas between them";
        }
        if (to->len >= LINK_IDS_MAX) {
            return "has too many numbers: at most 64";
        }
        n32 = (uint32_t)n;
        g_array_append_val(to, n32);
    }
    return NULL;
}

static const char *add_string(GPtrArray *to, const char *value)
{
    if (!*value) {
        return "is empty";
    }
    g_ptr_array_add(to, (char *)value);
    return NULL;
}

static const char *set_number(const char *value, uint64_t max, uint32_t *to)
{
    uint64_t n;

    if (!options__size(value, max, &n)) {
        return "is not a number, or too large";
    }
    *to = (uint32_t)n;
    return NULL;
}

static const char *apply_pid(struct options *o, const char *value)
{
    return add_numbers(o->show.pids, value, INT32_MAX);
}

static const char *apply_uid(struct options *o, const char *value)
{
    return add_numbers(o->show.uids, value, UINT32_MAX - 1u);
}

static const char *apply_comm(struct options *o, const char *value)
{
    if (o->show.comms->len >= LINK_COMM_MAX) {
        return "is one too many: at most 32";
    }
    return add_string(o->show.comms, value);
}

static const char *apply_string(struct options *o, const char *value)
{
    return set_number(value, SHOW_STRING_MAX, &o->show.string_limit);
}

static const char *apply_y(struct options *o, const char *value)
{
    (void)value;
    o->show.fd_names = MIN(o->show.fd_names + 1u, 2u);
    o->flags |= LINK_FD_NAMES;
    return NULL;
}

static const char *apply_i(struct options *o, const char *value)
{
    (void)value;
    o->show.ip = true;
    o->flags |= LINK_IP;
    return NULL;
}

static const char *apply_c(struct options *o, const char *value)
{
    (void)value;
    o->show.summary = 1;
    return NULL;
}

static const char *apply_both(struct options *o, const char *value)
{
    (void)value;
    o->show.summary = 2;
    return NULL;
}

static const char *apply_sort(struct options *o, const char *value)
{
    if (!summary__is_order(value)) {
        return "must be time, min-time, max-time, avg-time, calls, errors, name or nothing";
    }
    o->show.sort = value;
    return NULL;
}

static const char *apply_o(struct options *o, const char *value)
{
    if (o->text_file) {
        return "is the second -o; use --output text:FILE for more";
    }
    if (!*value) {
        return "is empty";
    }
    o->text_file = value;
    return NULL;
}

/* Files tell themselves by their first bytes (a table of Volatility is JSON, or packed); what is nothing else must be a
 * System.map. */
static const char *apply_profile(struct options *o, const char *value)
{
    static const unsigned char elf[4] = {0x7f, 'E', 'L', 'F'}, btf[2] = {0x9f, 0xeb}, xz[4] = {0xfd, '7', 'z', 'X'};
    unsigned char head[4] = {0};
    FILE *file = fopen(value, "rbe");
    size_t got;

    if (!file) {
        return "cannot be opened";
    }
    got = fread(head, 1, sizeof(head), file);
    fclose(file);
    if (got < sizeof(head)) {
        return "is too short to be BTF, an ELF file, a System.map or a symbol table of Volatility";
    }
    if (memcmp(head, elf, sizeof(elf)) == 0 || memcmp(head, btf, sizeof(btf)) == 0) {
        o->btf_file = value;
    } else if (memcmp(head, xz, sizeof(xz)) == 0 || head[0] == '{') {
        o->isf_file = value;
    } else {
        o->map_file = value;
    }
    return NULL;
}

static const char *apply_insns(struct options *o, const char *value)
{
    struct code_who who;
    const char *wrong = code_who__parse(value, &who);

    if (!wrong && o->show.insns->len >= LINK_WATCHES_MAX) {
        wrong = "is one too many: at most 32";
    }
    if (!wrong) {
        g_array_append_val(o->show.insns, who);
    }
    return wrong;
}

static const char *apply_hook_max(struct options *o, const char *value)
{
    return set_number(value, FUNCTIONS_MAX, &o->hook_max);
}

static const char *apply_stall(struct options *o, const char *value)
{
    char *end = NULL;
    double seconds = g_ascii_strtod(value, &end);

    if (end == value || *end || !(seconds >= 0.0 && seconds <= 3600.0)) {
        return "must be a number of seconds from 0 to 3600";
    }
    o->stall_ms = (uint32_t)(seconds * 1000.0);
    return NULL;
}

static const char *apply_capture(struct options *o, const char *value)
{
    const char *wrong = set_number(value, CAPTURE_MAX, &o->capture);

    return wrong || o->capture ? wrong : "must be from 1 to 256k";
}

static const char *apply_rotate_size(struct options *o, const char *value)
{
    uint64_t n;

    if (!options__size(value, UINT64_MAX / 2, &n) || n < 4096) {
        return "must be a number of bytes (k, M and G go behind it), at least 4k";
    }
    o->show.rotate_bytes = n;
    return NULL;
}

static const char *apply_rotate_count(struct options *o, const char *value)
{
    return set_number(value, 1000000, &o->show.rotate_files);
}

static const char *apply_sebek_magic(struct options *o, const char *value)
{
    char *end = NULL;
    guint64 n = g_ascii_strtoull(value, &end, 0);

    if (*value < '0' || *value > '9' || *end || n > UINT32_MAX) {
        return "must be a number of 32 bits, 0x before it if it is hexadecimal";
    }
    o->show.sebek.magic = (uint32_t)n;
    return NULL;
}

static const char *apply_sebek_from(struct options *o, const char *value)
{
    return sebek_options__address(value, o->show.sebek.from, &o->show.sebek.from_port)
               ? NULL
               : "must be an IPv4 address, :PORT, or both";
}

static const char *apply_sebek_to(struct options *o, const char *value)
{
    return sebek_options__address(value, o->show.sebek.to, &o->show.sebek.to_port)
               ? NULL
               : "must be an IPv4 address, :PORT, or both";
}

static const char *apply_nats_spool(struct options *o, const char *value)
{
    uint64_t n;

    if (!options__size(value, UINT64_C(1) << 40, &n) || n < (1u << 20)) {
        return "must be a number of bytes (M and G go behind it), at least 1M";
    }
    o->show.nats_spool = n;
    return NULL;
}

static const char *apply_nats_wait(struct options *o, const char *value)
{
    uint32_t seconds;
    const char *wrong = set_number(value, 86400, &seconds);

    if (!wrong) {
        o->show.nats_wait = (int)seconds;
    }
    return wrong;
}

static const char *apply_files_max(struct options *o, const char *value)
{
    return files_limits__parse(value, &o->show.files)
               ? NULL
               : "must be SIZE, SIZE,COUNT or SIZE,COUNT,TOTAL: numbers from 1 up (k, M and G go behind them)";
}

static const char *apply_socket(struct options *o, const char *value)
{
    o->socket = value;
    return *value ? NULL : "is empty";
}

static const char *apply_control(struct options *o, const char *value)
{
    o->control = value;
    return *value ? NULL : "is empty";
}

#define AT(member) offsetof(struct options, member)

const struct option_row option_rows[] = {
    {'e', "expr", "EXPR", CMD_FILTERS, OPTION_APPLY, .apply = options_expr__apply,
     .help = "trace=LIST, or just LIST: only these calls: names, %class, /regex,\n"
             "with commas between them; a ! before the list: all but these;\n"
             "status=LIST: only calls that ended so: successful, failed, unfinished,\n"
             "unavailable, detached; signal=LIST: lines for these signals, or none;\n"
             "read=FDS, write=FDS: dump what is read from, written to them"},
    {'z', "successful-only", NULL, CMD_FILTERS, OPTION_BOOL, AT(show.only_ok), .help = "only calls that succeeded"},
    {'Z', "failed-only", NULL, CMD_FILTERS, OPTION_BOOL, AT(show.only_failed), .help = "only calls that failed"},
    {'P', "trace-path", "PATH", CMD_FILTERS, OPTION_LIST, AT(show.paths), .help = "only calls that touch PATH"},
    {'p', "pid", "PID,...", CMD_FILTERS, OPTION_APPLY, .apply = apply_pid,
     .help = "only these processes or threads of the guest"},
    {0, "comm", "NAME", CMD_FILTERS, OPTION_APPLY, .apply = apply_comm,
     .help = "only threads of this name; a * at the end stands for any rest"},
    {0, "uid", "UID,...", CMD_FILTERS, OPTION_APPLY, .apply = apply_uid,
     .help = "only threads of these users of the guest"},
    {0, "exe", "PATH", CMD_FILTERS, OPTION_LIST, AT(show.exes), .help = "only processes that run this program"},
    {'s', "string-limit", "N", CMD_SHOWS, OPTION_APPLY, .apply = apply_string,
     .help = "show at most N bytes of a string (32)"},
    {'v', "no-abbrev", NULL, CMD_SHOWS, OPTION_COUNT, AT(show.verbose), 2, .help = "abbreviate nothing"},
    {'x', "strings-in-hex", NULL, CMD_SHOWS, OPTION_COUNT, AT(show.hex), 2,
     .help = "strings with unprintable bytes in hexadecimal; -xx: all strings"},
    {'y', "decode-fds", NULL, CMD_SHOWS, OPTION_APPLY, .apply = apply_y,
     .help = "what file descriptors stand for: paths, pipes, sockets"},
    {'t', "absolute-timestamps", NULL, CMD_SHOWS, OPTION_COUNT, AT(show.timestamp), 3,
     .help = "time of day; -tt: microseconds; -ttt: seconds since 1970"},
    {'r', "relative-timestamps", NULL, CMD_SHOWS, OPTION_BOOL, AT(show.relative), .help = "time since the call before"},
    {'T', "syscall-times", NULL, CMD_SHOWS, OPTION_BOOL, AT(show.durations), .help = "time spent in each call"},
    {'i', "instruction-pointer", NULL, CMD_SHOWS, OPTION_APPLY, .apply = apply_i,
     .help = "instruction pointer of each call"},
    {'f', "follow-forks", NULL, CMD_SHOWS, OPTION_COUNT, AT(forks), 2,
     .help = "taken as strace's: processes are always followed; -ff with -o:\n"
             "one file a thread, FILE.TID"},
    {'c', "summary-only", NULL, CMD_SHOWS, OPTION_APPLY, .apply = apply_c,
     .help = "a table of calls, errors and time instead of the calls"},
    {'C', "summary", NULL, CMD_SHOWS, OPTION_APPLY, .apply = apply_both, .help = "that table after the calls"},
    {0, "graph", NULL, CMD_SHOWS, OPTION_BOOL, AT(show.graph),
     .help = "calls and hooked functions inside one another, with durations,\n"
             "instead of lines of text"},
    {'S', "summary-sort-by", "KEY", CMD_SHOWS, OPTION_APPLY, .apply = apply_sort,
     .help = "order of that table: time (default), min-time, max-time, avg-time,\n"
             "calls, errors, name, nothing"},
    {0, "follow", NULL, CMD_READ, OPTION_BOOL, AT(follow), .help = "go on as the trace grows, until its end"},
    {'q', "quiet", NULL, CMD_SHOWS, OPTION_BOOL, AT(quiet), .help = "no remarks of qebek's own"},
    {'o', "to-file", "FILE", CMD_SHOWS, OPTION_APPLY, .apply = apply_o, .help = "lines of text into FILE"},
    {0, "output", "KIND[:WHERE]", CMD_SHOWS, OPTION_LIST, AT(outputs),
     .help = "an output, any number of them; see \"qebek list outputs\""},
    {0, "enter", NULL, CMD_SHOWS, OPTION_BOOL, AT(show.enter_events),
     .help = "jsonl: an object for each entry of a call, too"},
    {0, "rotate-size", "BYTES", CMD_SHOWS, OPTION_APPLY, .apply = apply_rotate_size,
     .help = "qbk: begin a new file after so many bytes"},
    {0, "rotate-count", "N", CMD_SHOWS, OPTION_APPLY, .apply = apply_rotate_count,
     .help = "qbk: keep only the last N of these files"},
    {0, "sebek-magic", "NUMBER", CMD_SHOWS, OPTION_APPLY, .apply = apply_sebek_magic,
     .help = "sebek: what tells this machine's packets from others' (0xd0d0d0d0)"},
    {0, "sebek-from", "ADDRESS[:PORT]", CMD_SHOWS, OPTION_APPLY, .apply = apply_sebek_from,
     .help = "sebek: the packets' source in a file (10.0.2.15:1101); to a receiver\n"
             "the port counts alone"},
    {0, "sebek-to", "ADDRESS[:PORT]", CMD_SHOWS, OPTION_APPLY, .apply = apply_sebek_to,
     .help = "sebek: the packets' destination in a file (10.0.2.2:1101)"},
    {0, "sebek-keystrokes", NULL, CMD_SHOWS, OPTION_BOOL, AT(show.sebek.keystrokes),
     .help = "sebek: only what is read from terminals, in short reads"},
    {0, "nats-spool", "BYTES", CMD_SHOWS, OPTION_APPLY, .apply = apply_nats_spool,
     .help = "nats: how much is kept on disk while the server is away (64M)"},
    {0, "nats-wait", "SECONDS", CMD_SHOWS, OPTION_APPLY, .apply = apply_nats_wait,
     .help = "nats: how long the end waits for a server that is away (30)"},
    {0, "nats-ca", "FILE", CMD_SHOWS, OPTION_TEXT, AT(show.nats_ca),
     .help = "nats: who must have signed the server's certificate, for\n"
             "nats:tls://HOST:PORT/SUBJECT (this host's list)"},
    {0, "nats-cert", "FILE", CMD_SHOWS, OPTION_TEXT, AT(show.nats_cert), .help = "nats: a certificate of our own"},
    {0, "nats-key", "FILE", CMD_SHOWS, OPTION_TEXT, AT(show.nats_key), .help = "nats: the key that belongs to it"},
    {0, "nats-creds", "FILE", CMD_SHOWS, OPTION_TEXT, AT(show.nats_creds),
     .help = "nats: credentials to log in with, as nsc makes them"},
    {0, "files-max", "SIZE[,COUNT[,TOTAL]]", CMD_SHOWS, OPTION_APPLY, .apply = apply_files_max,
     .help = "files: bytes of one file, how many, and bytes of all\n"
             "(16M,10000,4G)"},
    {0, "hook", "SPEC", CMD_LIVE, OPTION_LIST, AT(hooks),
     .help = "trace calls of these functions, too: kernel:NAME, LIBRARY:NAME,\n"
             "/PATH:NAME (names with * and ?), or an address; may be given\n"
             "several times"},
    {0, "hook-expand", "ARG.MEMBER", CMD_LIVE, OPTION_LIST, AT(hook_expand),
     .help = "show that member, too, of what an argument of a hooked kernel\n"
             "function points at: file.f_path, file for all of them; may be\n"
             "given several times"},
    {0, "hook-max", "COUNT", CMD_LIVE, OPTION_APPLY, .apply = apply_hook_max,
     .help = "how many functions one --hook may name (1000)"},
    {0, "insns", "WHO", CMD_SHOWS, OPTION_APPLY, .apply = apply_insns,
     .help = "the instructions that these execute: a process's name (a * at its\n"
             "end stands for any rest) or number, with :MODULE behind it only\n"
             "those of that file; may be given several times"},
    {0, "insns-kernel", NULL, CMD_LIVE, OPTION_FLAG, .number = LINK_INSNS_KERNEL,
     .help = "--insns: those of the kernel, too, while it runs for them"},
    {0, "module", "PATH[=ARGS]", CMD_LIVE, OPTION_LIST, AT(modules), .help = "load a hook module"},
    {0, "profile", "FILE", CMD_LIVE | CMD_DOCTOR, OPTION_APPLY, .apply = apply_profile,
     .help = "what the guest's kernel is: BTF, ELF with BTF, System.map, or a\n"
             "symbol table of Volatility (JSON, .xz); doctor compares that"},
    {0, "capture", "BYTES", CMD_LIVE, OPTION_APPLY, .apply = apply_capture,
     .help = "how much of each string and buffer a trace holds at least (32;\n"
             "more with qbk and the outputs for honeypots), however much is\n"
             "shown of it"},
    {0, "lossy", NULL, CMD_LIVE, OPTION_FLAG, .number = LINK_LOSSY,
     .help = "never hold the machine back: drop what does not fit, and count it"},
    {0, "stall", "SECONDS", CMD_LIVE, OPTION_APPLY, .apply = apply_stall,
     .help = "hold the machine back at most so long for a reader that does\n"
             "nothing, then drop (5)"},
    {0, "no-guest", NULL, CMD_LIVE, OPTION_FLAG, .number = LINK_NO_GUEST,
     .help = "do not look for a kernel: numbers and registers only"},
    {0, "debug-identity", NULL, CMD_LIVE, OPTION_FLAG, .number = LINK_COMPARE_IDENTITY,
     .help = "for tests of qebek: learn the current thread in two ways, and compare"},
    {0, "debug-no-switch-probe", NULL, CMD_LIVE, OPTION_FLAG, .number = LINK_NO_SWITCH_PROBE,
     .help = "for tests of qebek: read the current thread at each call"},
    {'q', "quiet", NULL, CMD_CHECK, OPTION_BOOL, AT(quiet), .help = "nothing but the exit status"},
    {0, "json", NULL, CMD_CHECK, OPTION_BOOL, AT(json), .help = "the result as one JSON object"},
    {0, "control", "PATH", CMD_LIVE, OPTION_APPLY, .apply = apply_control, .help = "listen there for \"qebek ctl\""},
    {0, "stopped", NULL, CMD_LIVE, OPTION_FLAG, .number = LINK_STOPPED,
     .help = "record nothing before \"qebek ctl PATH start\""},
    {0, "socket", "PATH", CMD_PLUGIN, OPTION_APPLY, .apply = apply_socket, .help = "where the plugin is to listen"},
};
const size_t option_count = G_N_ELEMENTS(option_rows);

const char *option_row__apply(const struct option_row *row, struct options *o, const char *value)
{
    char *at = (char *)o + row->offset;

    switch (row->kind) {
    case OPTION_BOOL:
        *(bool *)at = true;
        return NULL;
    case OPTION_COUNT:
        *(unsigned *)at = MIN(*(unsigned *)at + 1u, row->number);
        return NULL;
    case OPTION_FLAG:
        o->flags |= row->number;
        return NULL;
    case OPTION_LIST:
        return add_string(*(GPtrArray **)at, value);
    case OPTION_TEXT:
        *(const char **)at = value;
        return NULL;
    case OPTION_APPLY:
        break;
    }
    return row->apply(o, value);
}
