/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qebek list: what can be named in options, out of the tables that the options are read by. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/options.h"
#include "decode/decode.h"
#include "guest/find/nt/numbers.h"
#include "show/show.h"
#include "trace/record.h"

static bool is_nt(int abi)
{
    return abi == QBK_ABI_NT_X64 || abi == QBK_ABI_NT_X86;
}

static void print_service(int abi, const char *number, const struct decode_service *service)
{
    printf("%s\t%s\t%s(", record__abi_name((enum qbk_abi)abi), number, service->name);
    for (unsigned i = 0; i < service->nargs; i++) {
        printf("%s%s", i ? ", " : "", service->arg[i].name);
    }
    printf(")\n");
}

/* NT's numbers are others in each release: list_build has them. */
static void list_syscalls(void)
{
    char number[16];

    for (int abi = 0; abi < QBK_ABIS; abi++) {
        for (uint32_t nr = 0; nr < decode__service_end((enum qbk_abi)abi); nr++) {
            const struct decode_service *service = decode__service((enum qbk_abi)abi, nr);

            if (!service) {
                continue;
            }
            if (is_nt(abi)) {
                print_service(abi, "-", service);
            } else {
                snprintf(number, sizeof(number), "%u", nr);
                print_service(abi, number, service);
            }
        }
    }
}

/* Of one build of NT, those that its numbers are known of. */
static bool list_build(uint32_t build)
{
    g_autofree struct numbers *numbers = g_new(struct numbers, 1);
    bool any = false;

    for (int abi = QBK_ABI_NT_X64; abi <= QBK_ABI_NT_X86; abi++) {
        const struct numbers_query query = {.is_64 = abi == QBK_ABI_NT_X64, .build = build};

        numbers__find(&query, numbers);
        for (unsigned i = 0; numbers->releases > 0 && i < NT_TABLES * NT_TABLE_SIZE; i++) {
            const struct numbers_name *name = &numbers->name[i / NT_TABLE_SIZE][i % NT_TABLE_SIZE];
            g_autofree char *full = name->at ? g_strdup_printf("Nt%.*s", (int)name->len, name->at) : NULL;
            int row = full ? decode__number((enum qbk_abi)abi, full) : -1;
            char number[16];

            if (!full) {
                continue;
            }
            any = true;
            snprintf(number, sizeof(number), "0x%x", i / NT_TABLE_SIZE << 12 | i % NT_TABLE_SIZE);
            if (row >= 0) {
                print_service(abi, number, decode__service((enum qbk_abi)abi, (uint32_t)row));
            } else {
                printf("%s\t%s\t%s\n", record__abi_name((enum qbk_abi)abi), number, full);
            }
        }
    }
    return any;
}

/* Names of all ABIs, each once. */
static void list_class(unsigned bit)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (int abi = 0; abi < QBK_ABIS; abi++) {
        for (uint32_t nr = 0; nr < decode__service_end((enum qbk_abi)abi); nr++) {
            const struct decode_service *service = decode__service((enum qbk_abi)abi, nr);

            if (service && (service->classes & (1u << bit)) &&
                g_hash_table_add(seen, (gpointer)(uintptr_t)service->name)) {
                printf(" %s", service->name);
            }
        }
    }
}

static void list_classes(void)
{
    const char *name;

    for (unsigned bit = 0; bit < 32 && (name = decode__class_name(bit)); bit++) {
        printf("%%%s", name);
        list_class(bit);
        printf("\n");
    }
}

static void list_outputs(void)
{
    const char *name, *help = NULL;

    for (unsigned i = 0; (name = show__kind(i, &help)); i++) {
        printf("%-8s %s\n", name, help);
    }
}

static void list_ends(void)
{
    static const char *const meaning[QBK_ENDS] = {
        [QBK_END_RETURNED] = "came back with a result",
        [QBK_END_NORETURN] = "never comes back: exit and its like",
        [QBK_END_INTERRUPTED] = "left for a signal handler",
        [QBK_END_PENDING] = "came back while the work goes on; a completion follows",
        [QBK_END_IN_FLIGHT] = "still running when tracing stopped",
        [QBK_END_THREAD_GONE] = "its thread died in it",
        [QBK_END_MACHINE_GONE] = "the machine was reset in it",
        [QBK_END_ORPHANED] = "qebek lost track of it: a defect",
    };

    for (int end = 0; end < QBK_ENDS; end++) {
        printf("%-13s %s\n", record__end_name((enum qbk_end)end), meaning[end]);
    }
}

static void list_signals(void)
{
    for (unsigned signo = 1; signo <= 64; signo++) {
        const char *name = decode__signal_name(signo);

        if (name) {
            printf("%u\t%s\n", signo, name);
        }
    }
}

static void list_errors(void)
{
    for (unsigned code = 1; code < 4096; code++) {
        const char *name = decode__errno_name(code), *text = decode__errno_text(code);

        if (name) {
            printf("%u\t%s\t%s\n", code, name, text ? text : "");
        }
    }
}

/* NTSTATUS values. */
static void list_statuses(void)
{
    const char *name;
    uint32_t status;

    for (size_t i = 0; decode__status_at(i, &status, &name); i++) {
        printf("0x%08x\t%s\n", status, name);
    }
}

static const struct {
    const char *name;
    void (*list)(void);
} lists[] = {{"syscalls", list_syscalls}, {"classes", list_classes}, {"outputs", list_outputs},  {"ends", list_ends},
             {"signals", list_signals},   {"errors", list_errors},   {"statuses", list_statuses}};

/* "19041" */
static int list_numbers(const char *text)
{
    char *end = NULL;
    guint64 build = g_ascii_strtoull(text, &end, 10);

    if (!g_ascii_isdigit(*text) || *end || build == 0 || build > UINT16_MAX) {
        return cmd__usage("list syscalls %s: not the build number of a Windows NT, as 2600 or 19041", text);
    }
    if (!list_build((uint32_t)build)) {
        return cmd__usage("list syscalls %s: the numbers of that build are not known", text);
    }
    return CMD_OK;
}

int cmd_list(const struct cmd *cmd, int argc, char **argv)
{
    struct options o;
    int first, status = CMD_USAGE;

    if (options__parse(cmd, argc, argv, &o, &first) == OPTIONS_EXIT) {
        status = o.status;
        options__clear(&o);
        return status;
    }
    options__clear(&o);
    for (size_t i = 0; argc - first == 1 && i < G_N_ELEMENTS(lists); i++) {
        if (strcmp(argv[first], lists[i].name) == 0) {
            lists[i].list();
            return CMD_OK;
        }
    }
    if (argc - first == 2 && strcmp(argv[first], "syscalls") == 0) {
        return list_numbers(argv[first + 1]);
    }
    return cmd__usage("list what? \"qebek list syscalls\", classes, outputs, ends, signals, errors or statuses");
}
