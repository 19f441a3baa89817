/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qebek doctor --profile FILE [TRACE]: what a symbol table says beside what was derived from the kernel itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/chain.h"
#include "cmd/cmd.h"
#include "cmd/confine.h"
#include "cmd/doctor_profile.h"
#include "guest/find/nt/isf.h"
#include "trace/record.h"

/* What the trace says of the guest's kernel. */
struct derived {
    bool found;
    char pdb_id[64];
    uint32_t offset[NT_OFFSETS];
};

/* "KTHREAD.Teb 0xb8, …" */
static void take_offsets(struct derived *d, const char *list)
{
    g_auto(GStrv) each = g_strsplit(list ? list : "", ", ", NT_OFFSETS + 1);

    for (unsigned i = 0; i < NT_OFFSETS; i++) {
        size_t len = strlen(isf__offset_name(i));

        d->offset[i] = NT_NONE;
        for (char **one = each; *one; one++) {
            if (strncmp(*one, isf__offset_name(i), len) == 0 && (*one)[len] == ' ') {
                d->offset[i] = (uint32_t)strtoul(*one + len + 1, NULL, 0);
            }
        }
    }
}

static void read_trace(struct chain *chain, struct derived *d)
{
    const struct qbk_record *rec = NULL;

    while (chain__read(chain, &rec, NULL) == TRACE_OK) {
        const struct qbk_text *text = (const void *)rec;
        const char *os = rec->type == QBK_GUEST ? record__text_get(text, "os") : NULL;
        const char *id = os && strcmp(os, "nt") == 0 ? record__text_get(text, "pdb_id") : NULL;

        if (!id) {
            continue;
        }
        d->found = true;
        g_strlcpy(d->pdb_id, id, sizeof(d->pdb_id));
        g_strcanon(d->pdb_id, "0123456789ABCDEFabcdef-", '?');
        take_offsets(d, record__text_get(text, "offsets"));
    }
}

static void cell(uint32_t offset)
{
    char text[16] = "-";

    if (offset != NT_NONE) {
        g_snprintf(text, sizeof(text), "%#x", offset);
    }
    printf("  %-8s", text);
}

/* Returns how many differ. */
static unsigned print_table(const struct isf *isf, const struct derived *d)
{
    unsigned differ = 0;

    printf("%-40s  %-8s  %-8s\n", "", "derived", "profile");
    for (unsigned i = 0; i < NT_OFFSETS; i++) {
        bool both = d->found && d->offset[i] != NT_NONE && isf->offset[i] != NT_NONE;
        bool same = !both || d->offset[i] == isf->offset[i];

        printf("%-40s", isf__offset_name(i));
        cell(d->found ? d->offset[i] : NT_NONE);
        cell(isf->offset[i]);
        printf("%s\n", same ? "" : "  differs");
        differ += !same;
    }
    return differ;
}

static int compare(const struct isf *isf, const struct derived *d, bool with_trace)
{
    unsigned differ;

    printf("profile: %s %s, %s\n", isf->pdb[0] ? isf->pdb : "(no name)", isf->pdb_id[0] ? isf->pdb_id : "(no id)",
           isf->is_64 ? "64 bits" : "32 bits");
    if (with_trace && !d->found) {
        return cmd__failed("this trace tells of no NT kernel: there is nothing to compare the profile with");
    }
    if (d->found) {
        printf("trace:   %s\n", d->pdb_id);
    }
    differ = print_table(isf, d);
    if (!with_trace) {
        printf("Nothing to compare with: \"qebek doctor --profile FILE TRACE\", a trace of that kernel.\n");
        return CMD_OK;
    }
    if (strcmp(d->pdb_id, isf->pdb_id) != 0) {
        printf("These are two different kernels.\n");
        return CMD_FAILED;
    }
    printf(differ ? "They differ: %u offsets.\n" : "They agree.\n", differ);
    return differ ? CMD_FAILED : CMD_OK;
}

int doctor_profile(const char *file, const char *trace)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) files = g_ptr_array_new();
    const struct confine confine = {.read_files = files};
    struct chain *chain = trace ? chain__open(trace, false, &error) : NULL;
    struct derived derived = {0};
    struct isf isf;

    if (trace && !chain) {
        return cmd__failed("%s", error->message);
    }
    if (chain && chain__dir(chain)) {
        g_ptr_array_add(files, (char *)(uintptr_t)chain__dir(chain));
    }
    g_ptr_array_add(files, (char *)(uintptr_t)file);
    (void)confine__now(&confine); /* as good as the host has it; doctor tells */
    if (chain) {
        read_trace(chain, &derived);
        chain__close(chain);
    }
    if (!isf__read(file, &isf, &error)) {
        return cmd__failed("%s: %s", file, error->message);
    }
    return compare(&isf, &derived, trace != NULL);
}
