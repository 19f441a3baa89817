/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qebek check: count what is in a trace, and prove the invariants on it. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cmd/chain.h"
#include "cmd/cmd.h"
#include "cmd/confine.h"
#include "cmd/options.h"
#include "trace/check.h"
#include "trace/record.h"

static void print_table(const struct check_result *r, bool whole)
{
    printf("%12" PRIu64 "  records\n%12" PRIu64 "  threads\n%12" PRIu64 "  signals\n%12" PRIu64 "  calls\n", r->records,
           r->threads, r->signals, r->entries);
    for (int end = 0; end < QBK_ENDS; end++) {
        printf("%12" PRIu64 "    %s\n", r->ends[end], record__end_name((enum qbk_end)end));
    }
    if (r->completions) {
        printf("%12" PRIu64 "  completions of pending calls\n", r->completions);
    }
    if (r->functions) {
        printf("%12" PRIu64 "  calls of hooked functions\n", r->functions);
    }
    for (int end = 0; r->functions && end < QBK_FUNCTION_ENDS; end++) {
        printf("%12" PRIu64 "    %s\n", r->function_ends[end], record__function_end_name((enum qbk_function_end)end));
    }
    if (r->blocks) {
        printf("%12" PRIu64 "  blocks of code\n%12" PRIu64 "  instructions of them\n", r->blocks, r->insns);
    }
    printf("%12" PRIu64 "  joined\n%12" PRIu64 "  lost records\n", r->joined, r->lost_records);
    if (r->has_summary) {
        printf("%12" PRIu64 "  system-call instructions that the sites counted themselves\n",
               r->counter[QBK_COUNT_SITE_ENTRIES]);
    } else {
        printf("%12s  summary: the trace ends without the plugin's last words\n", "no");
    }
    for (unsigned i = 0; i < r->messages->len; i++) {
        printf("violation: %s\n", (const char *)r->messages->pdata[i]);
    }
    printf("%s: %" PRIu64 " violations%s\n", r->violations || !whole ? "FAILED" : "ok", r->violations,
           whole ? "" : ", and the file is not whole");
}

/* Names are ours and messages are escaped: nothing here needs a JSON library. */
static void print_json(const struct check_result *r, bool whole)
{
    printf("{\"ok\":%s,\"whole\":%s,\"summary\":%s,\"records\":%" PRIu64 ",\"threads\":%" PRIu64 ",\"signals\":%" PRIu64
           ",\"calls\":%" PRIu64 ",\"ends\":{",
           r->violations || !whole ? "false" : "true", whole ? "true" : "false", r->has_summary ? "true" : "false",
           r->records, r->threads, r->signals, r->entries);
    for (int end = 0; end < QBK_ENDS; end++) {
        printf("%s\"%s\":%" PRIu64, end ? "," : "", record__end_name((enum qbk_end)end), r->ends[end]);
    }
    printf("},\"functions\":%" PRIu64 ",\"function_ends\":{", r->functions);
    for (int end = 0; end < QBK_FUNCTION_ENDS; end++) {
        printf("%s\"%s\":%" PRIu64, end ? "," : "", record__function_end_name((enum qbk_function_end)end),
               r->function_ends[end]);
    }
    printf("},\"blocks\":%" PRIu64 ",\"insns\":%" PRIu64, r->blocks, r->insns);
    printf(",\"completions\":%" PRIu64 ",\"joined\":%" PRIu64 ","
           "\"lost_records\":%" PRIu64 ",\"violations\":%" PRIu64 ",\"messages\":[",
           r->completions, r->joined, r->lost_records, r->violations);
    for (unsigned i = 0; i < r->messages->len; i++) {
        printf("%s\"", i ? "," : "");
        for (const unsigned char *c = r->messages->pdata[i]; *c; c++) {
            printf(*c < 0x20 || *c >= 0x7f || *c == '"' || *c == '\\' ? "\\u%04x" : "%c", *c);
        }
        printf("\"");
    }
    printf("]}\n");
}

/* Feed all of it. Returns whether the file is whole; if not, why has been said. */
static bool feed(struct chain *chain, struct check *check, bool quiet)
{
    g_autoptr(GError) error = NULL;
    const struct qbk_record *rec = NULL;
    enum trace_status status;

    while ((status = chain__read(chain, &rec, &error)) == TRACE_OK) {
        check__feed(check, rec);
    }
    if (status != TRACE_END && !quiet) {
        cmd__say("%s: %s; all before it has been checked", chain__name(chain), error ? error->message : "unreadable");
    }
    return status == TRACE_END;
}

static int check_trace(const struct options *o, const char *path)
{
    g_autoptr(GError) error = NULL;
    struct chain *chain = chain__open(path, false, &error);
    g_autoptr(GPtrArray) files = g_ptr_array_new();
    const struct confine nothing_more = {.read_files = files};
    const struct check_result *result;
    struct check *check;
    bool whole, good;

    if (!chain) {
        return o->quiet ? CMD_FAILED : cmd__failed("%s", error->message);
    }
    if (chain__dir(chain)) {
        g_ptr_array_add(files, (char *)(uintptr_t)chain__dir(chain));
    }
    (void)confine__now(&nothing_more); /* as good as the host has it; doctor tells */
    check = check__new(chain__is_continuation(chain));
    whole = feed(chain, check, o->quiet);
    result = check__finish(check);
    good = whole && result->violations == 0;
    if (o->json) {
        print_json(result, whole);
    } else if (!o->quiet) {
        print_table(result, whole);
    }
    check__free(check);
    chain__close(chain);
    return good ? CMD_OK : CMD_FAILED;
}

int cmd_check(const struct cmd *cmd, int argc, char **argv)
{
    struct options o;
    int first, status;

    if (options__parse(cmd, argc, argv, &o, &first) == OPTIONS_EXIT) {
        status = o.status;
    } else if (argc - first != 1) {
        status = cmd__usage("which trace? \"qebek check [options] TRACE\", one of them");
    } else {
        status = check_trace(&o, argv[first]);
    }
    options__clear(&o);
    return status;
}
