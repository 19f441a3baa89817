// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The way of the first Qebek's demo of 2009, in small, as a plugin of its own, to be compared with: at each block of
 * kernel code a chain of comparisons of its address with that of every hooked service, and with the place that the
 * service returns to, of which one is kept for each hook, as is one set of what was saved at the entry.
 *
 * The calls of tests/nt/machine/faults.c tell by their first argument what their result will be, so each result that is
 * handed to a hook counts as right or wrong at once.
 *
 *   file=…,hooks=N,same=N,late=0|1,addresses=FILE,start=A,end=A,wide=0|1,report=FILE
 *
 * addresses: of the services, one a line, in hexadecimal; `same` hooks are on the first, the others on the others.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vm/qemu_api.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT extern int qemu_plugin_version;
EXPORT int qemu_plugin_version = QEBEK_QEMU_API;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv);

#define HOOKS_MAX     16384u
#define ADDRESSES_MAX 512u
/* FAULTS_RESULT of tests/nt/machine/plan.h, written again: the machine shares nothing with who watches it. */
#define RESULT_OF(id) (((id)*2654435761u >> 4 | 0x10000u) & 0x0fffffffu)

struct hook {
    uint64_t service;
    uint64_t back; /* where it returns to; 0: it is not in it */
    uint32_t saved;
};

static struct hook hooks[HOOKS_MAX];
static unsigned hooks_count;
static uint64_t addresses[ADDRESSES_MAX];
static unsigned addresses_count;
static uint64_t kernel_start, kernel_end, right, wrong;
static unsigned word = 4;
static const char *report_path;
static bool sleeping; /* until the first service is called, so that a machine with many hooks starts in this life */
static struct qemu_plugin_register *rax, *rcx, *rsp;
static GByteArray *buffer;

static uint64_t reg(struct qemu_plugin_register *which)
{
    uint64_t value = 0;
    g_byte_array_set_size(buffer, 0);
    qemu_plugin_read_register(which, buffer);
    memcpy(&value, buffer->data, buffer->len < word ? buffer->len : word);
    return value;
}

static uint64_t memory(uint64_t at)
{
    uint64_t value = 0;
    g_byte_array_set_size(buffer, 0);
    if (qemu_plugin_read_memory_vaddr(at, buffer, word))
        memcpy(&value, buffer->data, word);
    return value;
}

static void before(struct hook *h)
{
    uint64_t sp = reg(rsp);
    h->back = memory(sp);
    h->saved = (uint32_t)(word == 8 ? reg(rcx) : memory(sp + 4));
}

static void after(struct hook *h)
{
    h->back = 0;
    if ((uint32_t)reg(rax) == RESULT_OF(h->saved))
        right++;
    else
        wrong++;
}

static void on_block(unsigned int index, void *userdata)
{
    uint64_t pc = (uintptr_t)userdata;
    (void)index;
    if (sleeping && pc != addresses[0])
        return;
    sleeping = false;
    for (unsigned i = 0; i < hooks_count; i++) {
        if (pc == hooks[i].service)
            before(&hooks[i]);
        else if (pc == hooks[i].back)
            after(&hooks[i]);
    }
}

static void on_translate(QEMU_API_TB_ARGS)
{
    uint64_t at = qemu_plugin_tb_vaddr(tb);
    QEMU_API_UNUSED;
    if (at >= kernel_start && at < kernel_end && qemu_plugin_tb_n_insns(tb) > 0)
        qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_tb_get_insn(tb, 0), on_block, QEMU_PLUGIN_CB_R_REGS,
                                               (void *)(uintptr_t)at);
}

static void on_vcpu(QEMU_API_VCPU_ARGS)
{
    GArray *all = qemu_plugin_get_registers();
    (void)vcpu_index;
    QEMU_API_UNUSED;
    for (unsigned i = 0; i < all->len; i++) {
        const qemu_plugin_reg_descriptor *d = &g_array_index(all, qemu_plugin_reg_descriptor, i);
        if (strcmp(d->name, "rax") == 0)
            rax = d->handle;
        else if (strcmp(d->name, "rcx") == 0)
            rcx = d->handle;
        else if (strcmp(d->name, "rsp") == 0)
            rsp = d->handle;
    }
    g_array_free(all, TRUE);
}

static void on_exit_of_qemu(qemu_plugin_id_t id, void *userdata)
{
    FILE *f = report_path ? fopen(report_path, "w") : NULL;
    (void)id;
    (void)userdata;
    if (!f)
        return;
    fprintf(f, "right %llu wrong %llu\n", (unsigned long long)right, (unsigned long long)wrong);
    fclose(f);
}

static bool read_addresses(const char *path)
{
    FILE *f = fopen(path, "r");
    unsigned long long at;
    if (!f)
        return false;
    while (addresses_count < ADDRESSES_MAX && fscanf(f, "%llx", &at) == 1)
        addresses[addresses_count++] = at;
    fclose(f);
    return addresses_count > 0;
}

static void set_hooks(unsigned wanted, unsigned same)
{
    for (unsigned i = 0; i < wanted && i < HOOKS_MAX; i++) {
        bool first = i < same || addresses_count == 1;
        hooks[hooks_count++].service = addresses[first ? 0 : 1 + (i - same) % (addresses_count - 1)];
    }
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    unsigned wanted = 0, same = 1;
    (void)info;
    for (int i = 0; i < argc; i++) {
        const char *value = strchr(argv[i], '=');
        if (!value++)
            return -1;
        if (g_str_has_prefix(argv[i], "hooks="))
            wanted = (unsigned)strtoul(value, NULL, 10);
        else if (g_str_has_prefix(argv[i], "same="))
            same = (unsigned)strtoul(value, NULL, 10);
        else if (g_str_has_prefix(argv[i], "start="))
            kernel_start = strtoull(value, NULL, 0);
        else if (g_str_has_prefix(argv[i], "end="))
            kernel_end = strtoull(value, NULL, 0);
        else if (g_str_has_prefix(argv[i], "wide="))
            word = *value == '1' ? 8 : 4;
        else if (g_str_has_prefix(argv[i], "late="))
            sleeping = *value == '1';
        else if (g_str_has_prefix(argv[i], "report="))
            report_path = g_strdup(value);
        else if (g_str_has_prefix(argv[i], "addresses=") && !read_addresses(value))
            return -1;
    }
    buffer = g_byte_array_new();
    set_hooks(wanted, same);
    qemu_plugin_register_vcpu_init_cb(id, on_vcpu QEMU_API_USERDATA);
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate QEMU_API_USERDATA);
    qemu_plugin_register_atexit_cb(id, on_exit_of_qemu, NULL);
    return 0;
}
